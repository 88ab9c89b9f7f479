/* The card: what stands where.
 *
 * From the top: who speaks and how good the evidence is, the goal, the odds in figures and words,
 * how wide they are, and what makes them checkable. Nothing is taken from clock, machine or
 * environment: the day on the card is the one until which the prediction's figures are good, and
 * the PNG carries no time. */
#include "card.h"

#include <errno.h>
#include <stdio.h>

#include "buf.h"
#include "colours.h"
#include "error.h"
#include "ink.h"
#include "json.h"
#include "plot.h"
#include "words.h"

#define MARGIN 84.0
#define WIDTH (CARD_PIXELS - 2 * MARGIN)
#define PILL_HEIGHT 56.0
#define PILL_PADDING 26.0
#define NAME_HEIGHT 52.0
#define GOAL_TOP 218.0
#define GOAL_HEIGHT 268.0
#define FIGURE_BASELINE 656.0
#define FIGURE_WIDTH 450.0
#define PLOT_TOP 714.0
#define PLOT_HEIGHT 224.0
#define FOOT_BASELINE 1010.0
#define SEED_DIGITS 8
#define ALT_NAME_BYTES 80
#define ALT_GOAL_BYTES 300

/* The goal as its author wrote it, else as it was read. */
static struct span goal_of(const struct card *card)
{
    return card->goal.n > 0 ? card->goal : json_get_string(card->result, "goal", "");
}

/* The first digits of "sha256:…". */
static struct span seed_of(const struct card *card)
{
    struct span seed = json_get_string(card->result, "seed", "");
    const char *colon = memchr(seed.at, ':', seed.n);

    if (colon) {
        seed.n -= (size_t)(colon + 1 - seed.at);
        seed.at = colon + 1;
    }
    seed.n = seed.n < SEED_DIGITS ? seed.n : SEED_DIGITS;
    return seed;
}

static double probability_of(const struct card *card)
{
    return json_get_number(card->result, "probability", 0);
}

static void draw_ground(struct ink *ink)
{
    struct colour top = colour_of(CARD_GROUND_TOP, 1), end = colour_of(CARD_GROUND, 1);
    cairo_pattern_t *pattern = cairo_pattern_create_linear(0, 0, 0, CARD_PIXELS);

    cairo_pattern_add_color_stop_rgb(pattern, 0, top.r, top.g, top.b);
    cairo_pattern_add_color_stop_rgb(pattern, 0.75, end.r, end.g, end.b);
    cairo_set_source(ink->cairo, pattern);
    cairo_paint(ink->cairo);
    cairo_pattern_destroy(pattern);
}

/* What the evidence is worth, in a ring of its own. */
static void draw_grade(struct ink *ink, const struct card *card)
{
    static const unsigned colours[] = {CARD_ACCENT, CARD_BLUE, CARD_AMBER};
    struct span grade = json_get_string(card->result, "grade", "C");
    struct colour colour = colour_of(colours[grade.at[0] == 'A'   ? 0
                                             : grade.at[0] == 'B' ? 1
                                                                  : 2],
                                     1);
    CLEANUP(charp_freep)
    char *text = xprintf("Grade %s \xc2\xb7 %s", grade.at, words_grade(grade));
    struct ink_box box = ink_write(ink, &(struct ink_text){.text = span_of(text),
                                                           .weight = INK_BOLD,
                                                           .size = 26,
                                                           .lines = 1,
                                                           .align = INK_END,
                                                           .x = MARGIN + WIDTH / 2,
                                                           .y = MARGIN,
                                                           .width = WIDTH / 2 - PILL_PADDING,
                                                           .height = PILL_HEIGHT,
                                                           .colour = colour});

    ink_round(ink, box.x - PILL_PADDING, MARGIN, box.width + 2 * PILL_PADDING, PILL_HEIGHT,
              PILL_HEIGHT);
    ink_stroke(ink, 2.5, colour);
}

static void draw_goal(struct ink *ink, const struct card *card)
{
    struct span name = card->user_name.n > 0 ? card->user_name : SPAN("The goal");
    struct ink_box goal = ink_write(ink, &(struct ink_text){.text = goal_of(card),
                                                            .weight = INK_BOLD,
                                                            .size = 76,
                                                            .min_size = 34,
                                                            .lines = 4,
                                                            .x = MARGIN,
                                                            .y = GOAL_TOP,
                                                            .width = WIDTH,
                                                            .height = GOAL_HEIGHT,
                                                            .colour = colour_of(CARD_TEXT, 1)});

    (void)ink_write(ink, &(struct ink_text){.text = name,
                                            .weight = INK_BOLD,
                                            .size = 32,
                                            .min_size = 24,
                                            .lines = 1,
                                            .x = MARGIN,
                                            .y = goal.y - NAME_HEIGHT,
                                            .width = WIDTH,
                                            .height = NAME_HEIGHT,
                                            .colour = colour_of(CARD_SOFT, 1)});
}

