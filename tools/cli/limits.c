/* parley limits: how many calls each provider is given at a time by the whole fleet, and the knobs.
 *
 * What is set here counts at once and until the workers' own configuration changes (slots.lua). A
 * provider nobody has configured is refused: a limit for it would be a typing error that nobody
 * sees. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/page.h"
#include "json.h"
#include "redis.h"
#include "text.h"

#define MAX_SLOTS 100000
#define MAX_RATE UINT64_C(1000000000000)
#define MAX_PAUSE_MS (7 * 24 * 3600 * 1000LL)

static void add_rate(struct buf *row, const struct json *provider, const char *name)
{
    int64_t rate = json_get_integer(provider, name, 0);

    if (rate > 0)
        buf_addf(row, " %10" PRId64, rate);
    else
        buf_addf(row, " %10s", "-");
}

static void print_provider(const struct page *page, const struct json *provider)
{
    int64_t paused_ms = json_get_integer(provider, "paused_ms", 0);
    char paused[PAGE_DURATION_BYTES];
    struct buf row;

    buf_init(&row, 1024);
    buf_addf(&row, "%-14s", json_get_string(provider, "provider", "").at);
    buf_addf(&row, " %7" PRId64 " %7" PRId64, json_get_integer(provider, "limit", 0),
             json_get_integer(provider, "max", 0));
    buf_addf(&row, " %7" PRId64 " %8" PRId64, json_get_integer(provider, "in_use", 0),
             json_get_integer(provider, "waiting", 0));
    buf_addf(&row, " %8s", paused_ms > 0 ? page_duration(paused_ms, paused) : "-");
    add_rate(&row, provider, "rpm");
    add_rate(&row, provider, "tpm");
    page_row(page, (struct margin){0}, paused_ms > 0 ? PAGE_RED : PAGE_PLAIN, buf_span(&row));
    buf_deinit(&row);
}

void limits_print(const struct page *page, const struct json *limits)
{
    char head[128];

    (void)snprintf(head, sizeof(head), "%-14s %7s %7s %7s %8s %8s %10s %10s", "PROVIDER", "LIMIT",
                   "MAX", "IN USE", "WAITING", "PAUSED", "RPM", "TPM");
    page_row(page, (struct margin){0}, PAGE_BOLD, span_of(head));
    for (size_t i = 0; i < json_length(limits); i++)
        print_provider(page, json_at(limits, i));
}

static int ask_limits(const struct cli *cli, struct redis *redis, struct json **ret_limits)
{
    const char *const words[] = {"FCALL_RO", "parley1_limits", "0", NULL};

    return cli_ask(cli, redis, words, ret_limits);
}

static int show(const struct cli *cli, struct redis *redis, const char *provider)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    CLEANUP(json_freep) struct json *limits = NULL;
    int r = ask_limits(cli, redis, &limits);

    if (r != CLI_OK)
        return r;
    CLEANUP(json_freep) struct json *shown = json_array();
    for (size_t i = 0; i < json_length(limits); i++) {
        const struct json *row = json_at(limits, i);
        if (!provider || span_equal(json_get_string(row, "provider", ""), span_of(provider)))
            json_append(shown, json_copy(row));
    }
    if (!cli->json) {
        limits_print(&page, shown);
        return CLI_OK;
    }
    for (size_t i = 0; i < json_length(shown); i++) {
        CLEANUP(charp_freep) char *text = json_text(json_at(shown, i));
        fprintf(cli->out, "%s\n", text);
    }
    return CLI_OK;
}

/* Its facts as they stand now, to be freed. */
static int find(const struct cli *cli, struct redis *redis, const char *name,
                struct json **ret_provider)
{
    CLEANUP(json_freep) struct json *limits = NULL;
    int r = ask_limits(cli, redis, &limits);

    for (size_t i = 0; r == CLI_OK && i < json_length(limits); i++) {
        if (!span_equal(json_get_string(json_at(limits, i), "provider", ""), span_of(name)))
            continue;
        *ret_provider = json_copy(json_at(limits, i));
        return CLI_OK;
    }
    if (r != CLI_OK)
        return r;
    fprintf(stderr, "parley limits: no worker has configured a provider \"%s\"; there %s", name,
            json_length(limits) == 0 ? "is none" : "are:");
    for (size_t i = 0; i < json_length(limits); i++)
        fprintf(stderr, " %s", json_get_string(json_at(limits, i), "provider", "").at);
    fputc('\n', stderr);
    return CLI_REFUSED;
}

static int ask_number(const struct arguments *arguments, enum cli_option option, uint64_t *value)
{
    if (!arguments_number(arguments, option, value))
        return CLI_USAGE;
    if (*value <= MAX_RATE)
        return CLI_OK;
    fprintf(stderr, "parley limits: --rpm and --tpm are at most %" PRIu64 "\n", MAX_RATE);
    return CLI_USAGE;
}

