/* parley tenants: what each tenant may use of the fleet, and what it has spent today.
 *
 * The settings stand in tenant:<t> in Redis and count from the next job or call on; what is not set
 * is as the programs' configuration says. Amounts are dollars, days are UTC by Redis' clock. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/page.h"
#include "cli/rates.h"
#include "json.h"
#include "money.h"
#include "redis.h"
#include "text.h"

#define MAX_TENANT_BYTES 128
#define MAX_COUNT 1000000000
#define MAX_WEIGHT 1000
#define UNSET "default"

static bool is_amount(const char *text)
{
    int64_t micro;

    return money_parse(span_of(text), &micro) == 0;
}

static bool is_count(const char *text)
{
    uint64_t count;

    return text_to_u64(span_of(text), MAX_COUNT, &count) == 0;
}

static bool is_weight(const char *text)
{
    char *end;
    double weight = strtod(text, &end);

    return *text >= '0' && *text <= '9' && *end == '\0' && weight >= 0.01 && weight <= MAX_WEIGHT;
}

// clang-format off
static const struct {
    enum cli_option option;
    const char *name, *field, *title, *wants;
    bool (*is_valid)(const char *text);
} settings[] = {
    {CLI_OPTION_BUDGET,      "budget-usd-day", "budget_usd_day", "A DAY",   "dollars like 5 or 0.25, 0 = no limit", is_amount},
    {CLI_OPTION_WEIGHT,      "weight",         "weight",         "WEIGHT",  "a number from 0.01 to 1000",           is_weight},
    {CLI_OPTION_MAX_RUNNING, "max-running",    "max_running",    "RUNNING", "a number of jobs, 0 = no limit",       is_count },
    {CLI_OPTION_MAX_OPEN,    "max-open",       "max_open",       "OPEN",    "a number of jobs",                     is_count },
};
// clang-format on
#define MAX_WORDS (4 + 2 * (ARRAY_SIZE(settings) + RATES_MAX) + 1)

static void add_limit(struct buf *row, const struct json *tenant, const char *name)
{
    if (json_get(tenant, name))
        buf_addf(row, " %9.6g", json_get_number(tenant, name, 0));
    else
        buf_addf(row, " %9s", "-");
}

static void print_tenant(const struct page *page, const struct json *tenant)
{
    double spent = json_get_number(tenant, "spent_usd", 0);
    double budget = json_get_number(tenant, "budget_usd_day", 0);
    struct buf row;

    buf_init(&row, 1024);
    buf_addf(&row, "%-20s %8" PRId64, json_get_string(tenant, "tenant", "").at,
             json_get_integer(tenant, "open", 0));
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        add_limit(&row, tenant, settings[i].field);
    buf_addf(&row, " %8" PRId64 " %11.6f %11.6f", json_get_integer(tenant, "calls", 0), spent,
             json_get_number(tenant, "held_usd", 0));
    rates_write(json_get(tenant, "rates"), &row);
    page_row(page, (struct margin){0}, budget > 0 && spent >= budget ? PAGE_RED : PAGE_PLAIN,
             buf_span(&row));
    buf_deinit(&row);
}

static void print_head(const struct page *page)
{
    struct buf row;

    buf_init(&row, 1024);
    buf_addf(&row, "%-20s %8s", "TENANT", "JOBS");
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        buf_addf(&row, " %9s", settings[i].title);
    buf_addf(&row, " %8s %11s %11s", "CALLS", "SPENT", "RESERVED");
    page_row(page, (struct margin){0}, PAGE_BOLD, buf_span(&row));
    buf_deinit(&row);
}

static int show(const struct cli *cli, struct redis *redis, const char *tenant)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    const char *const words[] = {"FCALL_RO", "parley1_money_tenants", "0", tenant, NULL};
    CLEANUP(json_freep) struct json *rows = NULL;
    int r = cli_ask(cli, redis, words, &rows);

    if (r != CLI_OK)
        return r;
    if (!cli->json)
        print_head(&page);
    for (size_t i = 0; i < json_length(rows); i++) {
        CLEANUP(charp_freep) char *text = json_text(json_at(rows, i));
        if (cli->json)
            fprintf(cli->out, "%s\n", text);
        else
            print_tenant(&page, json_at(rows, i));
    }
    return CLI_OK;
}

static bool is_tenant(const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] > '~')
            n = 0;
    if (n > 0 && n <= MAX_TENANT_BYTES)
        return true;
    fprintf(stderr, "parley tenants: \"%s\" cannot be a tenant's name\n", name);
    return false;
}

/* Adds field and value of each option given; 0 after saying that one is wrong, or that there is
 * none. */
