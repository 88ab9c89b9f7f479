/* Embeddings, as OpenAI and its relatives speak them (wire/openai.md, vllm.md): not the vectors are
 * the answer's text but how near each input is to the first one, as a JSON array of cosines. That
 * is all that ranking needs, and a thousandth of the bytes to remember.
 *
 * Cosines are rounded to six digits, so that the same answer gives the same bytes everywhere. Data
 * come in any order, as base64 of little-endian floats or as numbers. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base64.h"
#include "json.h"
#include "llm_wire.h"
#include "provider.h"
#include "text.h"

#define SHORTENED_DIMENSIONS 512
#define MAX_DIMENSIONS 16384

static struct json *make_body(const struct llm_request *request)
{
    struct json *body = json_object(), *inputs = NULL;

    /* The question's prompt is the array, as text. */
    if (json_parse(span_of(request->question->prompt), NULL, &inputs, NULL) != 0)
        inputs = json_array();
    if (request->model_id)
        json_set_text(body, "model", request->model_id);
    json_set(body, "input", inputs);
    /* Others answer 400 to it, unless their model can be shortened. */
    if (text_starts(span_of(request->model_id), "text-embedding-3"))
        json_set_integer(body, "dimensions", SHORTENED_DIMENSIONS);
    json_set_text(body, "encoding_format", "base64");
    return body;
}

struct vector {
    float *at; /* owned */
    size_t n;
};

static bool from_numbers(const struct json *list, struct vector *vector)
{
    size_t n = json_length(list);

    if (n == 0 || n > MAX_DIMENSIONS)
        return false;
    *vector = (struct vector){xcalloc(n, sizeof(float)), n};
    for (size_t i = 0; i < n; i++)
        vector->at[i] = (float)json_number(json_at(list, i));
    return true;
}

static bool from_base64(struct span text, struct vector *vector)
{
    size_t n_bytes = 0;
    unsigned char *bytes = base64_bytes(text, &n_bytes);
    bool good = bytes && n_bytes > 0 && n_bytes % 4 == 0 && n_bytes / 4 <= MAX_DIMENSIONS;

    if (good) {
        *vector = (struct vector){xcalloc(n_bytes / 4, sizeof(float)), n_bytes / 4};
        for (size_t i = 0; i < vector->n; i++) {
            uint32_t word;

            memcpy(&word, bytes + 4 * i, sizeof(word));
            word = le32toh(word);
            memcpy(&vector->at[i], &word, sizeof(word));
        }
    }
    free(bytes);
    return good;
}

static bool read_vector(const struct json *embedding, struct vector *vector)
{
    return json_is(embedding, JSON_STRING) ? from_base64(json_string(embedding), vector)
                                           : from_numbers(embedding, vector);
}

static double cosine(const struct vector *a, const struct vector *b)
{
    double product = 0, size_a = 0, size_b = 0;

    for (size_t i = 0; i < a->n; i++) {
        product += (double)a->at[i] * (double)b->at[i];
        size_a += (double)a->at[i] * (double)a->at[i];
        size_b += (double)b->at[i] * (double)b->at[i];
    }
    double near = product / sqrt(size_a * size_b);
    return isfinite(near) ? round(near * 1e6) / 1e6 : 0;
}

/* Every index once, vectors of one length. */
static bool read_vectors(const struct json *data, struct vector *vectors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct json *item = json_at(data, i);
        int64_t index = json_get_integer(item, "index", (int64_t)i);

        if (index < 0 || (size_t)index >= n || vectors[index].at ||
            !read_vector(json_get(item, "embedding"), &vectors[index]))
            return false;
    }
    for (size_t i = 1; i < n; i++)
        if (vectors[i].n != vectors[0].n)
            return false;
    return n > 0;
}

static void on_answer(struct llm_reader *reader, const struct json *answer)
{
    const struct json *data = json_get(answer, "data"), *usage = json_get(answer, "usage");
    size_t n = json_length(data);
    CLEANUP(json_freep) struct json *near = json_array();
    CLEANUP(charp_freep) char *text = NULL;

    if (json_type(json_get(answer, "error")) != JSON_NULL) {
        llm_read_error(reader, answer);
        return;
    }
    struct vector *vectors = xcalloc(n + 1, sizeof(*vectors));
    bool good = read_vectors(data, vectors, n);
    for (size_t i = 0; good && i < n; i++)
        json_append(near, json_new_number(cosine(&vectors[0], &vectors[i])));
    for (size_t i = 0; i < n; i++)
        free(vectors[i].at);
    free(vectors);
    if (!good) {
        llm_read_garbage(reader, "the answer holds no embeddings, or not one of each input", NULL);
        return;
    }
    llm_read_model(reader, json_get_string(answer, "model", ""));
    reader->tokens.have_input = llm_read_count(usage, "prompt_tokens", &reader->tokens.input);
    reader->tokens.have_output = true;
    text = json_text(near);
    llm_read_text(reader, span_of(text));
    reader->stop = "end";
    reader->finished = !reader->failed;
}

static void on_event(struct llm_reader *reader, struct span event, struct span data)
{
    (void)event;
    (void)data;
    llm_read_garbage(reader, "embeddings do not come as a stream", NULL);
}

const struct llm_wire llm_wire_embeddings = {
    .name = "embeddings",
    .path = "/embeddings",
    .auth_header = "authorization",
    .auth_prefix = "Bearer ",
    .make_body = make_body,
    .on_event = on_event,
    .on_answer = on_answer,
};
