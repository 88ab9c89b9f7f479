/* The result of a simulation for a person: a table and a histogram an output, then what drives it,
 * what was drawn from, warnings, and the hashes that let somebody else check it.
 *
 * Everything is read from the result object alone, so it shows a result of the fleet just as well.
 * A number has as many digits as its interval lets one believe. Lines fit in 80 columns; bars are
 * block characters where the locale has them and # elsewhere. */
#include "cli/sim_page.h"

#include <langinfo.h>
#include <math.h>

#include "buf.h"
#include "json.h"

#define MAX_COLUMNS 80
#define LINE_BYTES 1024
#define NUMBER_BYTES 40
#define MAX_BARS 16
#define LABEL_COLUMNS 26
#define BAR_COLUMNS 40
#define SMALL_BAR_COLUMNS 10
/* So much of the trials at either end shares one bar: else one far trial would squeeze the rest. */
#define TAIL_SHARE 0.005
#define EIGHTHS 8
#define MISSING ((double)NAN) /* of a number that the result has not */

/* The characters of the locale. */
struct glyphs {
    const char *plus_minus, *to, *full, *part[EIGHTHS];
};

static const struct glyphs ascii = {
    "+-", "..", "#", {"", "", "", "", "#", "#", "#", "#"}
};
static const struct glyphs utf8 = {
    "±", "…", "█", {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}
};

struct view {
    struct page page;
    const struct glyphs *glyphs;
    double level; /* of the intervals */
};

static void row(const struct view *view, enum page_colour colour, struct buf *line)
{
    page_row(&view->page, (struct margin){0}, colour, buf_span(line));
    buf_clear(line);
}

/* Text in a column of its own: to the right of it, or to the left with columns < 0. */
static void add_cell(struct buf *line, int columns, const char *text)
{
    size_t room = (size_t)(columns < 0 ? -columns : columns), n = page_columns(span_of(text));

    if (columns < 0)
        buf_add_text(line, text);
    for (size_t i = n; i < room; i++)
        buf_add_char(line, ' ');
    if (columns >= 0)
        buf_add_text(line, text);
}

/* Two digits of the error are shown, and all digits before them. */
static const char *number(double value, double error, char out[NUMBER_BYTES])
{
    double size = fabs(value);

    if (!isfinite(error) || error <= 0)
        (void)snprintf(out, NUMBER_BYTES, "%.6g", value);
    else if (size >= 1e9 || error < 1e-9)
        (void)snprintf(out, NUMBER_BYTES, "%.*g",
                       (int)fmin(15, fmax(3, floor(log10(size / error)) + 2)), value);
    else
        (void)snprintf(out, NUMBER_BYTES, "%.*f", (int)fmax(0, 1 - floor(log10(error))), value);
    return out;
}

static double half_width(const struct json *ci)
{
    return (json_number(json_at(ci, 1)) - json_number(json_at(ci, 0))) / 2;
}

/* "low … high" of an estimate {"ci":[low,high]}. */
static void add_interval(const struct view *view, struct buf *line, const struct json *estimate,
                         double scale)
{
    const struct json *ci = json_get(estimate, "ci");
    double error = half_width(ci) * scale;
    char low[NUMBER_BYTES], high[NUMBER_BYTES];

    if (json_length(ci) == 2)
        buf_addf(line, "  %s %s %s", number(json_number(json_at(ci, 0)) * scale, error, low),
                 view->glyphs->to, number(json_number(json_at(ci, 1)) * scale, error, high));
}

static void write_mean(const struct view *view, const struct json *output)
{
    const struct json *mean = json_get(output, "mean");
    double error = half_width(json_get(mean, "ci"));
    char text[NUMBER_BYTES];
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "mean %s", number(json_get_number(mean, "value", MISSING), error, text));
    buf_addf(&line, " %s %s", view->glyphs->plus_minus, number(error, error, text));
    buf_addf(&line, "   sd %s", number(json_get_number(output, "sd", MISSING), error, text));
    buf_addf(&line, "   from %s", number(json_get_number(output, "min", MISSING), error, text));
    buf_addf(&line, " to %s", number(json_get_number(output, "max", MISSING), error, text));
    row(view, PAGE_PLAIN, &line);
    buf_deinit(&line);
}

/* ---- histogram ---- */

struct bar {
    double low, high, count;
};

struct bars {
    struct bar at[MAX_BARS + 2]; /* and the two tails */
    size_t n;
    double highest, total;
};

/* How many bins at this end hold less than the tail's share together. */
static size_t tail_bins(const struct json *counts, double share, bool upper)
{
    size_t n = json_length(counts), i = 0;
    double sum = 0;

    for (; i < n; i++) {
        sum += json_number(json_at(counts, upper ? n - 1 - i : i));
        if (sum > share)
            break;
    }
    return i;
}

