/* Of what no card is drawn. A prediction is for who asked; a card is for everybody, so the rule is
 * stricter here, and what is in doubt is refused:
 *
 * - grade D: there is no evidence worth showing;
 * - self-harm, death and medicine: words of data/topics.txt in the goal, as written or as read, or
 *   in the name on the card; classes of events that are about them;
 * - a named private person: a title and a name, a handle or mail address, a first name of
 *   data/people.txt that is no part of a company's, an institution's or a public figure's name; in
 *   a goal about love any capitalised name. Candidates of elections stand there in public.
 *
 * A name that is in no list, or is also an ordinary word, is not seen outside of love. */
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "card.h"
#include "embedded.h"
#include "error.h"
#include "json.h"
#include "text.h"
#include "unicode.h"

#define TEXT_MAX_BYTES (256u << 10)
#define INSTITUTION_WORDS 4 /* "thomas j watson fellowship" */

extern const struct embedded card_files[];

/* ---- texts as words ---- */

static bool is_letter(char c)
{
    return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c >= 'A' && c <= 'Z');
}

/* " word word ": whatever is no letter or digit is one space. */
static char *words_of(struct span text)
{
    struct buf out;

    buf_init(&out, TEXT_MAX_BYTES);
    buf_add_char(&out, ' ');
    for (size_t i = 0; i < text.n; i++)
        if (is_letter(text.at[i]))
            buf_add_char(&out, text.at[i]);
        else if (out.at[out.n - 1] != ' ')
            buf_add_char(&out, ' ');
    if (out.at[out.n - 1] != ' ')
        buf_add_char(&out, ' ');
    return buf_steal(&out);
}

/* The same in small letters without marks. */
static char *folded_words(struct span text)
{
    struct buf folded;

    buf_init(&folded, TEXT_MAX_BYTES);
    unicode_bare(text, &folded);
    char *words = words_of(buf_span(&folded));
    buf_deinit(&folded);
    return words;
}

/* Whether the phrase ("die of", "suicid*", "*x*") is in the words. */
static bool has_phrase(const char *words, struct span phrase)
{
    bool inside = phrase.n > 0 && phrase.at[0] == '*';
    bool open = phrase.n > 0 && phrase.at[phrase.n - 1] == '*';
    CLEANUP(charp_freep)
    char *wanted = xprintf("%s%.*s%s", inside ? "" : " ", (int)phrase.n - inside - open,
                           phrase.at + inside, open ? "" : " ");

    return strstr(words, wanted) != NULL;
}

/* ---- lists ---- */

/* The items of the line "name: a, b, c"; empty when there is none. */
static struct span list_of(const char *file_name, const char *name)
{
    const struct embedded *file = card_files;
    struct span rest, line, title;

    while (strcmp(file->name, file_name) != 0)
        file++;
    for (rest = file->text; text_next(&rest, '\n', &line);)
        if (line.n > 0 && line.at[0] != '#' && text_next(&line, ':', &title) &&
            span_equal(title, span_of(name)))
            return line;
    return SPAN("");
}

static bool is_listed(struct span list, struct span word)
{
    struct span item;

    while (text_next(&list, ',', &item))
        if (span_equal(item, word))
            return true;
    return false;
}

static bool has_any(const char *file, const char *name, const char *words)
{
    struct span rest = list_of(file, name), item;

    while (text_next(&rest, ',', &item))
        if (item.n > 0 && has_phrase(words, item))
            return true;
    return false;
}

/* ---- people ---- */

static struct span word_at(const char *at)
{
    return (struct span){at, strcspn(at, " ")};
}

/* The word before the one at `at`, which has a space before it. */
static struct span word_before(const char *words, const char *at)
{
    const char *end = at - 1, *from = end;

    while (from > words && from[-1] != ' ')
        from--;
    return (struct span){from, (size_t)(end - from)};
}

static bool begins_public_name(const char *at)
{
    struct span rest = list_of("people", "public"), name;

    while (text_next(&rest, ',', &name))
        if (name.n > 0 && strncmp(at, name.at, name.n) == 0 && !is_letter(at[name.n]))
            return true;
    return false;
}

