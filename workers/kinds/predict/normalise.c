/* Normalised text: what all spellings of one goal have in common.
 *
 * Letters are folded (lib/unicode.c), space is collapsed, outer quotes and final punctuation go,
 * amounts are written in one way (amounts.c), and known companies too (names/rewrite.c).
 * Idempotent. */
#include "amounts.h"
#include "buf.h"
#include "names/company.h"
#include "predict.h"
#include "unicode.h"

#define NAME_ROUNDS 4

static struct span strip(struct span text)
{
    while (text.n > 0 && strchr(" \"'", text.at[0])) {
        text.at++;
        text.n--;
    }
    while (text.n > 0 && strchr(" \"'.!?,;", text.at[text.n - 1]))
        text.n--;
    return text;
}

static void add_collapsed(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] != ' ' || (i + 1 < text.n && text.at[i + 1] != ' '))
            buf_add_char(out, text.at[i]);
}

/* What is left of one name may be the end of another: until nothing changes. */
static void rewrite_names(struct span text, struct buf *out)
{
    struct buf before;

    buf_init(&before, PREDICT_TEXT_MAX_BYTES);
    buf_add_span(&before, text);
    for (int round = 0; round < NAME_ROUNDS; round++) {
        buf_clear(out);
        company_rewrite(buf_span(&before), out);
        if (span_equal(buf_span(&before), buf_span(out)))
            break;
        buf_clear(&before);
        buf_add_span(&before, buf_span(out));
    }
    out->overflow = out->overflow || before.overflow;
    buf_deinit(&before);
}

void predict_normalise(struct span text, struct buf *out)
{
    struct buf folded, plain, amounts;

    buf_init(&folded, PREDICT_TEXT_MAX_BYTES);
    buf_init(&plain, PREDICT_TEXT_MAX_BYTES);
    buf_init(&amounts, PREDICT_TEXT_MAX_BYTES);
    unicode_fold(text, &folded);
    add_collapsed(strip(buf_span(&folded)), &plain);
    amounts_rewrite(buf_span(&plain), &amounts);
    rewrite_names(buf_span(&amounts), out);
    out->overflow = out->overflow || folded.overflow || plain.overflow || amounts.overflow;
    buf_deinit(&folded);
    buf_deinit(&plain);
    buf_deinit(&amounts);
}