static void add_bar(struct bars *bars, const struct json *histogram, size_t from, size_t to)
{
    const struct json *edges = json_get(histogram, "edges"),
                      *counts = json_get(histogram, "counts");
    struct bar *bar = &bars->at[bars->n];

    if (from == to)
        return;
    *bar = (struct bar){json_number(json_at(edges, from)), json_number(json_at(edges, to)), 0};
    for (size_t i = from; i < to; i++)
        bar->count += json_number(json_at(counts, i));
    bars->highest = fmax(bars->highest, bar->count);
    bars->n++;
}

static struct bars bars_of(const struct json *histogram)
{
    const struct json *counts = json_get(histogram, "counts");
    size_t n = json_length(counts);
    struct bars bars = {0};

    for (size_t i = 0; i < n; i++)
        bars.total += json_number(json_at(counts, i));
    size_t low = tail_bins(counts, bars.total * TAIL_SHARE, false);
    size_t high = n - tail_bins(counts, bars.total * TAIL_SHARE, true);
    size_t each = (high - low + MAX_BARS - 1) / MAX_BARS;

    add_bar(&bars, histogram, 0, low);
    for (size_t i = low; i < high; i += each)
        add_bar(&bars, histogram, i, i + each < high ? i + each : high);
    add_bar(&bars, histogram, high, n);
    return bars;
}

static void add_blocks(const struct view *view, struct buf *line, double share, size_t columns)
{
    long eighths = lround(fmin(fmax(share, 0), 1) * (double)columns * EIGHTHS);

    for (; eighths >= EIGHTHS; eighths -= EIGHTHS)
        buf_add_text(line, view->glyphs->full);
    buf_add_text(line, view->glyphs->part[eighths]);
}

static void write_histogram(const struct view *view, const struct json *histogram)
{
    struct bars bars = bars_of(histogram);
    struct buf line, label;

    buf_init(&line, LINE_BYTES);
    buf_init(&label, LINE_BYTES);
    for (size_t i = 0; i < bars.n; i++) {
        const struct bar *bar = &bars.at[i];
        buf_addf(&label, "%.5g %s %.5g", bar->low, view->glyphs->to, bar->high);
        add_cell(&line, LABEL_COLUMNS, label.at);
        buf_add_char(&line, ' ');
        add_blocks(view, &line, bars.highest > 0 ? bar->count / bars.highest : 0, BAR_COLUMNS);
        double percent = bars.total > 0 ? 100 * bar->count / bars.total : 0;
        buf_addf(&line, " %.*g%%", percent < 99.5 ? 2 : 3, percent);
        row(view, PAGE_PLAIN, &line);
        buf_clear(&label);
    }
    buf_deinit(&line);
    buf_deinit(&label);
}

/* ---- tables ---- */

static void write_percentiles(const struct view *view, const struct json *percentiles)
{
    struct buf line;

    buf_init(&line, LINE_BYTES);
    for (size_t i = 0; i < json_length(percentiles); i++) {
        const struct json *one = json_at(percentiles, i);
        char name[NUMBER_BYTES], text[NUMBER_BYTES];
        (void)snprintf(name, sizeof(name), "p%g", json_get_number(one, "p", 0));
        add_cell(&line, 8, name);
        add_cell(
            &line, 16,
            number(json_get_number(one, "value", MISSING), half_width(json_get(one, "ci")), text));
        add_interval(view, &line, one, 1);
        row(view, PAGE_PLAIN, &line);
    }
    buf_deinit(&line);
}

/* A probability in per cent: of P (with its expression) and of ask. */
static void write_probability(const struct view *view, const char *name, const struct json *one)
{
    char text[NUMBER_BYTES];
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "%s = %s%%", name,
             number(100 * json_get_number(one, "value", MISSING),
                    100 * half_width(json_get(one, "ci")), text));
    add_interval(view, &line, one, 100);
    buf_add_char(&line, '%');
    page_text(&view->page, (struct margin){0}, PAGE_BOLD, buf_span(&line));
    buf_deinit(&line);
}

static void write_probabilities(const struct view *view, const struct json *list)
{
    for (size_t i = 0; i < json_length(list); i++) {
        const struct json *one = json_at(list, i);
        CLEANUP(charp_freep) char *name = xprintf("P(%s)", json_get_string(one, "expr", "").at);
        write_probability(view, name, one);
    }
}

