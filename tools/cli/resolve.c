/* parley resolve: how a prediction came out.
 *
 * Nothing is ever changed: a correction is one more row, and the last one counts. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/database.h"
#include "cli/page.h"
#include "id.h"
#include "json.h"
#include "number.h"
#include "pg.h"

static const char add_resolution[] =
    "WITH asked AS (SELECT id, job, p FROM predictions WHERE id = $1::uuid), "
    "before AS (SELECT outcome, source FROM outcomes WHERE prediction_id = $1::uuid), "
    "added AS (INSERT INTO resolutions (prediction_id, outcome, source, evidence, resolver) "
    "SELECT id, $2::float8, $3, $4, $5 FROM asked "
    "RETURNING outcome, resolved_at, source, evidence, resolver) "
    "SELECT json_build_object('id', asked.job, 'p', asked.p, 'outcome', added.outcome, "
    "'source', added.source, 'evidence', added.evidence, 'resolver', added.resolver, "
    "'resolved_at', added.resolved_at, 'supersedes', (SELECT row_to_json(before) FROM before)) "
    "FROM asked, added";

struct resolving {
    const struct cli *cli;
    bool found;
};

/* yes, no, or a share from 0 to 1. */
static bool read_outcome(const char *text, double *ret_outcome)
{
    char *end;

    if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0) {
        *ret_outcome = *text == 'y';
        return true;
    }
    *ret_outcome = strtod(text, &end);
    return *text >= '0' && *text <= '9' && *end == '\0' && *ret_outcome >= 0 && *ret_outcome <= 1;
}

static void print_outcome(struct buf *text, double outcome)
{
    if (outcome <= 0)
        buf_add_text(text, "no");
    else if (outcome >= 1)
        buf_add_text(text, "yes");
    else
        buf_addf(text, "%g", outcome);
}

static void print(const struct cli *cli, const struct json *row)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    const struct json *before = json_get(row, "supersedes");
    struct buf text;

    buf_init(&text, 8192);
    print_outcome(&text, json_get_number(row, "outcome", 0));
    buf_addf(&text, ", predicted at %.1f %%", 100 * json_get_number(row, "p", 0));
    if (before) {
        buf_add_text(&text, "; instead of ");
        print_outcome(&text, json_get_number(before, "outcome", 0));
        buf_addf(&text, " (%s)", json_get_string(before, "source", "").at);
    }
    page_row(&page, (struct margin){0}, PAGE_PLAIN, buf_span(&text));
    buf_deinit(&text);
}

static void on_rows(const struct pg_answer *answer, void *arg)
{
    struct resolving *resolving = arg;
    CLEANUP(json_freep) struct json *row = NULL;

    resolving->found = pg_answer_rows(answer) > 0;
    if (!resolving->found)
        return;
    struct span text = pg_answer_cell(answer, 0, 0);
    if (resolving->cli->json)
        fprintf(resolving->cli->out, "%s\n", text.at);
    else if (json_parse(text, NULL, &row, NULL) == 0)
        print(resolving->cli, row);
}

static int resolve(const struct cli *cli, const struct arguments *arguments, double outcome)
{
    struct resolving resolving = {cli, false};
    CLEANUP(pg_freep) struct pg *pg = NULL;
    char uuid[ID_UUID_BYTES], number[NUMBER_BYTES];
    const char *who = getenv("USER"), *id = arguments->operands[0];
    CLEANUP(charp_freep) char *uid = xprintf("uid %lu", (unsigned long)getuid());
    int r = cli_database(cli, "resolve", &pg);

    if (r != CLI_OK)
        return r;
    id_uuid(id, uuid);
    (void)number_text(outcome, number);
    const struct span values[] = {
        span_of(uuid),
        span_of(number),
        span_of(arguments->values[CLI_OPTION_SOURCE]),
        span_of(arguments->values[CLI_OPTION_EVIDENCE]),
        span_of(who && *who ? who : uid),
    };
    struct pg_batch *batch = pg_batch_new(CLI_DATABASE_MS);
    pg_batch_add(batch, add_resolution, ARRAY_SIZE(values), values);
    r = cli_transact(cli, "resolve", pg, batch, on_rows, &resolving);
    if (r == CLI_OK && !resolving.found) {
        fprintf(stderr,
                "parley resolve: the history has no prediction %s. Only jobs of the kind predict "
                "that succeeded have one, and the archivist must have copied it\n",
                id);
        return CLI_REFUSED;
    }
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *source = arguments->values[CLI_OPTION_SOURCE];
    double outcome = 0;

    if (!cli_is_id("resolve", arguments->operands[0]))
        return CLI_USAGE;
    if (!read_outcome(arguments->operands[1], &outcome)) {
        fprintf(stderr,
                "parley resolve: the outcome is yes, no or a share from 0 to 1, not \"%s\"\n",
                arguments->operands[1]);
        return CLI_USAGE;
    }
    if (!source || !*source) {
        fprintf(stderr, "parley resolve: who says so? --source TEXT is needed\n");
        return CLI_USAGE;
    }
    return resolve(cli, arguments, outcome);
}

const struct command command_resolve = {
    .name = "resolve",
    .operands = "ID OUTCOME",
    .min_operands = 2,
    .max_operands = 2,
    .options = 1U << CLI_OPTION_SOURCE | 1U << CLI_OPTION_EVIDENCE,
    .summary = "Say how a prediction came out",
    .help =
        "OUTCOME is yes, no, or a share from 0 to 1 where it came out in part. Nothing is "
        "changed by a\n"
        "correction: it is one more row, and the last one counts.\n\n"
        "  parley resolve ID yes --source 'their web page' --evidence https://example.org/news\n"
        "  parley calibration --by class\n",
    .run = run,
};
