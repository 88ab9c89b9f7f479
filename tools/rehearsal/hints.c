/* Looks for the phrases by which our prompts say what they want. A prompt without them is answered
 * too, only less to the point; nothing here may fail.
 *
 * Phrases: "You are NAME, ROLE." · "Question: …" · "VERDICT:" · `"answer" must be one of […]` or "a
 * number" or "a probability" · "Your answer so far: {…}" · "A. POSITION" and "A1: REASON" lines ·
 * "The vote decided: …". The spans live as long as the ask; only the two JSON values are owned. */
#include "hints.h"

#include "ask.h"
#include "json.h"
#include "text.h"

/* The rest of the line after the first `phrase`, trimmed; at == NULL when it is not there. */
static struct span after(struct span text, const char *phrase)
{
    size_t n = strlen(phrase);
    const char *at = text.n ? memmem(text.at, text.n, phrase, n) : NULL;

    if (!at)
        return (struct span){0};
    struct span rest = {at + n, text.n - (size_t)(at + n - text.at)};
    const char *end = memchr(rest.at, '\n', rest.n);
    if (end)
        rest.n = (size_t)(end - rest.at);
    return text_trim(rest);
}

static void find_speaker(struct hints *hints, struct span system)
{
    struct span line = after(system, "You are ");
    size_t n = 0;

    while (n < line.n && line.at[n] != ',' && line.at[n] != '.')
        n++;
    hints->name = (struct span){line.at, n};
    if (n < line.n)
        hints->role = text_trim((struct span){line.at + n + 1, line.n - n - 1});
}

static void find_question(struct hints *hints, struct span prompt)
{
    struct span rest = prompt;

    hints->question = after(prompt, "Question:");
    while (hints->question.n == 0 && text_next(&rest, '\n', &hints->question))
        ;
}

/* The JSON value at the start of text, up to the bracket that closes it. */
static struct json *leading_json(struct span text)
{
    struct json *json = NULL;

    for (size_t n = text.n; n > 1; n--)
        if ((text.at[n - 1] == ']' || text.at[n - 1] == '}') &&
            json_parse((struct span){text.at, n}, NULL, &json, NULL) == 0)
            return json;
    return NULL;
}

static void find_answer(struct hints *hints, struct span text)
{
    struct span rule = after(text, "\"answer\" must be ");

    hints->wants_verdict = text_contains(text, "VERDICT:");
    if (text_starts(rule, "a probability")) {
        hints->answer = HINTS_PROBABILITY;
    } else if (text_starts(rule, "a number")) {
        hints->answer = HINTS_NUMBER;
    } else if (text_starts(rule, "one of ")) {
        hints->choices = leading_json(after(rule, "one of "));
        hints->answer = json_length(hints->choices) > 0 ? HINTS_CHOICE : HINTS_OPEN;
    }
}

static bool is_reason_line(struct span line)
{
    return line.n > 4 && line.at[0] >= 'A' && line.at[0] <= 'Z' && line.at[1] >= '1' &&
           line.at[1] <= '9' && line.at[2] == ':';
}

static bool is_heading_line(struct span line)
{
    return line.n > 3 && line.at[0] >= 'A' && line.at[0] <= 'Z' && line.at[1] == '.' &&
           line.at[2] == ' ';
}

static void find_reasons(struct hints *hints, struct span prompt)
{
    struct span line, heading = {0};

    while (text_next(&prompt, '\n', &line) && hints->n_reasons < HINTS_MAX_REASONS) {
        if (is_heading_line(line))
            heading = (struct span){line.at + 3, line.n - 3};
        if (!is_reason_line(line))
            continue;
        hints->reasons[hints->n_reasons].id = (struct span){line.at, 2};
        hints->reasons[hints->n_reasons].text = text_trim((struct span){line.at + 3, line.n - 3});
        hints->reasons[hints->n_reasons++].heading = heading;
    }
}

void hints_init(struct hints *hints, const struct ask *ask)
{
    struct span system = buf_span(&ask->system), prompt = buf_span(&ask->prompt);

    *hints = (struct hints){0};
    find_speaker(hints, system);
    find_question(hints, prompt);
    find_answer(hints, system);
    if (!hints->wants_verdict)
        find_answer(hints, prompt);
    hints->earlier = leading_json(after(prompt, "Your answer so far:"));
    hints->decided = after(prompt, "The vote decided:");
    hints->is_summary = hints->decided.n > 0;
    find_reasons(hints, prompt);
}

void hints_deinit(struct hints *hints)
{
    hints->choices = json_free(hints->choices);
    hints->earlier = json_free(hints->earlier);
}