static void write_drivers(const struct view *view, const struct json *drivers)
{
    struct buf line;

    if (json_length(drivers) == 0)
        return;
    buf_init(&line, LINE_BYTES);
    add_cell(&line, -20, "driver");
    add_cell(&line, 12, "rank corr.");
    add_cell(&line, 12, "swing");
    buf_add_text(&line, "  share of variance");
    row(view, PAGE_DIM, &line);
    for (size_t i = 0; i < json_length(drivers); i++) {
        const struct json *one = json_at(drivers, i);
        double share = json_get_number(one, "S1", 0);
        char text[NUMBER_BYTES];
        (void)snprintf(text, sizeof(text), "%.19s", json_get_string(one, "name", "").at);
        add_cell(&line, -20, text);
        (void)snprintf(text, sizeof(text), "%+.2f", json_get_number(one, "spearman", MISSING));
        add_cell(&line, 12, text);
        (void)snprintf(text, sizeof(text), "%.4g", json_get_number(one, "swing_p10_p90", MISSING));
        add_cell(&line, 12, text);
        buf_addf(&line, "  %3.0f%% ", 100 * share);
        add_blocks(view, &line, share, SMALL_BAR_COLUMNS);
        row(view, PAGE_PLAIN, &line);
    }
    buf_deinit(&line);
}

static bool write_output(const char *name, const struct json *output, void *arg)
{
    const struct view *view = arg;
    const struct json *histogram = json_get(output, "histogram");
    struct buf line;

    buf_init(&line, LINE_BYTES);
    row(view, PAGE_PLAIN, &line);
    buf_add_text(&line, name);
    row(view, PAGE_BOLD, &line);
    buf_deinit(&line);
    write_mean(view, output);
    write_probabilities(view, json_get(output, "P"));
    if (histogram)
        write_histogram(view, histogram);
    write_percentiles(view, json_get(output, "percentiles"));
    write_drivers(view, json_get(output, "drivers"));
    return true;
}

/* ---- what was computed ---- */

static bool add_member(const char *key, const struct json *value, void *arg)
{
    struct buf *line = arg;
    CLEANUP(charp_freep) char *text = json_text(value);

    if (strcmp(key, "dist") == 0)
        return true;
    if (json_is(value, JSON_NUMBER))
        buf_addf(line, " %s %.6g", key, json_number(value));
    else
        buf_addf(line, " %s %s", key, text);
    return true;
}

static bool write_resolved(const char *name, const struct json *dist, void *arg)
{
    const struct view *view = arg;
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "%s: %s", name, json_get_string(dist, "dist", "").at);
    json_each(dist, add_member, &line);
    page_text(&view->page, (struct margin){.indent = 2}, PAGE_DIM, buf_span(&line));
    buf_deinit(&line);
    return true;
}

static void write_warnings(const struct view *view, const struct json *warnings)
{
    for (size_t i = 0; i < json_length(warnings); i++) {
        const struct json *one = json_at(warnings, i);
        CLEANUP(charp_freep)
        char *text =
            xprintf("warning %s %s: %s", json_get_string(one, "code", "").at,
                    json_get_string(one, "path", "").at, json_get_string(one, "message", "").at);
        page_text(&view->page, (struct margin){0}, PAGE_RED, span_of(text));
    }
}

static void write_origin(const struct view *view, const struct json *result)
{
    static const char *const hashes[] = {"model_hash", "result_hash"};
    struct buf line;

    buf_init(&line, LINE_BYTES);
    row(view, PAGE_PLAIN, &line);
    buf_addf(&line, "%lld trials, intervals of %g%%%s",
             (long long)json_get_integer(result, "trials", 0), 100 * view->level,
             json_get_bool(result, "partial", false) ? ", ended early" : "");
    page_text(&view->page, (struct margin){0}, PAGE_PLAIN, buf_span(&line));
    buf_clear(&line);
    buf_addf(&line, "seed %s, %s, %s", json_get_string(result, "seed", "").at,
             json_get_string(result, "rng", "").at, json_get_string(result, "engine", "").at);
    page_text(&view->page, (struct margin){0}, PAGE_DIM, buf_span(&line));
    buf_clear(&line);
    for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
        buf_add_text(&line, hashes[i]);
        row(view, PAGE_DIM, &line);
        buf_addf(&line, "  %s", json_get_string(result, hashes[i], "").at);
        row(view, PAGE_DIM, &line);
    }
    buf_deinit(&line);
}

void sim_page_result(const struct page *page, const struct json *result)
{
    struct view view = {
        .page = *page,
        .glyphs = strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? &utf8 : &ascii,
        .level = json_get_number(result, "ci", 0.95),
    };

    view.page.width = page->width < MAX_COLUMNS ? page->width : MAX_COLUMNS;
    write_warnings(&view, json_get(result, "warnings"));
    json_each(json_get(result, "outputs"), write_output, &view);
    page_row(&view.page, (struct margin){0}, PAGE_PLAIN, SPAN(""));
    page_row(&view.page, (struct margin){0}, PAGE_BOLD, SPAN("drawn from"));
    json_each(json_get(result, "resolved"), write_resolved, &view);
    write_origin(&view, result);
}
