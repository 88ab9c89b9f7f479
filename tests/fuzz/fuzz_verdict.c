/* Replies of models as bytes: any text is read, by every kind of ballot, twice to the same verdict.
 */
#include <assert.h>

#include "buf.h"
#include "json.h"
#include "kinds/debate/digest.h"
#include "kinds/debate/verdict.h"
#include "text.h"

static const char *const requests[] = {
    "{\"kind\":\"open\"}",
    "{\"kind\":\"choice\",\"choices\":[\"yes\",\"no\"]}",
    "{\"kind\":\"number\"}",
    "{\"kind\":\"probability\"}",
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void digest_of(const struct ballot *ballot, const struct verdict *verdict, struct buf *out)
{
    const struct verdict *const standing[] = {verdict, verdict};
    const uint64_t words[DEBATE_MAX_PERSONAS] = {3, 1, 4};
    struct digest digest;
    struct vote vote;

    digest_make(&digest, ballot, standing, 2, 1, words);
    digest_write(&digest, NULL, out);
    vote_count(&vote, ballot, &verdict->answer, 1, NULL);
    ballot_write(ballot, vote.winner, out);
}

static void read_as(const char *request, struct span reply)
{
    struct json *json = NULL;
    struct verdict first, again;
    struct ballot ballot;
    struct buf a, b;

    if (json_parse(span_of(request), NULL, &json, NULL) < 0)
        abort();
    ballot_init(&ballot, json);
    verdict_init(&first, &ballot, reply);
    verdict_init(&again, &ballot, reply);
    buf_init(&a, 1 << 20);
    buf_init(&b, 1 << 20);
    digest_of(&ballot, &first, &a);
    digest_of(&ballot, &again, &b);
    assert(buf_ok(&a) && span_equal(buf_span(&a), buf_span(&b)));
    /* A reply comes out of a JSON string, so it is UTF-8; what is made of it has to be. */
    assert(!text_is_utf8(reply) || text_is_utf8(buf_span(&a)));
    assert(first.confidence >= 0 && first.confidence <= 1);
    buf_deinit(&a);
    buf_deinit(&b);
    verdict_deinit(&first);
    verdict_deinit(&again);
    json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span reply = {size ? (const char *)data : "", size};

    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        read_as(requests[i], reply);
    return 0;
}
