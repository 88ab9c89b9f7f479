/* Unicode by utf8proc: composing, folding, and what kind of character one is.
 *
 * Plain ASCII, which most texts are, takes a short way with the same result. Texts are bounded by
 * the buffer that is appended to. */
#include "unicode.h"

#include <stdint.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "buf.h"

#define MAX_PASSES 4 /* folding may make something that composes: two passes do in practice */
#define CODE_MAX_BYTES 4
#define GROWTH_MAX 16 /* U+FDFA becomes eleven times its bytes */

static const utf8proc_option_t fold_options =
    UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;

/* Letters that no decomposition makes plain. */
static const struct {
    utf8proc_int32_t code;
    const char *text;
} plain_letters[] = {
    {0xe6,  "ae"},
    {0xf0,  "d" },
    {0xf8,  "o" },
    {0xfe,  "th"},
    {0x111, "d" },
    {0x127, "h" },
    {0x131, "i" },
    {0x142, "l" },
    {0x153, "oe"},
};

static void add_code(struct buf *out, utf8proc_int32_t code)
{
    utf8proc_uint8_t bytes[CODE_MAX_BYTES];

    buf_add(out, bytes, (size_t)utf8proc_encode_char(code, bytes));
}

/* The next character; U+FFFD for a byte that begins none. */
static utf8proc_int32_t next_code(struct span *rest)
{
    utf8proc_int32_t code;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)rest->at, (utf8proc_ssize_t)rest->n, &code);

    if (n <= 0) {
        n = 1;
        code = 0xfffd;
    }
    rest->at += n;
    rest->n -= (size_t)n;
    return code;
}

static bool is_mark_of_latin(utf8proc_int32_t code)
{
    return code >= 0x300 && code <= 0x36f;
}

/* What stands for a sign that is written in many ways; NULL = it stays. */
static const char *plain_sign(utf8proc_int32_t code)
{
    static const struct {
        utf8proc_int32_t first, last;
        const char *text;
    } signs[] = {
        {0x60,   0x60,   "'" },
        {0xab,   0xab,   "\""},
        {0xb4,   0xb4,   "'" },
        {0xbb,   0xbb,   "\""},
        {0x2bc,  0x2bc,  "'" },
        {0x2018, 0x201b, "'" },
        {0x201c, 0x201f, "\""},
        {0x2032, 0x2032, "'" },
        {0x2033, 0x2033, "\""},
        {0x2039, 0x203a, "'" },
        {0x2212, 0x2212, "-" },
        {0x300c, 0x300f, "\""},
        {0x301d, 0x301f, "\""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(signs); i++)
        if (code >= signs[i].first && code <= signs[i].last)
            return signs[i].text;
    return NULL;
}

/* Control characters count as space, so that none is glued over and none survives. */
static void add_plain(struct buf *out, utf8proc_int32_t code)
{
    const char *sign = plain_sign(code);
    utf8proc_category_t category = utf8proc_category(code);

    if (category == UTF8PROC_CATEGORY_CF)
        return;
    if (category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_ZS ||
        category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP)
        sign = " ";
    else if (category == UTF8PROC_CATEGORY_PD)
        sign = "-";
    if (sign)
        buf_add_text(out, sign);
    else
        add_code(out, code);
}

static void add_each(struct span text, struct buf *out)
{
    while (text.n > 0)
        add_plain(out, next_code(&text));
}

static void map(struct span text, utf8proc_option_t options, struct buf *out)
{
    utf8proc_uint8_t *mapped = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)text.at, (utf8proc_ssize_t)text.n, &mapped, options);

    if (n >= 0)
        buf_add(out, mapped, (size_t)n);
    free(mapped);
}

static bool is_ascii(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.at[i] >= 0x80)
            return false;
    return true;
}

static void fold_ascii(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            c = ' ';
        buf_add_char(out, c == '`' ? '\'' : c);
    }
}

static void fold_any(struct span text, struct buf *out)
{
    struct buf plain, folded;

    buf_init(&plain, GROWTH_MAX * text.n + CODE_MAX_BYTES);
    buf_init(&folded, GROWTH_MAX * text.n + CODE_MAX_BYTES);
    add_each(text, &plain);
    for (unsigned i = 0; i < MAX_PASSES; i++) {
        buf_clear(&folded);
        map(buf_span(&plain), fold_options, &folded);
        struct buf before = plain;
        buf_init(&plain, before.max_bytes);
        add_each(buf_span(&folded), &plain);
        bool settled = span_equal(buf_span(&before), buf_span(&plain));
        buf_deinit(&before);
        if (settled)
            break;
    }
    buf_add_span(out, buf_span(&plain));
    buf_deinit(&plain);
    buf_deinit(&folded);
}

void unicode_fold(struct span text, struct buf *out)
{
    if (is_ascii(text))
        fold_ascii(text, out);
    else
        fold_any(text, out);
}

static void add_bare(struct span text, struct buf *out)
{
    while (text.n > 0) {
        utf8proc_int32_t code = next_code(&text);
        const char *plain = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(plain_letters); i++)
            if (plain_letters[i].code == code)
                plain = plain_letters[i].text;
        if (plain)
            buf_add_text(out, plain);
        else if (!is_mark_of_latin(code))
            add_code(out, code);
    }
}

void unicode_bare(struct span text, struct buf *out)
{
    struct buf folded, apart, bare;

    if (is_ascii(text)) {
        fold_ascii(text, out);
        return;
    }
    buf_init(&folded, GROWTH_MAX * text.n);
    buf_init(&apart, 2 * GROWTH_MAX * text.n);
    buf_init(&bare, 2 * GROWTH_MAX * text.n);
    unicode_fold(text, &folded);
    map(buf_span(&folded), UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &apart);
    add_bare(buf_span(&apart), &bare);
    map(buf_span(&bare), UTF8PROC_STABLE | UTF8PROC_COMPOSE, out);
    buf_deinit(&folded);
    buf_deinit(&apart);
    buf_deinit(&bare);
}

void unicode_letters(struct span text, size_t *ret_n_latin, size_t *ret_n_other_bytes)
{
    size_t n_latin = 0, n_other_bytes = 0;

    while (text.n > 0) {
        const char *begun = text.at;
        utf8proc_int32_t code = next_code(&text);
        utf8proc_category_t category = utf8proc_category(code);
        if (code >= 'a' && code <= 'z')
            n_latin++;
        else if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_ME)
            n_other_bytes += (size_t)(text.at - begun);
    }
    *ret_n_latin = n_latin;
    *ret_n_other_bytes = n_other_bytes;
}
