/* The histogram of the simulations over the bar of the 80 % interval, both on one axis from 0 %.
 *
 * The axis ends at a round number beyond the 95 % interval: odds of one in a thousand would be a
 * line at the left of an axis to 100 %. What lies beyond its end is not drawn. */
#include "plot.h"

#include <math.h>

#include "colours.h"
#include "ink.h"
#include "json.h"
#include "words.h"

#define BAR_HEIGHT 22.0
#define GAP 14.0
#define LABEL_SIZE 26
#define LABEL_ROOM 58.0 /* under the bar */
#define BIN_GAP 3.0
#define LEAST_BIN 3.0

struct axis {
    double x, width, end; /* end: the probability at its right */
};

static double interval_end(const struct json *result, const char *percent, size_t i)
{
    const struct json *pair = json_get(json_get(result, "intervals"), percent);

    return json_number(json_at(pair, i));
}

static double round_end(double value)
{
    static const double ends[] = {1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 0.001, 0.002, 0.005, 0.01,
                                  0.02, 0.05, 0.1,  0.15, 0.2,  0.3,  0.4,   0.5,   0.6,   0.8};

    for (size_t i = 0; i < ARRAY_SIZE(ends); i++)
        if (value <= ends[i])
            return ends[i];
    return 1;
}

static double at(const struct axis *axis, double probability)
{
    double share = probability / axis->end;

    return axis->x + axis->width * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static double highest(const struct json *counts)
{
    double most = 1;

    for (size_t i = 0; i < json_length(counts); i++)
        if (json_number(json_at(counts, i)) > most)
            most = json_number(json_at(counts, i));
    return most;
}

static void draw_bins(struct ink *ink, const struct axis *axis, const struct json *result, double y,
                      double height)
{
    const struct json *edges = json_get(json_get(result, "histogram"), "edges");
    const struct json *counts = json_get(json_get(result, "histogram"), "counts");
    double low = interval_end(result, "80", 0), high = interval_end(result, "80", 1);
    double most = highest(counts);

    for (size_t i = 0; i < json_length(counts); i++) {
        double from = json_number(json_at(edges, i)), to = json_number(json_at(edges, i + 1));
        double left = at(axis, from), right = at(axis, to), tall, gap;
        if (from >= axis->end)
            break;
        tall = height * json_number(json_at(counts, i)) / most;
        if (right - left < LEAST_BIN) {
            left = fmin(left, axis->x + axis->width - LEAST_BIN);
            right = left + LEAST_BIN;
        }
        gap = right - left > 3 * BIN_GAP ? BIN_GAP : (right - left) / 3;
        if (json_number(json_at(counts, i)) <= 0)
            continue;
        tall = tall < 3 ? 3 : tall; /* one simulation can be seen */
        ink_round(ink, left, y + height - tall, right - left - gap, tall, 4);
        ink_fill(ink, to >= low && from <= high ? colour_of(CARD_ACCENT, 0.85)
                                                : colour_of(CARD_DIM, 0.55));
    }
}

static void draw_bar(struct ink *ink, const struct axis *axis, const struct json *result, double y)
{
    double low = at(axis, interval_end(result, "80", 0));
    double high = at(axis, interval_end(result, "80", 1));
    double mean = at(axis, json_get_number(result, "probability", 0));

    ink_round(ink, axis->x, y, axis->width, BAR_HEIGHT, BAR_HEIGHT);
    ink_fill(ink, colour_of(CARD_DIM, 0.30));
    if (high - low < BAR_HEIGHT) {
        low = fmax(axis->x, mean - BAR_HEIGHT / 2);
        low = fmin(low, axis->x + axis->width - BAR_HEIGHT);
        high = low + BAR_HEIGHT;
    }
    ink_round(ink, low, y, high - low, BAR_HEIGHT, BAR_HEIGHT);
    ink_fill(ink, colour_of(CARD_ACCENT, 1));
    cairo_arc(ink->cairo, mean, y + BAR_HEIGHT / 2, BAR_HEIGHT * 0.85, 0, 6.2831853);
    ink_fill(ink, colour_of(CARD_GROUND, 1));
    cairo_arc(ink->cairo, mean, y + BAR_HEIGHT / 2, BAR_HEIGHT * 0.6, 0, 6.2831853);
    ink_fill(ink, colour_of(CARD_TEXT, 1));
}

static void draw_labels(struct ink *ink, const struct axis *axis, const struct json *result,
                        double baseline)
{
    char low[WORDS_MAX_BYTES], high[WORDS_MAX_BYTES], end[WORDS_MAX_BYTES];
    double ends = axis->width * 0.16;
    struct ink_text label = {.text = SPAN("0\xc2\xa0%"),
                             .size = LABEL_SIZE,
                             .lines = 1,
                             .colour = colour_of(CARD_SOFT, 1),
                             .x = axis->x,
                             .y = baseline,
                             .width = ends};

    (void)ink_write(ink, &label);
    label.text = axis->end < 1 ? span_of(words_percent(axis->end, end)) : SPAN("100\xc2\xa0%");
    label.align = INK_END;
    label.x = axis->x + axis->width - ends;
    (void)ink_write(ink, &label);
    CLEANUP(charp_freep)
    char *text = xprintf("80\xc2\xa0%% of simulations: %s to %s",
                         words_percent(interval_end(result, "80", 0), low),
                         words_percent(interval_end(result, "80", 1), high));
    label.text = span_of(text);
    label.align = INK_CENTRE;
    label.x = axis->x + ends;
    label.width = axis->width - 2 * ends;
    label.colour = colour_of(CARD_TEXT, 1);
    label.weight = INK_BOLD;
    (void)ink_write(ink, &label);
}

void plot_draw(struct ink *ink, const struct json *result, double x, double y, double width,
               double height)
{
    const struct axis axis = {x, width, round_end(interval_end(result, "95", 1))};
    double bins = height - BAR_HEIGHT - GAP - LABEL_ROOM;

    draw_bins(ink, &axis, result, y, bins);
    draw_bar(ink, &axis, result, y + bins + GAP);
    draw_labels(ink, &axis, result, y + height - 8);
}