static int list(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    (void)arguments;
    return show(cli, redis, NULL);
}

static int set(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *name = arguments->operands[1], *wanted = arguments->operands[2];
    CLEANUP(json_freep) struct json *provider = NULL, *done = NULL;
    uint64_t slots = 0;

    if (text_to_u64(span_of(wanted), MAX_SLOTS, &slots) < 0) {
        fprintf(stderr, "parley limits: \"%s\" is no number of calls from 0 to %d\n", wanted,
                MAX_SLOTS);
        return CLI_USAGE;
    }
    int r = find(cli, redis, name, &provider);
    if (r != CLI_OK)
        return r;
    uint64_t rpm = (uint64_t)json_get_integer(provider, "rpm", 0);
    uint64_t tpm = (uint64_t)json_get_integer(provider, "tpm", 0);
    if (ask_number(arguments, CLI_OPTION_RPM, &rpm) != CLI_OK ||
        ask_number(arguments, CLI_OPTION_TPM, &tpm) != CLI_OK)
        return CLI_USAGE;
    CLEANUP(charp_freep) char *limit = xprintf("%" PRIu64, slots);
    CLEANUP(charp_freep) char *requests = xprintf("%" PRIu64, rpm);
    CLEANUP(charp_freep) char *tokens = xprintf("%" PRIu64, tpm);
    const char *const words[] = {"FCALL", "parley1_slots_limit", "0", name, limit, requests, tokens,
                                 NULL};
    r = cli_ask(cli, redis, words, &done);
    return r == CLI_OK ? show(cli, redis, name) : r;
}

static int pause_provider(struct cli *cli, struct redis *redis, const struct arguments *arguments)
{
    const char *name = arguments->operands[1], *wanted = arguments->operands[2];
    CLEANUP(json_freep) struct json *provider = NULL, *done = NULL;
    CLEANUP(json_freep) struct json *pumped = NULL;
    bool off = span_equal(span_of(wanted), SPAN("off"));
    int64_t pause_ms = 0;

    if (!off && (text_to_duration(span_of(wanted), &pause_ms) < 0 || pause_ms > MAX_PAUSE_MS)) {
        fprintf(stderr,
                "parley limits: \"%s\" is no time like 30s, 5m or 24h (at most 7d), nor \"off\"\n",
                wanted);
        return CLI_USAGE;
    }
    int r = find(cli, redis, name, &provider);
    if (r != CLI_OK)
        return r;
    /* Redis' own clock, not this machine's. */
    int64_t until_ms = off ? 0 : json_get_integer(provider, "now_ms", 0) + pause_ms;
    CLEANUP(charp_freep) char *key = xprintf("sem:{%s}:st", name);
    CLEANUP(charp_freep) char *until = xprintf("%" PRId64, until_ms);
    const char *const hset[] = {"HSET", key, "paused_until", until, NULL};
    /* Whoever waits is served at once when the pause is over before its time. */
    const char *const pump[] = {"FCALL", "parley1_slots_pump", "0", name, NULL};
    r = cli_ask(cli, redis, hset, &done);
    if (r == CLI_OK)
        r = cli_ask(cli, redis, pump, &pumped);
    return r == CLI_OK ? show(cli, redis, name) : r;
}

static const struct cli_verb verbs[] = {
    {"ls",    1, list          },
    {"set",   3, set           },
    {"pause", 3, pause_provider},
    {NULL,    0, NULL          },
};

static int run(struct cli *cli, const struct arguments *arguments)
{
    return cli_run_verb(cli, arguments, verbs, "limits",
                        "\"ls\", \"set PROVIDER N\" or \"pause PROVIDER TIME\"");
}

const struct command command_limits = {
    .name = "limits",
    .operands = "[ls|set|pause]",
    .max_operands = 3,
    .options = 1U << CLI_OPTION_RPM | 1U << CLI_OPTION_TPM,
    .summary = "Show and set how many calls each provider is given",
    .help =
        "  parley limits [ls]                  the limits, and how they are used now\n"
        "  parley limits set PROVIDER N        so many calls at a time over the whole fleet (0 =\n"
        "                                      none); with --rpm and --tpm the rates too; ends a\n"
        "                                      pause\n"
        "  parley limits pause PROVIDER TIME   no new call for 30s, 5m …; \"off\" ends the "
        "pause\n\n"
        "LIMIT is what is allowed now: the fleet lowers it when the provider is overloaded and "
        "raises it\n"
        "again up to MAX, which is what was set. WAITING counts at most six calls a job. What is "
        "set counts\n"
        "at once, and until the workers are started with other limits. Lowering interrupts no "
        "call.\n",
    .run = run,
};