static void draw_odds(struct ink *ink, const struct card *card)
{
    char percent[WORDS_MAX_BYTES], odds[WORDS_MAX_BYTES];
    struct ink_box figure = ink_write(
        ink, &(struct ink_text){.text = span_of(words_percent(probability_of(card), percent)),
                                .weight = INK_BOLD,
                                .size = 176,
                                .min_size = 90,
                                .lines = 1,
                                .x = MARGIN,
                                .y = FIGURE_BASELINE,
                                .width = FIGURE_WIDTH,
                                .colour = colour_of(CARD_ACCENT, 1)});
    double x = MARGIN + figure.width + 44;

    (void)ink_write(ink, &(struct ink_text){.text = SPAN("about"),
                                            .size = 40,
                                            .lines = 1,
                                            .x = x,
                                            .y = FIGURE_BASELINE - 92,
                                            .width = MARGIN + WIDTH - x,
                                            .colour = colour_of(CARD_SOFT, 1)});
    (void)ink_write(ink, &(struct ink_text){.text = span_of(words_odds(probability_of(card), odds)),
                                            .weight = INK_BOLD,
                                            .size = 84,
                                            .min_size = 36,
                                            .lines = 1,
                                            .x = x,
                                            .y = FIGURE_BASELINE,
                                            .width = MARGIN + WIDTH - x,
                                            .colour = colour_of(CARD_TEXT, 1)});
}

static void draw_foot(struct ink *ink, const struct card *card)
{
    char count[WORDS_MAX_BYTES], day[WORDS_MAX_BYTES];
    struct span seed = seed_of(card);
    CLEANUP(charp_freep)
    char *simulations = xprintf(
        "%s simulations", words_count(json_get_integer(card->result, "simulations", 0), count));
    CLEANUP(charp_freep)
    char *until =
        xprintf("valid until %s", words_day(json_get_string(card->result, "valid_until", ""), day));
    CLEANUP(charp_freep) char *short_seed = xprintf("seed %.*s", (int)seed.n, seed.at);
    const struct span texts[] = {span_of(simulations), span_of(until), span_of(short_seed)};

    ink_round(ink, MARGIN, FOOT_BASELINE - 52, WIDTH, 2, 0);
    ink_fill(ink, colour_of(CARD_DIM, 0.4));
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        (void)ink_write(ink, &(struct ink_text){.text = texts[i],
                                                .size = 26,
                                                .lines = 1,
                                                .align = (enum ink_align)i,
                                                .x = MARGIN + WIDTH / 3 * (double)i,
                                                .y = FOOT_BASELINE,
                                                .width = WIDTH / 3,
                                                .colour = colour_of(CARD_SOFT, 1)});
}

static cairo_status_t write_png(void *arg, const unsigned char *data, unsigned length)
{
    struct buf *out = arg;

    buf_add(out, data, length);
    return buf_ok(out) ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_NO_MEMORY;
}

int card_draw(const struct card *card, struct buf *out, struct error *error)
{
    struct ink ink;
    int r = ink_init(&ink, CARD_PIXELS, error);

    if (r == 0) {
        draw_ground(&ink);
        (void)ink_write(&ink, &(struct ink_text){.text = SPAN("Parley odds"),
                                                 .weight = INK_BOLD,
                                                 .size = 36,
                                                 .lines = 1,
                                                 .x = MARGIN,
                                                 .y = MARGIN,
                                                 .width = WIDTH / 2,
                                                 .height = PILL_HEIGHT,
                                                 .colour = colour_of(CARD_TEXT, 1)});
        draw_grade(&ink, card);
        draw_goal(&ink, card);
        draw_odds(&ink, card);
        plot_draw(&ink, card->result, MARGIN, PLOT_TOP, WIDTH, PLOT_HEIGHT);
        draw_foot(&ink, card);
        cairo_status_t status = cairo_status(ink.cairo);
        if (status == CAIRO_STATUS_SUCCESS)
            status = cairo_surface_write_to_png_stream(ink.surface, write_png, out);
        if (status != CAIRO_STATUS_SUCCESS)
            r = error_set(error, ERROR_INTERNAL, -ENOMEM, "the picture cannot be drawn: %s",
                          cairo_status_to_string(status));
    }
    ink_deinit(&ink);
    return r;
}

/* The text, cut behind a whole character when it is longer. */
static void add_cut(struct buf *out, struct span text, size_t max_bytes)
{
    size_t n = text.n;

    if (n > max_bytes)
        for (n = max_bytes; n > 0 && ((unsigned char)text.at[n] & 0xc0) == 0x80;)
            n--;
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, (unsigned char)text.at[i] < ' ' ? ' ' : text.at[i]);
    if (n < text.n)
        buf_add_text(out, "\xe2\x80\xa6");
}

void card_alt(const struct card *card, struct buf *out)
{
    char percent[WORDS_MAX_BYTES], odds[WORDS_MAX_BYTES], low[WORDS_MAX_BYTES],
        high[WORDS_MAX_BYTES], count[WORDS_MAX_BYTES], day[WORDS_MAX_BYTES];
    const struct json *interval = json_get(json_get(card->result, "intervals"), "80");
    struct span grade = json_get_string(card->result, "grade", "C"), seed = seed_of(card);
    struct span goal = goal_of(card), name = card->user_name;

    buf_add_text(out, name.n > 0 ? "Odds card for " : "Odds card");
    add_cut(out, name, ALT_NAME_BYTES);
    buf_add_text(out, ". Goal: ");
    add_cut(out, goal, ALT_GOAL_BYTES);
    buf_addf(out, ". About %s, %s. 80\xc2\xa0%% of %s simulations lie between %s and %s. ",
             words_odds(probability_of(card), odds), words_percent(probability_of(card), percent),
             words_count(json_get_integer(card->result, "simulations", 0), count),
             words_percent(json_number(json_at(interval, 0)), low),
             words_percent(json_number(json_at(interval, 1)), high));
    buf_addf(out, "Grade %.*s, %s. Valid until %s. Seed %.*s.", (int)grade.n, grade.at,
             words_grade(grade), words_day(json_get_string(card->result, "valid_until", ""), day),
             (int)seed.n, seed.at);
}
