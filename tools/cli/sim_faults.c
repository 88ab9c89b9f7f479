/* What is wrong with a model, for a person: each fault with its place, and where it is about a part
 * of an expression, the expression with a line of carets under that part. A fault names its place
 * by a JSON pointer; the expression is what the document has there. */
#include "buf.h"
#include "cli/sim_page.h"
#include "json.h"
#include "text.h"

#define INDENT 4
#define LINE_BYTES 4096
/* Shown before the part in question when an expression is too long for a line. */
#define LEAD_COLUMNS 24
#define WORD_BYTES 512

/* "~1" and "~0" of RFC 6901. */
static void unescape(struct span token, char out[WORD_BYTES])
{
    size_t n = 0;

    for (size_t i = 0; i < token.n && n + 1 < WORD_BYTES; i++) {
        bool escape = token.at[i] == '~' && i + 1 < token.n;
        out[n++] = (char)(!escape ? token.at[i] : token.at[++i] == '1' ? '/' : '~');
    }
    out[n] = '\0';
}

static const struct json *step_into(const struct json *value, struct span token)
{
    char word[WORD_BYTES];
    uint64_t i = 0;

    if (json_is(value, JSON_ARRAY))
        return text_to_u64(token, SIZE_MAX, &i) == 0 ? json_at(value, (size_t)i) : NULL;
    unescape(token, word);
    return json_is(value, JSON_OBJECT) ? json_get(value, word) : NULL;
}

static const struct json *look_up(const struct json *document, struct span pointer)
{
    struct span token;

    (void)text_next(&pointer, '/', &token); /* what stands before the first slash: nothing */
    while (document && text_next(&pointer, '/', &token))
        document = step_into(document, token);
    return document;
}

/* The part of the expression that is shown, and where the marked part lies in it, in columns. */
static struct span window(struct span text, size_t room, size_t *from, size_t *to)
{
    struct span shown = text;
    size_t skip = *from > LEAD_COLUMNS && text.n > room ? *from - LEAD_COLUMNS : 0;

    while (skip > 0 && ((unsigned char)text.at[skip] & 0xc0) == 0x80)
        skip--;
    shown.at += skip;
    shown.n = text.n - skip < room ? text.n - skip : room;
    while (shown.n > 0 && skip + shown.n < text.n &&
           ((unsigned char)shown.at[shown.n] & 0xc0) == 0x80)
        shown.n--;
    *to = *to < skip + shown.n ? *to - skip : shown.n;
    *from -= skip;
    *from = page_columns((struct span){shown.at, *from < shown.n ? *from : shown.n});
    *to = page_columns((struct span){shown.at, *to});
    return shown;
}

static void write_span(const struct page *page, const struct json *fault,
                       const struct json *document)
{
    const struct json *span = json_get(fault, "span");
    struct span text = json_string(look_up(document, json_get_string(fault, "path", "")));
    int64_t first = json_integer(json_at(span, 0)), last = json_integer(json_at(span, 1));
    struct margin margin = {.indent = INDENT};
    struct buf line;

    if (json_length(span) != 2 || text.n == 0 || first < 0 || last < first || (size_t)last > text.n)
        return;
    size_t from = (size_t)first, to = (size_t)last;
    struct span shown = window(text, page->width - INDENT, &from, &to);
    buf_init(&line, LINE_BYTES);
    for (size_t i = 0; i < from; i++)
        buf_add_char(&line, ' ');
    buf_add_char(&line, '^');
    for (size_t i = from + 1; i < to; i++)
        buf_add_char(&line, '~');
    page_row(page, margin, PAGE_PLAIN, shown);
    page_row(page, margin, PAGE_RED, buf_span(&line));
    buf_deinit(&line);
}

/* "expected a number above 0, got -1", unless the message says so itself. */
static void add_expected(struct buf *out, const struct json *fault)
{
    const struct json *got = json_get(fault, "got");
    struct span expected = json_get_string(fault, "expected", "");
    CLEANUP(charp_freep)
    char *text = got && !json_is(got, JSON_STRING) ? json_text(got) : xspandup(json_string(got));

    if (text_contains(json_get_string(fault, "message", ""), expected.at))
        return;
    if (expected.n > 0)
        buf_addf(out, "expected %s", expected.at);
    if (*text)
        buf_addf(out, "%sgot %s", out->n > 0 ? ", " : "", text);
}

/* What only this sort of fault has, as JSON: the nearest matrix that is possible, … */
static bool write_more(const char *key, const struct json *value, void *arg)
{
    static const char *const shown[] = {"code",     "path", "span", "message",
                                        "expected", "got",  "hint"};
    CLEANUP(charp_freep) char *text = json_text(value);
    CLEANUP(charp_freep) char *line = xprintf("%s: %s", key, text);

    for (size_t i = 0; i < ARRAY_SIZE(shown); i++)
        if (strcmp(key, shown[i]) == 0)
            return true;
    page_text(arg, (struct margin){.indent = 2}, PAGE_DIM, span_of(line));
    return true;
}

static void write_fault(const struct page *page, const struct json *fault,
                        const struct json *document)
{
    const struct margin inside = {.indent = 2};
    struct span hint = json_get_string(fault, "hint", "");
    struct buf line;

    buf_init(&line, LINE_BYTES);
    buf_addf(&line, "%s %s: %s", json_get_string(fault, "code", "").at,
             json_get_string(fault, "path", "").at, json_get_string(fault, "message", "").at);
    page_text(page, (struct margin){0}, PAGE_PLAIN, buf_span(&line));
    write_span(page, fault, document);
    buf_clear(&line);
    add_expected(&line, fault);
    page_text(page, inside, PAGE_DIM, buf_span(&line));
    buf_clear(&line);
    if (hint.n > 0)
        buf_addf(&line, "hint: %s", hint.at);
    page_text(page, inside, PAGE_DIM, buf_span(&line));
    buf_deinit(&line);
    struct page copy = *page;
    json_each(fault, write_more, &copy);
}

void sim_page_faults(const struct page *page, const char *name, const struct json *document,
                     const struct json *faults)
{
    size_t n = json_length(faults);

    fprintf(page->out, "parley simulate: %s: %zu %s\n", name, n, n == 1 ? "fault" : "faults");
    for (size_t i = 0; i < n; i++)
        write_fault(page, json_at(faults, i), document);
}
