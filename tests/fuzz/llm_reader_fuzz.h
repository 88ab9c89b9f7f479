#pragma once
/* What all wire formats promise for any bytes: the same answer however they are cut, text that is
 * UTF-8 and was shown exactly once, either finished or failed with a reason, and errors that are
 * one clean line. */

#include <stdlib.h>

#include "llm_wire.h"
#include "provider.h"
#include "text.h"

static inline void fuzz_delta(struct span text, void *arg)
{
    buf_add_span(arg, text);
}

static inline void fuzz_check(const struct llm_reader *reader, const struct buf *deltas)
{
    static const struct llm_question question;
    struct llm_usage usage;

    llm_reader_usage(reader, &question, &usage);
    if (reader->finished == reader->failed || (reader->finished && !reader->stop))
        abort();
    if (reader->failed && (!reader->error.message[0] || reader->outcome >= 0))
        abort();
    if (!text_is_utf8(buf_span(&reader->text)) || !text_is_utf8(span_of(reader->error.message)))
        abort();
    if (!span_equal(buf_span(&reader->text), buf_span(deltas)))
        abort();
    if (usage.input_tokens < 0 || usage.output_tokens < 0 || usage.cost_usd < 0)
        abort();
}

static inline void fuzz_stream(struct llm_reader *reader, const struct provider *provider,
                               struct buf *deltas, struct span input, size_t n_piece)
{
    buf_init(deltas, (size_t)1 << 24);
    llm_reader_init(reader, provider, fuzz_delta, deltas);
    for (size_t at = 0; at < input.n; at += n_piece) {
        size_t n = input.n - at < n_piece ? input.n - at : n_piece;

        llm_reader_feed(reader, (struct span){input.at + at, n});
    }
    llm_reader_end(reader);
    fuzz_check(reader, deltas);
}

static inline void fuzz_answer(const struct provider *provider, struct span input)
{
    struct llm_reader reader;
    struct buf deltas;
    struct error error = {0};

    buf_init(&deltas, (size_t)1 << 24);
    llm_reader_init(&reader, provider, fuzz_delta, &deltas);
    llm_reader_answer(&reader, input);
    fuzz_check(&reader, &deltas);
    llm_reader_deinit(&reader);
    buf_deinit(&deltas);
    (void)llm_error_read(provider, 500, input, &error);
    if (!text_is_utf8(span_of(error.message)) || strchr(error.message, '\n'))
        abort();
}

static inline int fuzz_reader(const struct provider *provider, const uint8_t *data, size_t size)
{
    struct llm_reader whole, pieces;
    struct buf whole_deltas, piece_deltas;

    if (size < 2)
        return 0;
    struct span input = {(const char *)data + 1, size - 1};
    fuzz_stream(&whole, provider, &whole_deltas, input, input.n);
    fuzz_stream(&pieces, provider, &piece_deltas, input, (size_t)data[0] + 1);
    if (whole.finished != pieces.finished ||
        !span_equal(buf_span(&whole.text), buf_span(&pieces.text)))
        abort();
    llm_reader_deinit(&whole);
    llm_reader_deinit(&pieces);
    buf_deinit(&whole_deltas);
    buf_deinit(&piece_deltas);
    fuzz_answer(provider, input);
    return 0;
}

/* Every wire by a provider that has all the peculiarities of its kind. */
static inline int fuzz_wire(const struct llm_wire *wire, const uint8_t *data, size_t size)
{
    static const struct model models[] = {
        {.output_usd = 1, .input_usd = 1}
    };
    static char key[] = "secretkey";
    const struct provider provider = {
        .name = "fuzzed",
        .wire = wire,
        .api_key = key,
        .models = models,
        .strip_think = wire == &llm_wire_openai,
        .reasoning_apart = wire == &llm_wire_openai,
    };

    return fuzz_reader(&provider, data, size);
}
