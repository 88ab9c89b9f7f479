/* Speaks for the model. What is said follows from the request alone: the words are drawn by the
 * hash of its body, the opinion by the speaker and the question, so that a persona holds on to its
 * view through the rounds of a debate and twelve of them do not all say the same.
 *
 * Every answer says that it is a rehearsal. Three forms: JSON where the request brings a schema;
 * prose with a last line "VERDICT: {…}" where the prompt asks for one; else prose. Phrases are in
 * words.c, what the prompt wants is found by hints.c. */
#include "speech.h"

#include <math.h>
#include <stdlib.h>

#include "ask.h"
#include "draw.h"
#include "hints.h"
#include "json.h"
#include "speech_json.h"
#include "text.h"
#include "words.h"

#define MAX_QUOTE_BYTES 160

/* A speaker's view of the matter. */
struct view {
    bool in_favour;
    bool moved;          /* changed since the earlier round */
    bool conformed;      /* without a reason */
    size_t i_reason;     /* of hints->reasons: the one that is answered, or that moved */
    struct json *answer; /* owned: text, number or null */
    double confidence;
    const char *lines[2]; /* the two arguments, static */
    const struct theme *theme;
};

static void add_filled(struct buf *out, const char *phrase, struct span who, struct span what)
{
    while (*phrase) {
        bool is_who = strncmp(phrase, "{who}", 5) == 0, is_what = strncmp(phrase, "{what}", 6) == 0;
        if (is_who || is_what) {
            buf_add_span(out, is_who ? who : what);
            phrase += is_who ? 5 : 6;
        } else {
            buf_add_char(out, *phrase++);
        }
    }
}

static const char *pick(struct draw *draw, const char *const *lines)
{
    return lines[draw_below(draw, WORDS_LINES)];
}

/* At most n bytes, cut between words and never inside a character. */
static struct span shorten(struct span text, size_t n)
{
    if (text.n <= n)
        return text;
    while (n > 0 && text.at[n] != ' ')
        n--;
    return (struct span){text.at, n};
}

/* A text that is against the thing: the arguments must fit it. */
static bool says_no(struct span answer)
{
    static const char *const words[] = {"no",      "wait",    "reject", "stay", "stop",
                                        "against", "decline", "not",    "hold", "keep"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        size_t n = strlen(words[i]);
        if (answer.n >= n && text_equal_nocase((struct span){answer.at, n}, span_of(words[i])) &&
            (answer.n == n || answer.at[n] == ' ' || answer.at[n] == ','))
            return true;
    }
    return false;
}

/* The first opinion: the question leans one way, the speaker may go the other. */
static struct json *first_answer(const struct hints *hints, struct view *view)
{
    struct draw common = {draw_hash(0, hints->question)};
    struct draw own = {draw_hash(draw_hash(0, hints->name), hints->question)};
    double lean = 0.25 + 0.5 * draw_unit(&common), taste = draw_unit(&own);

    view->in_favour = draw_unit(&own) < lean;
    if (hints->answer == HINTS_CHOICE) {
        size_t n = json_length(hints->choices), favourite = draw_below(&common, n);
        size_t i = taste < 0.5 ? favourite : draw_below(&own, n);
        return json_copy(json_at(hints->choices, i));
    }
    double share = 0.6 * lean + 0.4 * taste;
    if (hints->answer == HINTS_PROBABILITY) {
        view->in_favour = share >= 0.5;
        return json_new_number(round(share * 100) / 100);
    }
    if (hints->answer == HINTS_NUMBER)
        return json_new_number(round(10 + 90 * share));
    return json_new_null();
}

/* The answer that a reason's heading stands for, NULL when there is none to take over. */
static struct json *answer_of_heading(const struct hints *hints, struct span heading)
{
    if (hints->answer == HINTS_CHOICE) {
        for (size_t i = 0; i < json_length(hints->choices); i++)
            if (span_equal(json_string(json_at(hints->choices, i)), heading))
                return json_copy(json_at(hints->choices, i));
        return NULL;
    }
    if (hints->answer == HINTS_OPEN)
        return NULL;
    struct json *json = NULL;
    if (json_parse(heading, NULL, &json, NULL) < 0)
        return NULL;
    double mine = json_get_number(hints->earlier, "answer", 0), theirs = json_number(json);
    json_free(json);
    return json_new_number(round((mine + theirs) * 50) / 100);
}

/* A member made for measuring: what it knows and how it bends is the script's, not the question's.
 */
