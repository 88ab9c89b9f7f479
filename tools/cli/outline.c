/* JSON values for a person: members as "name: value", arrays as items, histograms as bars; or all
 * of it on one line; or only what is short. Nulls and empty lists are left out: they say nothing.
 * Depth, items and bars have a maximum, so that a large value stays a screen and not a flood. */
#include "cli/outline.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "cli/page.h"
#include "json.h"
#include "text.h"

#define BAR_COLUMNS 40
#define MAX_BARS 12
#define N_BLOCKS 8
#define MAX_DEPTH 6
#define MAX_ITEMS 40
/* A member of a summary that takes more lines than this is only counted. */
#define SUMMARY_LINES 16
/* Values up to this many columns share their line with their name. */
#define SHORT_COLUMNS 60

static void add_scalar(struct buf *out, const struct json *value)
{
    double number = json_number(value);

    switch (json_type(value)) {
    case JSON_NULL: buf_add_text(out, "-"); break;
    case JSON_BOOL: buf_add_text(out, json_bool(value) ? "yes" : "no"); break;
    case JSON_INTEGER: buf_addf(out, "%" PRId64, json_integer(value)); break;
    case JSON_NUMBER: buf_addf(out, fabs(number) < 1e7 ? "%.4g" : "%.6g", number); break;
    case JSON_STRING: buf_add_span(out, json_string(value)); break;
    case JSON_ARRAY:
    case JSON_OBJECT: buf_add_text(out, "…"); break;
    }
}

/* One bar. label holds the values at its ends. */
static void write_bar(const struct page *page, struct margin margin, const char *label,
                      double count, double highest)
{
    struct buf line;
    size_t n = highest > 0 ? (size_t)lround(count / highest * BAR_COLUMNS) : 0;

    buf_init(&line, 1024);
    buf_addf(&line, "%24s ", label);
    for (size_t i = 0; i < n; i++)
        buf_add_text(&line, "█");
    buf_addf(&line, "%s%.6g", n > 0 ? " " : "", count);
    page_row(page, margin, PAGE_PLAIN, buf_span(&line));
    buf_deinit(&line);
}

/* {"edges":[n + 1 numbers],"counts":[n numbers]} */
static bool is_histogram(const struct json *value)
{
    size_t n = json_length(json_get(value, "counts"));

    return n > 0 && json_length(json_get(value, "edges")) == n + 1;
}

struct bars {
    size_t n, each; /* how many, and how many counts each joins */
    double counts[MAX_BARS], highest;
};

/* Neighbours are joined until they fit on a screen. */
static struct bars bars_of(const struct json *histogram)
{
    const struct json *counts = json_get(histogram, "counts");
    size_t n = json_length(counts);
    struct bars bars = {.each = (n + MAX_BARS - 1) / MAX_BARS};

    bars.n = (n - 1) / bars.each + 1;
    for (size_t i = 0; i < n; i++)
        bars.counts[i / bars.each] += json_number(json_at(counts, i));
    for (size_t i = 0; i < bars.n; i++)
        bars.highest = fmax(bars.highest, bars.counts[i]);
    return bars;
}

static void write_histogram(const struct page *page, struct margin margin, const struct json *value)
{
    const struct json *edges = json_get(value, "edges");
    struct bars bars = bars_of(value);
    size_t n = json_length(edges) - 1;

    for (size_t i = 0; i < bars.n; i++) {
        size_t last = (i + 1) * bars.each < n ? (i + 1) * bars.each : n;
        char label[64];

        (void)snprintf(label, sizeof(label), "%.4g .. %.4g",
                       json_number(json_at(edges, i * bars.each)),
                       json_number(json_at(edges, last)));
        write_bar(page, margin, label, bars.counts[i], bars.highest);
    }
}