static size_t add_settings(const struct arguments *arguments, struct rates *rates,
                           const char **words, size_t n)
{
    const char *own_rates = arguments->values[CLI_OPTION_RATE];
    size_t n_before = n;

    for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
        const char *value = arguments->values[settings[i].option];
        bool unset = value && strcmp(value, UNSET) == 0;

        if (!value)
            continue;
        if (!unset && !settings[i].is_valid(value)) {
            fprintf(stderr, "parley tenants: --%s wants %s, or \"" UNSET "\"; not \"%s\"\n",
                    settings[i].name, settings[i].wants, value);
            return 0;
        }
        words[n++] = settings[i].field;
        words[n++] = unset ? "" : value;
    }
    if (own_rates && !rates_read(own_rates, rates))
        return 0;
    for (size_t i = 0; i < rates->n; i++) {
        words[n++] = rates->fields[i];
        words[n++] = rates->values[i];
    }
    if (n > n_before)
        return n;
    fprintf(stderr, "parley tenants: nothing to set was given\nTry: parley tenants --help\n");
    return 0;
}

static int set(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *tenant = arguments->operands[1];
    const char *words[MAX_WORDS] = {"FCALL", "parley1_money_tenant_set", "0", tenant};
    CLEANUP(json_freep) struct json *done = NULL;
    struct rates rates = {0};

    if (!is_tenant(tenant) || add_settings(arguments, &rates, words, 4) == 0)
        return CLI_USAGE;
    int r = cli_ask(cli, redis, words, &done);
    return r == CLI_OK ? show(cli, redis, tenant) : r;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *verb = arguments->n_operands > 0 ? arguments->operands[0] : "ls";
    bool sets = strcmp(verb, "set") == 0 && arguments->n_operands == 2;

    if (!sets && (strcmp(verb, "ls") != 0 || arguments->n_operands > 1)) {
        fprintf(stderr,
                "parley tenants: it is \"ls\" or \"set TENANT --OPTION VALUE\"\nTry: parley "
                "tenants --help\n");
        return CLI_USAGE;
    }
    CLEANUP(redis_freep) struct redis *redis = redis_new(cli->loop, cli->redis);
    return sets ? set(cli, redis, arguments) : show(cli, redis, NULL);
}

const struct command command_tenants = {
    .name = "tenants",
    .operands = "[ls|set]",
    .max_operands = 2,
    .options = 1U << CLI_OPTION_BUDGET | 1U << CLI_OPTION_WEIGHT | 1U << CLI_OPTION_MAX_RUNNING |
               1U << CLI_OPTION_MAX_OPEN | 1U << CLI_OPTION_RATE,
    .summary = "Show and set what each tenant may use and spend",
    .help = "  parley tenants [ls]         who has settings or spent today, and what\n"
            "  parley tenants set TENANT   with at least one of the options below; \"default\" as "
            "a value\n"
            "                              goes back to the fleet's configuration\n\n"
            "A call that would exceed the budget of the day is not made: its job fails with code "
            "\"budget\", or\n"
            "waits when the job asked for that. SPENT counts calls in doubt after a crash at their "
            "worst "
            "case;\n"
            "RESERVED is what calls under way may cost at most. The day is UTC.\n",
    .run = run,
};