static struct json *member_answer(const struct json *member, const struct hints *hints,
                                  struct view *view)
{
    struct draw draw = {draw_hash(draw_hash(draw_hash(0, hints->name), hints->question),
                                  hints->earlier ? SPAN("again") : SPAN("first"))};
    struct span right = json_get_string(member, "answer", "");
    const struct json *earlier = json_get(hints->earlier, "answer");
    size_t n = json_length(hints->choices);

    if (!earlier) {
        bool knows = draw_unit(&draw) < json_get_number(member, "accuracy", 1);
        size_t i = draw_below(&draw, n);

        if (span_equal(json_string(json_at(hints->choices, i)), right))
            i = (i + 1) % n;
        return knows ? json_new_string(right) : json_copy(json_at(hints->choices, i));
    }
    if (hints->n_reasons > 0 && draw_unit(&draw) < json_get_number(member, "conformity", 0)) {
        struct span heading = hints->reasons[draw_below(&draw, hints->n_reasons)].heading;

        view->moved = view->conformed = !span_equal(heading, json_string(earlier));
        return json_new_string(heading);
    }
    return json_copy(earlier);
}

static void form_view(const struct ask *ask, const struct hints *hints, const struct json *member,
                      struct view *view)
{
    struct draw draw = {ask->seed ^ 0x5eed};

    view->theme = theme_find(hints->name);
    if (view->theme->keywords[0] == '\0')
        view->theme = theme_find(hints->role);
    view->answer = first_answer(hints, view);
    if (json_get(hints->earlier, "answer")) {
        json_free(view->answer);
        view->answer = json_copy(json_get(hints->earlier, "answer"));
    }
    if (member && hints->answer == HINTS_CHOICE) {
        json_free(view->answer);
        view->answer = member_answer(member, hints, view);
    } else if (hints->n_reasons > 0) {
        view->i_reason = draw_below(&draw, hints->n_reasons);
        struct json *taken = answer_of_heading(hints, hints->reasons[view->i_reason].heading);
        view->moved = taken && draw_unit(&draw) < 0.35 && !json_equal(taken, view->answer);
        if (view->moved) {
            json_free(view->answer);
            view->answer = STEAL(taken);
        }
        json_free(taken);
    }
    if (json_is(view->answer, JSON_STRING))
        view->in_favour = !says_no(json_string(view->answer));
    view->confidence = (double)(55 + draw_below(&draw, 36)) / 100;
    size_t i = draw_below(&draw, THEME_LINES),
           j = (i + 1 + draw_below(&draw, THEME_LINES - 1)) % THEME_LINES;
    view->lines[0] = (view->in_favour ? view->theme->pro : view->theme->contra)[i];
    view->lines[1] = (view->in_favour ? view->theme->pro : view->theme->contra)[j];
}

/* The answer in words: `the answer is "buy"`, `my number is 42`. */
static void add_answer(const struct hints *hints, const struct view *view, struct buf *out)
{
    struct span text = json_string(view->answer);

    if (hints->answer == HINTS_CHOICE)
        buf_addf(out, "my answer is \"%.*s\"", (int)text.n, text.at ? text.at : "");
    else if (hints->answer == HINTS_NUMBER)
        buf_addf(out, "my number is %.4g", json_number(view->answer));
    else if (hints->answer == HINTS_PROBABILITY)
        buf_addf(out, "I put it at %.0f %%", 100 * json_number(view->answer));
    else
        buf_add_text(out, view->in_favour ? "I am for it" : "I am against it");
}

static struct json *verdict(const struct hints *hints, const struct view *view)
{
    struct json *json = json_object(), *reasons = json_array();
    struct buf position;

    buf_init(&position, 4 << 10);
    add_answer(hints, view, &position);
    if (position.at[0] == 'm')
        position.at[0] = 'M';
    buf_addf(&position, ": %s.", view->lines[0]);
    struct span earlier = json_get_string(hints->earlier, "position", "");
    json_set_string(json, "position", earlier.n && !view->moved ? earlier : buf_span(&position));
    json_set(json, "answer", json_copy(view->answer));
    json_set_number(json, "confidence", view->confidence);
    json_append(reasons, json_new_string(span_of(view->lines[0])));
    json_append(reasons, json_new_string(span_of(view->lines[1])));
    json_set(json, "reasons", reasons);
    if (hints->earlier) {
        json_set_text(json, "change", view->moved ? "change" : "keep");
        json_set(json, "moved_by",
                 view->moved && !view->conformed
                     ? json_new_string(hints->reasons[view->i_reason].id)
                     : json_new_null());
    }
    buf_deinit(&position);
    return json;
}