/* "george washington university", "san jose" */
static bool is_institution(const char *words, const char *at)
{
    struct span after = list_of("people", "after");

    if (is_listed(list_of("people", "before"), word_before(words, at)))
        return true;
    for (int i = 0; i < INSTITUTION_WORDS && *at; i++) {
        struct span word = word_at(at);
        if (i > 0 && is_listed(after, word))
            return true;
        at += word.n + (at[word.n] == ' ');
    }
    return false;
}

/* words: of the normalised goal, where known companies are one word each; company: of the one that
 * was read. */
static bool names_somebody(const char *words, const char *company)
{
    struct span titles = list_of("people", "titles"), given = list_of("people", "given");

    for (const char *at = words + 1; *at; at += strcspn(at, " ") + 1) {
        struct span word = word_at(at);
        bool titled = is_listed(titles, word) && at[word.n + 1] != '\0';

        if (!titled && !is_listed(given, word))
            continue;
        if (!begins_public_name(at + (titled ? word.n + 1 : 0)) && !is_institution(words, at) &&
            !has_phrase(company, word))
            return true;
    }
    return false;
}

/* "@anna" and "anna@example.org" */
static bool has_handle(struct span text)
{
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.at[i] == '@' && is_letter(text.at[i + 1]))
            return true;
    return false;
}

static bool is_capitalised(const char *word)
{
    return word[0] >= 'A' && word[0] <= 'Z' && word[1] >= 'a' && word[1] <= 'z';
}

/* A word in the middle that begins with a capital and is no place or time: those have "in", "by" or
 * the like before them, as in "marry Grace in New York by May". */
static bool has_capital_name(struct span text)
{
    CLEANUP(charp_freep) char *words = words_of(text);
    bool place = false;

    for (const char *at = words + 1; *at; at += strcspn(at, " ") + 1) {
        place =
            (place && is_capitalised(at)) ||
            text_listed("in|at|by|before|until|on|near|from|of|this|next", word_before(words, at));
        if (at > words + 1 && is_capitalised(at) && !place)
            return true;
    }
    return false;
}

static bool names_private_person(const struct card *card, struct span goal)
{
    const struct json *event = json_get(json_get(card->result, "extraction"), "event");
    struct span surface = json_get_string(json_get(event, "entity"), "surface", "");
    struct span type = json_get_string(event, "type", "");
    CLEANUP(charp_freep) char *words = folded_words(json_get_string(card->result, "goal", ""));
    CLEANUP(charp_freep) char *company = folded_words(surface);

    if (has_handle(goal))
        return true;
    if (span_equal(type, SPAN("election")))
        return false;
    return names_somebody(words, company) ||
           (span_equal(type, SPAN("relationship")) && has_capital_name(goal));
}

/* ---- the rule ---- */

static const char *topic_of(struct span text)
{
    static const char *const topics[] = {"self-harm", "death", "health"};
    CLEANUP(charp_freep) char *words = folded_words(text);

    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        if (has_any("topics", topics[i], words))
            return topics[i];
    return NULL;
}

static int refuse_topic(const struct card *card, struct span goal, struct span read,
                        struct error *error)
{
    const struct span texts[] = {goal, read, card->user_name};
    const struct json *event = json_get(json_get(card->result, "extraction"), "event");
    const char *topic =
        is_listed(list_of("topics", "types"), json_get_string(event, "type", "")) ? "health" : NULL;

    for (size_t i = 0; !topic && i < ARRAY_SIZE(texts); i++)
        topic = topic_of(texts[i]);
    return topic ? error_set(error, ERROR_NO_CARD, -EINVAL,
                             "no card is drawn of what touches on %s; /api/predict has the figures",
                             topic)
                 : 0;
}

int card_check(const struct card *card, struct error *error)
{
    struct span read = json_get_string(card->result, "goal", "");
    struct span goal = card->goal.n > 0 ? card->goal : read;
    int r = refuse_topic(card, goal, read, error);

    if (r < 0)
        return r;
    if (names_private_person(card, goal))
        return error_set(error, ERROR_NO_CARD, -EINVAL,
                         "no card is drawn of a goal that names a private person; say it without "
                         "the name");
    if (!span_equal(json_get_string(card->result, "outcome", ""), SPAN("predicted")) ||
        span_equal(json_get_string(card->result, "grade", "D"), SPAN("D")))
        return error_set(error, ERROR_NO_CARD, -EINVAL,
                         "no card is drawn of a prediction of grade D: there is too little "
                         "evidence for a figure worth showing");
    return 0;
}
