/* The tokens of an expression. A token that is none is told to the parser as TOKEN_WRONG, one byte
 * or one whole UTF-8 character long, so that messages can quote it. */
#include "expr_scan.h"

#include "expr.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool expr_is_name(struct span text)
{
    if (text.n == 0 || text.n > EXPR_NAME_MAX_BYTES || !is_letter(text.at[0]))
        return false;
    for (size_t i = 1; i < text.n; i++)
        if (!is_letter(text.at[i]) && !is_digit(text.at[i]))
            return false;
    return true;
}

/* 12  12.5  .5  1e3  1e-3  5% */
static size_t number_length(const char *at, size_t n)
{
    size_t i = 0;

    while (i < n && (is_digit(at[i]) || at[i] == '.'))
        i++;
    if (i < n && (at[i] == 'e' || at[i] == 'E')) {
        size_t sign = i + 1 < n && (at[i + 1] == '+' || at[i + 1] == '-');
        if (i + 1 + sign < n && is_digit(at[i + 1 + sign])) {
            i += 1 + sign;
            while (i < n && is_digit(at[i]))
                i++;
        }
    }
    return i + (i < n && at[i] == '%');
}

static size_t symbol_length(const char *at, size_t n)
{
    if (n > 1 && at[1] == '=' && strchr("<>=!", at[0]))
        return 2;
    return strchr("+-*/^<>(),", at[0]) ? 1 : 0;
}

/* Of a character we do not know: all its bytes. */
static size_t character_length(const char *at, size_t n)
{
    size_t i = 1;

    while (i < n && ((unsigned char)at[i] & 0xc0) == 0x80)
        i++;
    return i;
}

static size_t word_length(const char *at, size_t n)
{
    size_t i = 0;

    while (i < n && (is_letter(at[i]) || is_digit(at[i])))
        i++;
    return i;
}

static size_t token_length(const char *at, size_t n, enum token_type *ret_type)
{
    size_t length;

    *ret_type = TOKEN_END;
    if (n == 0)
        return 0;
    *ret_type = TOKEN_NUMBER;
    if (is_digit(at[0]) || at[0] == '.')
        return number_length(at, n);
    *ret_type = TOKEN_WORD;
    if (is_letter(at[0]))
        return word_length(at, n);
    *ret_type = TOKEN_SYMBOL;
    length = at[0] == '\0' ? 0 : symbol_length(at, n);
    if (length > 0)
        return length;
    *ret_type = TOKEN_WRONG;
    return character_length(at, n);
}

void scan_next(struct scan *scan)
{
    enum token_type type;

    while (scan->at < scan->end && is_blank(scan->text.at[scan->at]))
        scan->at++;
    size_t length = token_length(scan->text.at + scan->at, scan->end - scan->at, &type);
    scan->token = (struct token){
        type, {scan->text.at + scan->at, length},
         scan->at, scan->at + length
    };
    scan->at += length;
}

bool scan_is(const struct scan *scan, const char *symbol)
{
    return (scan->token.type == TOKEN_SYMBOL || scan->token.type == TOKEN_WORD) &&
           span_equal(scan->token.text, span_of(symbol));
}
