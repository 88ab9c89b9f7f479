/* The words of a JSON text: strings and numbers, strictly by RFC 8259, and saying where a fault is.
 *
 * A string without a backslash is used where it stands; others are unescaped into a scratch area as
 * large as the text, which therefore never grows. Whoever scans gives scratch back by setting
 * n_scratch. Columns count characters, as an editor does. */
#include "json_lex.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "text.h"

/* --- failing --------------------------------------------------------------------------------- */

/* Columns count characters, as an editor does. */
static void find_position(struct span text, size_t offset, size_t *ret_line, size_t *ret_column)
{
    *ret_line = *ret_column = 1;
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.at[i] == '\n') {
            ++*ret_line;
            *ret_column = 1;
        } else if (((unsigned char)text.at[i] & 0xc0) != 0x80) {
            ++*ret_column;
        }
    }
}

int json_lex_fail(struct json_lexer *lexer, size_t offset, const char *what)
{
    size_t line, column;

    find_position(lexer->text, offset, &line, &column);
    return error_set(lexer->error, ERROR_BAD_JSON, -EPROTO, "line %zu, column %zu: %s", line,
                     column, what);
}

int json_lex_expected(struct json_lexer *lexer, const char *expected)
{
    char what[160], found[24] = "the end of the text";

    if (lexer->i < lexer->text.n) {
        unsigned char c = (unsigned char)lexer->text.at[lexer->i];

        (void)snprintf(found, sizeof(found), c > ' ' && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    }
    (void)snprintf(what, sizeof(what), "expected %s, found %s", expected, found);
    return json_lex_fail(lexer, lexer->i, what);
}

/* --- pieces ---------------------------------------------------------------------------------- */

void json_lex_space(struct json_lexer *lexer)
{
    for (int c = json_lex_peek(lexer); c == ' ' || c == '\n' || c == '\r' || c == '\t';
         c = json_lex_peek(lexer))
        lexer->i++;
}

static int hex4(struct json_lexer *lexer, uint32_t *ret_unit)
{
    uint32_t unit = 0;

    for (int n = 0; n < 4; n++, lexer->i++) {
        int c = json_lex_peek(lexer);

        if (c >= '0' && c <= '9')
            unit = unit << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            unit = unit << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return json_lex_expected(lexer, "four hexadecimal digits after \\u");
    }
    *ret_unit = unit;
    return 0;
}

static size_t put_utf8(char *out, uint32_t point)
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

    for (size_t i = n - 1; i > 0; i--, point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(first[n] | point);
    return n;
}

/* After "\u". Takes a surrogate pair as the one character it is. */
static int unescape_unicode(struct json_lexer *lexer, char *out, size_t *n)
{
    size_t from = lexer->i - 2;
    uint32_t point = 0, low = 0;
    int r = hex4(lexer, &point);

    if (r < 0)
        return r;
    if (point >= 0xd800 && point <= 0xdfff) {
        if (point > 0xdbff || json_lex_peek(lexer) != '\\' || lexer->i + 1 >= lexer->text.n ||
            lexer->text.at[lexer->i + 1] != 'u')
            return json_lex_fail(lexer, from, "half of a surrogate pair stands alone");
        lexer->i += 2;
        r = hex4(lexer, &low);
        if (r < 0)
            return r;
        if (low < 0xdc00 || low > 0xdfff)
            return json_lex_fail(lexer, from, "half of a surrogate pair stands alone");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
    }
    *n += put_utf8(out + *n, point);
    return 0;
}

static int unescape(struct json_lexer *lexer, char *out, size_t *n)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    lexer->i++;
    int c = json_lex_peek(lexer);
    const char *name = c > 0 ? strchr(names, c) : NULL;

    if (c == 'u') {
        lexer->i++;
        return unescape_unicode(lexer, out, n);
    }
    if (!name)
        return json_lex_expected(lexer, "one of \" \\ / b f n r t u after a backslash");
    out[(*n)++] = values[name - names];
    lexer->i++;
    return 0;
}

static int skip_utf8(struct json_lexer *lexer)
{
    unsigned char first = (unsigned char)lexer->text.at[lexer->i];
    size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;

    if (lexer->text.n - lexer->i < n || !text_is_utf8((struct span){lexer->text.at + lexer->i, n}))
        return json_lex_fail(lexer, lexer->i, "the bytes of this character are not valid UTF-8");
    lexer->i += n;
    return 0;
}