/* One block a bar, as high as its count. */
static void add_spark(struct buf *out, const struct json *histogram)
{
    static const char *const blocks[N_BLOCKS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct bars bars = bars_of(histogram);

    for (size_t i = 0; i < bars.n; i++) {
        double height = bars.highest > 0 ? bars.counts[i] / bars.highest : 0;

        buf_add_text(out, blocks[lround(fmax(height, 0) * (N_BLOCKS - 1))]);
    }
}

static bool is_composite(const struct json *value)
{
    return json_is(value, JSON_ARRAY) || json_is(value, JSON_OBJECT);
}

static bool says_nothing(const struct json *value)
{
    return json_type(value) == JSON_NULL || (is_composite(value) && json_length(value) == 0);
}

/* "a, b, c" when every item is a scalar and all of it is short. */
static bool add_short_list(struct buf *out, const struct json *array)
{
    for (size_t i = 0; i < json_length(array); i++) {
        if (is_composite(json_at(array, i)))
            return false;
        buf_add_text(out, i > 0 ? ", " : "");
        add_scalar(out, json_at(array, i));
    }
    return page_columns(buf_span(out)) <= SHORT_COLUMNS;
}

struct outline {
    const struct page *page;
    struct margin margin;
    unsigned depth;
};

static void write_value(const struct outline *outline, const char *name, const struct json *value);

/* "half_width" -> "half width" */
static char *spoken(const char *key)
{
    char *name = xstrdup(key);

    for (char *at = name; *at; at++)
        if (*at == '_')
            *at = ' ';
    return name;
}

static bool write_member(const char *key, const struct json *value, void *arg)
{
    const struct outline *outline = arg;
    CLEANUP(charp_freep) char *name = spoken(key);

    if (!says_nothing(value))
        write_value(outline, name, value);
    return true;
}

static void write_items(const struct outline *outline, const struct json *array)
{
    size_t n = json_length(array);

    for (size_t i = 0; i < n && i < MAX_ITEMS; i++)
        write_value(outline, "-", json_at(array, i));
    if (n > MAX_ITEMS) {
        CLEANUP(charp_freep) char *more = xprintf("… and %zu more", n - MAX_ITEMS);

        page_text(outline->page, outline->margin, PAGE_DIM, span_of(more));
    }
}

static void write_inside(const struct outline *outline, const struct json *value)
{
    if (outline->depth >= MAX_DEPTH)
        page_text(outline->page, outline->margin, PAGE_DIM, SPAN("…"));
    else if (json_is(value, JSON_ARRAY))
        write_items(outline, value);
    else if (is_histogram(value))
        write_histogram(outline->page, outline->margin, value);
    else
        json_each(value, write_member,
                  &(struct outline){outline->page, outline->margin, outline->depth});
}

static void write_value(const struct outline *outline, const char *name, const struct json *value)
{
    struct outline inside = {outline->page, outline->margin, outline->depth + 1};
    bool item = strcmp(name, "-") == 0;
    struct buf text;

    inside.margin.indent += 2;
    buf_init(&text, 1U << 20);
    buf_addf(&text, "%s%s", name, item ? " " : ": ");
    if (!is_composite(value)) {
        add_scalar(&text, value);
        page_text(outline->page, outline->margin, PAGE_PLAIN, buf_span(&text));
    } else {
        struct buf list;

        buf_init(&list, 1U << 16);
        if (json_is(value, JSON_ARRAY) && add_short_list(&list, value)) {
            buf_add_span(&text, buf_span(&list));
            page_text(outline->page, outline->margin, PAGE_PLAIN, buf_span(&text));
        } else {
            page_text(outline->page, outline->margin, PAGE_PLAIN, text_trim(buf_span(&text)));
            write_inside(&inside, value);
        }
        buf_deinit(&list);
    }
    buf_deinit(&text);
}

void outline_value(const struct page *page, struct margin margin, const struct json *value)
{
    struct outline outline = {page, margin, 0};
    struct buf text;

    if (is_composite(value)) {
        write_inside(&outline, value);
        return;
    }
    buf_init(&text, 1U << 20);
    add_scalar(&text, value);
    page_text(page, margin, PAGE_PLAIN, buf_span(&text));
    buf_deinit(&text);
}

/* ---- in short ---- */

struct line {
    struct buf *out;
    bool outermost;
};

static bool has_composites(const char *key, const struct json *value, void *arg)
{
    bool *found = arg;

    (void)key;
    *found = *found || is_composite(value);
    return !*found;
}

static bool add_short_member(const char *key, const struct json *value, void *arg)
{
    struct line *line = arg;
    CLEANUP(charp_freep) char *name = spoken(key);
    bool deep = false;

    json_each(value, has_composites, &deep);
    if (says_nothing(value) || json_is(value, JSON_ARRAY) ||
        (json_is(value, JSON_OBJECT) && !is_histogram(value) && (deep || !line->outermost)))
        return true;
    buf_addf(line->out, "%s%s ",
             line->out->n > 0 && line->out->at[line->out->n - 1] != '(' ? ", " : "", name);
    if (is_histogram(value)) {
        add_spark(line->out, value);
    } else if (json_is(value, JSON_OBJECT)) {
        buf_add_char(line->out, '(');
        json_each(value, add_short_member, &(struct line){line->out, false});
        buf_add_char(line->out, ')');
    } else {
        add_scalar(line->out, value);
    }
    return true;
}

void outline_line(const struct page *page, struct margin margin, const struct json *object)
{
    struct buf text;

    buf_init(&text, 1U << 16);
    json_each(object, add_short_member, &(struct line){&text, true});
    page_text(page, margin, PAGE_DIM, buf_span(&text));
    buf_deinit(&text);
}

static bool write_summary_member(const char *key, const struct json *value, void *arg)
{
    const struct page *page = arg;
    struct page draft = *page;
    CLEANUP(charp_freep) char *name = spoken(key);
    CLEANUP(charp_freep) char *text = NULL;
    size_t n = 0, n_lines = 0;

    draft.out = open_memstream(&text, &n);
    if (!draft.out)
        return false;
    write_member(key, value, &(struct outline){&draft, {0}, 0});
    if (fclose(draft.out) != 0)
        return false;
    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    if (n_lines <= SUMMARY_LINES) {
        fwrite(text, 1, n, page->out);
    } else {
        CLEANUP(charp_freep) char *count = xprintf("%s: %zu entries", name, json_length(value));

        page_text(page, (struct margin){0}, PAGE_DIM, span_of(count));
    }
    return true;
}

void outline_summary(const struct page *page, const struct json *value)
{
    struct page copy = *page;

    if (json_is(value, JSON_OBJECT))
        json_each(value, write_summary_member, &copy);
    else
        outline_value(page, (struct margin){0}, value);
}
