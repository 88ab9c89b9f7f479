/* Reading text. No locale is ever consulted: protocol text is ASCII, user text is UTF-8. */
#include "text.h"

#include <errno.h>
#include <stdio.h>

#include "buf.h"

int text_to_u64(struct span text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.n == 0)
        return -EINVAL;
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return -EINVAL;
        uint64_t digit = (uint64_t)(text.at[i] - '0');
        if (value > (max - digit) / 10 || digit > max)
            return -ERANGE;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return 0;
}

static const struct {
    const char *name;
    int64_t ms;
} units[] = {
    {"d",  86400000},
    {"h",  3600000 },
    {"m",  60000   },
    {"s",  1000    },
    {"ms", 1       },
};

int text_to_duration(struct span text, int64_t *ret_ms)
{
    size_t n_digits = 0;
    uint64_t count;

    while (n_digits < text.n && text.at[n_digits] >= '0' && text.at[n_digits] <= '9')
        n_digits++;
    struct span unit = {text.at + n_digits, text.n - n_digits};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (!span_equal(unit, span_of(units[i].name)))
            continue;
        if (text_to_u64((struct span){text.at, n_digits}, (uint64_t)(INT64_MAX / units[i].ms),
                        &count) < 0)
            return -EINVAL;
        *ret_ms = (int64_t)count * units[i].ms;
        return 0;
    }
    return -EINVAL;
}

const char *text_duration(int64_t ms, char out[TEXT_DURATION_BYTES])
{
    size_t i = 0;

    while (units[i].ms > 1 && (ms == 0 ? units[i].ms != 1000 : ms % units[i].ms != 0))
        i++;
    (void)snprintf(out, TEXT_DURATION_BYTES, "%lld%s", (long long)(ms / units[i].ms),
                   units[i].name);
    return out;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct span text_trim_start(struct span text)
{
    while (text.n > 0 && is_blank(text.at[0])) {
        text.at++;
        text.n--;
    }
    return text;
}

struct span text_trim(struct span text)
{
    text = text_trim_start(text);
    while (text.n > 0 && is_blank(text.at[text.n - 1]))
        text.n--;
    return text;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_nocase(struct span a, struct span b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool text_starts(struct span text, const char *prefix)
{
    size_t n = strlen(prefix);

    return text.n >= n && memcmp(text.at, prefix, n) == 0;
}

bool text_contains(struct span text, const char *word)
{
    return text.n > 0 && memmem(text.at, text.n, word, strlen(word)) != NULL;
}

bool text_next(struct span *rest, char separator, struct span *ret_item)
{
    if (!rest->at)
        return false;
    const char *end = rest->n > 0 ? memchr(rest->at, separator, rest->n) : NULL;
    size_t n = end ? (size_t)(end - rest->at) : rest->n;

    *ret_item = text_trim((struct span){rest->at, n});
    *rest = end ? (struct span){end + 1, rest->n - n - 1} : (struct span){NULL, 0};
    return true;
}

bool text_listed(const char *list, struct span word)
{
    struct span rest = span_of(list), item;

    while (text_next(&rest, '|', &item))
        if (span_equal(item, word))
            return true;
    return false;
}

/* How many continuation bytes follow a first byte, and the least code point that needs them. */
static int utf8_follow(unsigned char first, uint32_t *ret_bits, uint32_t *ret_least)
{
    static const struct {
        unsigned char mask, value;
        int n;
        uint32_t least;
    } forms[] = {
        {0x80, 0x00, 0, 0      },
        {0xe0, 0xc0, 1, 0x80   },
        {0xf0, 0xe0, 2, 0x800  },
        {0xf8, 0xf0, 3, 0x10000},
    };

    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if ((first & forms[i].mask) != forms[i].value)
            continue;
        *ret_bits = first & (unsigned char)~forms[i].mask;
        *ret_least = forms[i].least;
        return forms[i].n;
    }
    return -1;
}

bool text_is_utf8(struct span text)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t point = 0, least = 0;
        int n = utf8_follow((unsigned char)text.at[i++], &point, &least);

        if (n < 0 || text.n - i < (size_t)n)
            return false;
        for (; n > 0; n--, i++) {
            if (((unsigned char)text.at[i] & 0xc0) != 0x80)
                return false;
            point = point << 6 | ((unsigned char)text.at[i] & 0x3f);
        }
        if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
    }
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; rows[0] is the current row, [1] and [2] the two before. */
size_t text_distance(struct span a, struct span b)
{
    size_t rows[3][TEXT_DISTANCE_MAX_BYTES + 1] = {0};

    if (a.n > TEXT_DISTANCE_MAX_BYTES || b.n > TEXT_DISTANCE_MAX_BYTES)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.n; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        memcpy(rows[2], rows[1], sizeof(rows[1]));
        memcpy(rows[1], rows[0], sizeof(rows[0]));
        rows[0][0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t cost = lower(a.at[i - 1]) != lower(b.at[j - 1]);

            rows[0][j] = least(least(rows[1][j] + 1, rows[0][j - 1] + 1), rows[1][j - 1] + cost);
            if (i > 1 && j > 1 && lower(a.at[i - 1]) == lower(b.at[j - 2]) &&
                lower(a.at[i - 2]) == lower(b.at[j - 1]))
                rows[0][j] = least(rows[0][j], rows[2][j - 2] + 1);
        }
    }
    return rows[0][b.n];
}

void text_guess_offer(struct text_guess *guess, const char *known)
{
    size_t distance = text_distance(guess->word, span_of(known));
    size_t near_enough = guess->word.n < 3 ? 1 : guess->word.n < 6 ? 2 : 3;

    /* A guess that changes every letter is none. */
    if (distance > near_enough || distance >= guess->word.n)
        return;
    if (!guess->best || distance < guess->distance) {
        guess->best = known;
        guess->distance = distance;
    }
}

static const char hex_digits[] = "0123456789abcdef";

void text_hex(const void *data, size_t n, char *out)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < n; i++) {
        *out++ = hex_digits[bytes[i] >> 4];
        *out++ = hex_digits[bytes[i] & 15];
    }
    *out = '\0';
}

static void escape_one(struct buf *out, char c)
{
    switch (c) {
    case '"': buf_add_text(out, "\\\""); break;
    case '\\': buf_add_text(out, "\\\\"); break;
    case '\n': buf_add_text(out, "\\n"); break;
    case '\r': buf_add_text(out, "\\r"); break;
    case '\t': buf_add_text(out, "\\t"); break;
    default: buf_addf(out, "\\u%04x", (unsigned)(unsigned char)c); break;
    }
}

void text_json_escape(struct buf *out, struct span text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        buf_add(out, text.at + from, i - from);
        escape_one(out, text.at[i]);
        from = i + 1;
    }
    buf_add(out, text.at + from, text.n - from);
}
