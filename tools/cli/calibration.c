/* parley calibration: how good the predictions were.
 *
 * The figures are those of the database's view "calibration" (schemas/sql/); only the ranges are
 * worked out here, from the scores of the view "scored". Both come by group in the same order. */
#include "cli/calibration.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/database.h"
#include "cli/page.h"
#include "json.h"
#include "pg.h"
#include "text.h"

static const char figures_sql[] = "SELECT row_to_json(c) FROM calibration c "
                                  "WHERE facet = $1 AND backtest = $2::boolean ORDER BY value";
static const char scores_sql[] =
    "SELECT value, brier, log_score, base_brier FROM scored "
    "WHERE facet = $1 AND backtest = $2::boolean AND outcome IS NOT NULL ORDER BY value, id";

struct figures {
    struct json **rows; /* owned, as all in it */
    size_t n;
};

static void figures_deinit(struct figures *figures)
{
    for (size_t i = 0; i < figures->n; i++)
        json_free(figures->rows[i]);
    free(figures->rows);
}

static void on_figures(const struct pg_answer *answer, void *arg)
{
    struct figures *figures = arg;
    size_t n = pg_answer_rows(answer);

    figures->rows = xcalloc(n + 1, sizeof(struct json *));
    for (size_t i = 0; i < n; i++)
        if (json_parse(pg_answer_cell(answer, i, 0), NULL, &figures->rows[figures->n], NULL) == 0)
            figures->n++;
}

/* ---- ranges ---- */

static double number_at(const struct pg_answer *answer, size_t row, size_t column)
{
    return strtod(pg_answer_cell(answer, row, column).at, NULL);
}

static struct json *range_json(struct calibration_range range)
{
    struct json *json = json_array();

    json_append(json, json_new_number(range.low));
    json_append(json, json_new_number(range.high));
    return json;
}

/* The n scores from `first` on are those of the group. */
static struct json *ranges_json(const struct pg_answer *answer, size_t first, size_t n)
{
    struct calibration_score *scores = xcalloc(n, sizeof(*scores));
    struct calibration_ranges ranges;
    struct json *json = json_object();

    for (size_t i = 0; i < n; i++)
        scores[i] = (struct calibration_score){number_at(answer, first + i, 1),
                                               number_at(answer, first + i, 2),
                                               number_at(answer, first + i, 3)};
    calibration_bootstrap(scores, n, &ranges);
    free(scores);
    json_set(json, "brier", range_json(ranges.brier));
    json_set(json, "log_score", range_json(ranges.log_score));
    json_set(json, "skill", range_json(ranges.skill));
    return json;
}

/* Groups that are too small to be shown have no ranges either. */
static void on_scores(const struct pg_answer *answer, void *arg)
{
    const struct figures *figures = arg;
    size_t n_scores = pg_answer_rows(answer), first = 0;

    for (size_t i = 0; i < figures->n && first < n_scores; i++) {
        struct span group = json_get_string(figures->rows[i], "value", "");
        size_t n = 0;
        while (first + n < n_scores && span_equal(pg_answer_cell(answer, first + n, 0), group))
            n++;
        if (n > 0 && json_has(figures->rows[i], "brier") && json_get(figures->rows[i], "brier"))
            json_set(figures->rows[i], "ranges95", ranges_json(answer, first, n));
        first += n;
    }
}

/* ---- a table ---- */

static void add_ranged(struct buf *line, const struct json *row, const char *name)
{
    const struct json *range = json_get(json_get(row, "ranges95"), name);
    char text[64];

    (void)snprintf(text, sizeof(text), "%.3f (%.3f to %.3f)", json_get_number(row, name, 0),
                   json_number(json_at(range, 0)), json_number(json_at(range, 1)));
    buf_addf(line, "  %-24s", text);
}