static void add_verdict(struct json *json, struct buf *out)
{
    buf_add_text(out, "\nVERDICT: ");
    json_write(json, out);
    json_free(json);
}

/* "…" with the reason inside and without its full stop. */
static void add_quote(struct buf *out, struct span text)
{
    text = shorten(text, MAX_QUOTE_BYTES);
    while (text.n > 0 && (text.at[text.n - 1] == '.' || text.at[text.n - 1] == ' '))
        text.n--;
    buf_add_char(out, '"');
    buf_add_span(out, text);
    buf_add_char(out, '"');
}

static void add_opening(const struct hints *hints, const struct view *view, struct draw *draw,
                        struct buf *out)
{
    buf_add_text(out, pick(draw, words_tags));
    buf_add_char(out, ' ');
    if (hints->earlier && hints->n_reasons > 0) {
        buf_add_text(out, "Of all I have read, ");
        buf_add_span(out, hints->reasons[view->i_reason].id);
        buf_add_text(out, " stays with me: ");
        add_quote(out, hints->reasons[view->i_reason].text);
        buf_addf(out, ". %s ", pick(draw, view->moved ? words_moves : words_keeps));
        return;
    }
    add_filled(out, pick(draw, words_openings), hints->name.n ? hints->name : SPAN("one of you"),
               span_of(view->theme->focus));
    buf_add_char(out, ' ');
}

/* A member of a debate. */
static void speak_in_debate(const struct ask *ask, const struct hints *hints,
                            const struct json *member, struct buf *out)
{
    struct draw draw = {ask->seed};
    struct view view = {0};

    form_view(ask, hints, member, &view);
    add_opening(hints, &view, &draw, out);
    buf_addf(out, "%s. %s %s. ", view.lines[0], pick(&draw, words_links), view.lines[1]);
    add_filled(out, pick(&draw, words_doubts), (struct span){0}, span_of(view.theme->doubt));
    buf_add_text(out, " So ");
    add_answer(hints, &view, out);
    buf_add_char(out, '.');
    if (hints->wants_verdict)
        add_verdict(verdict(hints, &view), out);
    json_free(view.answer);
}

/* The one who sums up. */
static void sum_up(const struct ask *ask, const struct hints *hints, struct buf *out)
{
    struct draw draw = {ask->seed};

    buf_addf(out, "%s The board was asked ", pick(&draw, words_tags));
    add_quote(out, hints->question);
    buf_add_text(out, " and decided: ");
    add_quote(out, hints->decided);
    buf_add_text(out, ". ");
    for (size_t i = 0; i < hints->n_reasons && i < 3; i++) {
        buf_add_text(out, i == 0                              ? "It heard "
                          : i + 1 < hints->n_reasons && i < 2 ? ", "
                                                              : " and ");
        add_quote(out, hints->reasons[i].text);
    }
    buf_add_text(out, hints->n_reasons > 0 ? ". " : "");
    buf_add_text(out,
                 "The minority saw it otherwise; it was heard and its reasons are kept with the "
                 "result. The next step is to test the weakest of these reasons first.");
    if (!hints->wants_verdict)
        return;
    struct json *json = json_object();
    json_set_string(json, "position", hints->decided);
    json_set_number(json, "confidence", (double)(60 + draw_below(&draw, 31)) / 100);
    add_verdict(json, out);
}

/* Anything else that wants text. */
static void chat(const struct ask *ask, const struct hints *hints, struct buf *out)
{
    struct draw draw = {ask->seed};
    struct view view = {0};

    form_view(ask, hints, NULL, &view);
    buf_addf(out, "%s You wrote ", pick(&draw, words_tags));
    add_quote(out, hints->question);
    buf_add_text(out, ". ");
    buf_addf(out, "A model would answer here. %s. %s %s. ", view.lines[0], pick(&draw, words_links),
             view.lines[1]);
    add_filled(out, pick(&draw, words_doubts), (struct span){0}, span_of(view.theme->doubt));
    json_free(view.answer);
}

void speech_write(const struct ask *ask, const struct json *member, struct buf *out)
{
    struct hints hints;

    if (ask->schema) {
        struct draw draw = {ask->seed};
        struct json *json = speech_json(ask->schema, ask->schema, &draw);
        json_write(json, out);
        json_free(json);
        return;
    }
    hints_init(&hints, ask);
    if (hints.is_summary)
        sum_up(ask, &hints, out);
    else if (hints.wants_verdict || hints.name.n > 0)
        speak_in_debate(ask, &hints, member, out);
    else
        chat(ask, &hints, out);
    hints_deinit(&hints);
}
