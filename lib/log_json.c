/* Log lines as JSON.
 *
 * Lines are written once, as words, wherever they occur; here they are read again. Whatever they
 * hold, the result is valid JSON in UTF-8 with no key twice: what is no pair, or whose key was
 * there already, goes into the remark. */
#include "log_json.h"

#include <stdbool.h>

#include "buf.h"
#include "text.h"

#define MAX_KEYS 32
#define MSG_BYTES 8192

/* Their values are numbers in every line. */
static const char *const numbers[] = {"status",  "bytes",   "ms",          "pause_ms", "port",
                                      "attempt", "running", "connections", "streams"};
/* Members that the line's head has. */
static const char *const taken[] = {"ts", "level", "program", "pid", "dropped", "msg"};

static bool is_key_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

/* "key=" at the start of the words: the key, or an empty span. */
static struct span key_of(struct span words)
{
    size_t n = 0;

    while (n < words.n && is_key_character(words.at[n]))
        n++;
    return n > 0 && n < words.n && words.at[n] == '=' ? (struct span){words.at, n} : SPAN("");
}

/* A quote within a value is not escaped. The one that ends it has the next pair, a comma or nothing
 * behind it. */
static size_t quoted_end(struct span rest)
{
    for (size_t i = 1; i < rest.n; i++) {
        struct span behind = {rest.at + i + 1, rest.n - i - 1};

        if (rest.at[i] == '"' &&
            (behind.n == 0 || behind.at[0] == ',' ||
             (behind.at[0] == ' ' && key_of((struct span){behind.at + 1, behind.n - 1}).n > 0)))
            return i;
    }
    return rest.n;
}

/* Cuts the value off the words behind "key=". */
static struct span take_value(struct span *rest)
{
    bool quoted = rest->n > 0 && rest->at[0] == '"';
    size_t n = 0, from = quoted ? 1 : 0;

    if (quoted)
        n = quoted_end(*rest);
    else
        while (n < rest->n && rest->at[n] != ' ')
            n++;
    struct span value = {rest->at + from, n > from ? n - from : 0};
    n += quoted && n < rest->n;
    *rest = (struct span){rest->at + n, rest->n - n};
    return value;
}

static bool is_number(struct span key, struct span value)
{
    size_t digits = 0, dots = 0;
    bool known = false;

    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        known = known || span_equal(key, span_of(numbers[i]));
    for (size_t i = 0; i < value.n; i++) {
        digits += value.at[i] >= '0' && value.at[i] <= '9';
        dots += value.at[i] == '.' && i > 0 && i + 1 < value.n;
    }
    return known && value.n > 0 && value.n <= 18 && digits + dots == value.n && dots <= 1 &&
           (value.at[0] != '0' || value.n == 1 || value.at[1] == '.');
}

/* Bytes that are no UTF-8 (a line may be cut within a character) become "?". */
static void add_string(struct span text, struct buf *out)
{
    CLEANUP(charp_freep) char *copy = xspandup(text);

    for (size_t i = 0; !text_is_utf8(text) && i < text.n; i++)
        if ((unsigned char)copy[i] >= 0x80)
            copy[i] = '?';
    buf_add_char(out, '"');
    text_json_escape(out, (struct span){copy, text.n});
    buf_add_char(out, '"');
}

struct members {
    struct span keys[MAX_KEYS];
    size_t n;
    struct buf msg, *out;
};

static bool is_new(const struct members *members, struct span key)
{
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        if (span_equal(key, span_of(taken[i])))
            return false;
    for (size_t i = 0; i < members->n; i++)
        if (span_equal(key, members->keys[i]))
            return false;
    return members->n < MAX_KEYS;
}

static void add_member(struct members *members, struct span key, struct span value)
{
    members->keys[members->n++] = key;
    buf_addf(members->out, ",\"%.*s\":", (int)key.n, key.at);
    if (is_number(key, value))
        buf_add_span(members->out, value);
    else
        add_string(value, members->out);
}

static void add_remark(struct members *members, struct span word)
{
    if (members->msg.n > 0)
        buf_add_char(&members->msg, ' ');
    buf_add_span(&members->msg, word);
}

void log_json_members(struct span words, struct buf *out)
{
    struct members members = {.out = out};
    struct span rest = words;

    buf_init(&members.msg, MSG_BYTES);
    while (rest.n > 0) {
        struct span key = key_of(rest), word = rest;

        if (rest.at[0] == ' ' || rest.at[0] == ',') {
            rest = (struct span){rest.at + 1, rest.n - 1};
            continue;
        }
        if (key.n > 0)
            rest = (struct span){rest.at + key.n + 1, rest.n - key.n - 1};
        struct span value = take_value(&rest);
        word.n -= rest.n;
        if (key.n > 0 && is_new(&members, key))
            add_member(&members, key, value);
        else
            add_remark(&members, word);
    }
    if (members.msg.n > 0) {
        buf_add_span(out, SPAN(",\"msg\":"));
        add_string(buf_span(&members.msg), out);
    }
    buf_deinit(&members.msg);
}