static void add_plain(struct buf *line, const struct json *row)
{
    static const char *const names[] = {"reliability", "resolution", "uncertainty", "ece"};
    static const char *const shares[] = {"coverage50", "coverage80", "coverage95"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        buf_addf(line, " %6.3f", json_get_number(row, names[i], 0));
    for (size_t i = 0; i < ARRAY_SIZE(shares); i++)
        buf_addf(line, " %4.0f%%", 100 * json_get_number(row, shares[i], 0));
}

static void print_row(const struct page *page, const struct json *row)
{
    struct buf line;

    buf_init(&line, 4096);
    buf_addf(&line, "%-22.60s %6.0f %7.0f %4.0f%%", json_get_string(row, "value", "").at,
             json_get_number(row, "questions", 0), json_get_number(row, "n", 0),
             100 * json_get_number(row, "resolved_share", 0));
    if (json_get(row, "brier")) {
        add_ranged(&line, row, "brier");
        add_ranged(&line, row, "log_score");
        add_ranged(&line, row, "skill");
        add_plain(&line, row);
    } else {
        buf_add_text(&line, "  fewer than 30 are resolved: nothing can be said yet");
    }
    page_row(page, (struct margin){0}, PAGE_PLAIN, buf_span(&line));
    buf_deinit(&line);
}

static void print(const struct cli *cli, const char *facet, const struct figures *figures)
{
    const struct page page = {cli->out, cli->colour, cli->width};
    struct buf head;

    buf_init(&head, 1024);
    buf_addf(&head, "%-22s %6s %7s %5s  %-24s  %-24s  %-24s %6s %6s %6s %6s %5s %5s %5s", facet,
             "ASKED", "KNOWN", "", "BRIER", "LOG SCORE", "SKILL", "REL", "RES", "UNC", "ECE", "50",
             "80", "95");
    page_row(&page, (struct margin){0}, PAGE_BOLD, buf_span(&head));
    buf_deinit(&head);
    for (size_t i = 0; i < figures->n; i++)
        print_row(&page, figures->rows[i]);
}

static void print_json(const struct cli *cli, const struct figures *figures)
{
    for (size_t i = 0; i < figures->n; i++) {
        CLEANUP(charp_freep) char *text = json_text(figures->rows[i]);
        fprintf(cli->out, "%s\n", text);
    }
}

/* ---- the command ---- */

static int ask(const struct cli *cli, struct pg *pg, const char *sql, const struct span values[2],
               cli_rows_fn *on_rows, struct figures *figures)
{
    struct pg_batch *batch = pg_batch_new(CLI_DATABASE_MS);

    pg_batch_add(batch, sql, 2, values);
    return cli_transact(cli, "calibration", pg, batch, on_rows, figures);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    static const char groups[] = "class|type|grade|extractor|month";
    const char *facet = arguments->values[CLI_OPTION_BY];
    CLEANUP(figures_deinit) struct figures figures = {0};
    CLEANUP(pg_freep) struct pg *pg = NULL;

    if (facet && !text_listed(groups, span_of(facet))) {
        fprintf(stderr, "parley calibration: --by wants one of %s, not \"%s\"\n", groups, facet);
        return CLI_USAGE;
    }
    if (!facet)
        facet = "all";
    const struct span values[] = {
        span_of(facet),
        arguments->values[CLI_OPTION_BACKTESTS] ? SPAN("true") : SPAN("false"),
    };
    int r = cli_database(cli, "calibration", &pg);
    if (r == CLI_OK)
        r = ask(cli, pg, figures_sql, values, on_figures, &figures);
    if (r == CLI_OK)
        r = ask(cli, pg, scores_sql, values, on_scores, &figures);
    if (r != CLI_OK)
        return r;
    if (cli->json)
        print_json(cli, &figures);
    else
        print(cli, facet, &figures);
    return CLI_OK;
}

const struct command command_calibration = {
    .name = "calibration",
    .operands = "",
    .max_operands = 0,
    .options = 1U << CLI_OPTION_BY | 1U << CLI_OPTION_BACKTESTS,
    .summary = "Show how good the predictions were",
    .help =
        "Of the predictions that were resolved (parley resolve), a question that was asked "
        "again counted once:\n\n"
        "  BRIER, LOG SCORE   0 is perfect; in brackets how far chance may have moved them (95 "
        "%)\n"
        "  SKILL              against saying the class's base rate each time: above 0 is "
        "better, 1 perfect\n"
        "  REL, RES, UNC      Murphy's parts of the Brier score, over ten bins of equal count: "
        "how far the\n"
        "                     numbers are from what happened, how well they tell apart, how "
        "hard it was\n"
        "  ECE                mean distance of what was said from what happened, over the bins\n"
        "  50, 80, 95         share of questions in bins whose mean interval holds what "
        "happened\n\n"
        "KNOWN is how many are resolved, and their share: who resolves chooses, so a small "
        "share may flatter.\n"
        "Groups with fewer than 30 are not judged.\n",
    .run = run,
};
