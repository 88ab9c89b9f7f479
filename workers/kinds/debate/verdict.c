/* Reads what a model replied. Models forget the verdict, wrap it into fences, write after it, or
 * give the confidence as a percentage; each of these is read as what it means. What cannot be read
 * is an abstention, never an error: one careless reply must not end a debate.
 *
 * A verdict borrows the reply's text and owns the JSON it found in it. */
#include "verdict.h"

#include "json.h"
#include "line.h"
#include "text.h"

static const char marker[] = "VERDICT";

/* Where the last marker stands; text.n when there is none. */
static size_t find_marker(struct span text)
{
    size_t n = sizeof(marker) - 1;

    for (size_t i = text.n < n ? 0 : text.n - n + 1; i-- > 0;)
        if (memcmp(text.at + i, marker, n) == 0)
            return i;
    return text.n;
}

/* The end of the object that starts at text.at[0], 0 when it does not end. */
static size_t object_length(struct span text)
{
    bool in_string = false;
    int depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '['))
            depth++;
        else if (!in_string && (c == '}' || c == ']') && --depth == 0)
            return i + 1;
    }
    return 0;
}

static struct json *parse_object(struct span text)
{
    const char *brace = text.n ? memchr(text.at, '{', text.n) : NULL;
    struct json *json = NULL;

    if (!brace)
        return NULL;
    struct span rest = {brace, text.n - (size_t)(brace - text.at)};
    rest.n = object_length(rest);
    if (rest.n == 0 || json_parse(rest, NULL, &json, NULL) < 0)
        return NULL;
    return json;
}

static double read_confidence(const struct json *json)
{
    double confidence = json_get_number(json, "confidence", 0.5);

    if (confidence > 1)
        confidence /= 100;
    return confidence >= 0 && confidence <= 1 ? confidence : 0.5;
}

/* A reason is a text, or an object with the text as "claim". */
static void read_reasons(struct verdict *verdict)
{
    const struct json *reasons = json_get(verdict->json, "reasons");

    for (size_t i = 0; i < json_length(reasons) && verdict->n_reasons < DEBATE_MAX_REASONS; i++) {
        const struct json *reason = json_at(reasons, i);
        struct span text = json_is(reason, JSON_OBJECT) ? json_get_string(reason, "claim", "")
                                                        : json_string(reason);
        text = text_trim(text);
        if (text.n > 0)
            verdict->reasons[verdict->n_reasons++] = text;
    }
}

void verdict_init(struct verdict *verdict, const struct ballot *ballot, struct span reply)
{
    size_t at = find_marker(reply);

    *verdict = (struct verdict){
        .present = true, .prose = {reply.at, at}
    };
    verdict->json = parse_object((struct span){reply.at + at, reply.n - at});
    verdict->position = text_trim(json_get_string(verdict->json, "position", ""));
    if (verdict->position.n == 0)
        verdict->position = line_first_sentence(verdict->prose);
    verdict->confidence = read_confidence(verdict->json);
    if (!verdict->json)
        return;
    verdict->answer = ballot_read(ballot, json_get(verdict->json, "answer"), verdict->position);
    verdict->says_change =
        text_equal_nocase(json_get_string(verdict->json, "change", "keep"), SPAN("change"));
    verdict->moved_by = text_trim(json_get_string(verdict->json, "moved_by", ""));
    read_reasons(verdict);
}

void verdict_deinit(struct verdict *verdict)
{
    verdict->json = json_free(verdict->json);
}
