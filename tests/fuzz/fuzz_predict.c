/* Any bytes as goal, context and company name: folding is idempotent, facts quote what is there, a
 * name has one key. */
#include <assert.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "kinds/predict/names/company.h"
#include "kinds/predict/predict.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void normalise(struct span text, struct buf *out)
{
    struct buf again;

    buf_init(out, PREDICT_TEXT_MAX_BYTES);
    buf_init(&again, PREDICT_TEXT_MAX_BYTES);
    predict_normalise(text, out);
    predict_normalise(buf_span(out), &again);
    assert(text_is_utf8(buf_span(out)));
    assert(!buf_ok(out) || !buf_ok(&again) || span_equal(buf_span(out), buf_span(&again)));
    buf_deinit(&again);
}

static void check_facts(const struct extraction *extraction, struct span goal, struct span context)
{
    CLEANUP(json_freep) struct json *json = predict_extraction_json(extraction);

    assert(json_has(json, "event") && extraction->event && extraction->horizon_days > 0);
    for (size_t i = 0; i < extraction->n_facts; i++) {
        const struct fact *fact = &extraction->facts[i];
        struct span text = fact->in_context ? context : goal;
        assert(fact->from + fact->quote.n <= text.n && fact->quote.at == text.at + fact->from);
        assert(!fact->factor || fact->ratio > 0);
    }
}

static void check_name(struct span name)
{
    struct buf key, again;

    buf_init(&key, 1 << 20);
    buf_init(&again, 1 << 20);
    const struct company *company = company_key(name, &key);
    assert(company_key(name, &again) == company);
    assert(span_equal(buf_span(&key), buf_span(&again)));
    (void)company_guess(name);
    buf_deinit(&key);
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {size ? (const char *)data : "", size};
    const char *cut = size ? memchr(text.at, '\n', size) : NULL;
    struct span name = cut ? (struct span){text.at, (size_t)(cut - text.at)} : text;
    struct extraction extraction;
    struct error error;
    struct buf goal, context;

    normalise(name, &goal);
    normalise(text, &context);
    if (predict_extract(buf_span(&goal), buf_span(&context), &extraction, &error) == 0)
        check_facts(&extraction, buf_span(&goal), buf_span(&context));
    check_name(name);
    buf_deinit(&goal);
    buf_deinit(&context);
    return 0;
}