/* Runs over characters that stand for themselves. */
static int skip_plain(struct json_lexer *lexer)
{
    for (;;) {
        int c = json_lex_peek(lexer), r = 0;

        if (c == '"' || c == '\\')
            return 0;
        if (c < 0)
            return json_lex_expected(lexer, "the closing quote of the text");
        if (c < 0x20)
            return json_lex_fail(lexer, lexer->i,
                                 "a control character inside a text must be written as an escape");
        if (c >= 0x80)
            r = skip_utf8(lexer);
        else
            lexer->i++;
        if (r < 0)
            return r;
    }
}

/* At the opening quote. The result stays valid until n_scratch is set back. */
int json_lex_string(struct json_lexer *lexer, struct span *ret_text)
{
    size_t from = ++lexer->i, n = 0;
    char *out = NULL;

    for (;;) {
        int r = skip_plain(lexer);

        if (r < 0)
            return r;
        bool end = json_lex_peek(lexer) == '"';
        if (!out && end) {
            *ret_text = (struct span){lexer->text.at + from, lexer->i++ - from};
            return 0;
        }
        if (!out) {
            if (!lexer->scratch)
                lexer->scratch = xcalloc(lexer->text.n, 1);
            out = lexer->scratch + lexer->n_scratch;
        }
        memcpy(out + n, lexer->text.at + from, lexer->i - from);
        n += lexer->i - from;
        if (end)
            break;
        r = unescape(lexer, out, &n);
        if (r < 0)
            return r;
        from = lexer->i;
    }
    lexer->i++;
    lexer->n_scratch += n;
    *ret_text = (struct span){out, n};
    return 0;
}

static int scan_digits(struct json_lexer *lexer, const char *expected)
{
    size_t from = lexer->i;

    while (json_lex_peek(lexer) >= '0' && json_lex_peek(lexer) <= '9')
        lexer->i++;
    return lexer->i > from ? 0 : json_lex_expected(lexer, expected);
}

/* The grammar of a number; says whether it has neither fraction nor exponent. */
static int scan_number_text(struct json_lexer *lexer, bool *ret_whole)
{
    int r = 0;

    *ret_whole = true;
    if (json_lex_peek(lexer) == '-')
        lexer->i++;
    if (json_lex_peek(lexer) == '0') {
        lexer->i++;
        if (json_lex_peek(lexer) >= '0' && json_lex_peek(lexer) <= '9')
            return json_lex_fail(lexer, lexer->i,
                                 "a number must not begin with a zero and a digit");
    } else {
        r = scan_digits(lexer, "a digit");
    }
    if (r == 0 && json_lex_peek(lexer) == '.') {
        *ret_whole = false;
        lexer->i++;
        r = scan_digits(lexer, "a digit after the decimal point");
    }
    if (r == 0 && (json_lex_peek(lexer) == 'e' || json_lex_peek(lexer) == 'E')) {
        *ret_whole = false;
        lexer->i++;
        if (json_lex_peek(lexer) == '+' || json_lex_peek(lexer) == '-')
            lexer->i++;
        r = scan_digits(lexer, "a digit in the exponent");
    }
    return r;
}

/* "-0" is a number, not an integer: its sign would be lost. */
static struct json_token number_token(const char *text, bool whole)
{
    struct json_token token = {.type = JSON_TOKEN_NUMBER, .number = strtod(text, NULL)};

    if (!whole || strcmp(text, "-0") == 0)
        return token;
    errno = 0;
    token.integer = strtoll(text, NULL, 10);
    if (errno == 0)
        token.type = JSON_TOKEN_INTEGER;
    return token;
}

int json_lex_number(struct json_lexer *lexer, struct json_token *ret_token)
{
    size_t from = lexer->i;
    bool whole;
    int r = scan_number_text(lexer, &whole);

    if (r < 0)
        return r;
    char small[64];
    CLEANUP(charp_freep) char *large = NULL;
    struct span text = {lexer->text.at + from, lexer->i - from};
    if (text.n >= sizeof(small)) {
        large = xspandup(text);
    } else {
        memcpy(small, text.at, text.n);
        small[text.n] = '\0';
    }
    struct json_token token = number_token(large ? large : small, whole);
    if (!isfinite(token.number))
        return json_lex_fail(lexer, from, "the number is too large");
    *ret_token = token;
    return 0;
}
