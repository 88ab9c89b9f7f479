/* Embeddings without a model: a text's vector counts the beginnings of its words.
 *
 * Words that begin alike share a dimension, so that "expanding" lies near "expansion", which no
 * ranking by whole words would see. The data come last input first: a client has to read "index".
 */
#include <math.h>
#include <stdlib.h>

#include "ask.h"
#include "base64.h"
#include "json.h"
#include "wire.h"

#define DIMENSIONS 256
#define BEGINNING 5 /* letters of a word that count */
#define LEAST_LETTERS 3

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static void embed(struct span text, float vector[DIMENSIONS])
{
    double size = 0;

    for (size_t i = 0; i < text.n; i++) {
        uint32_t hash = 2166136261U;
        size_t n = 0;

        for (; i < text.n && is_letter(text.at[i]); i++)
            if (n++ < BEGINNING)
                hash = (hash ^ (unsigned char)(text.at[i] | 0x20)) * 16777619U;
        if (n >= LEAST_LETTERS)
            vector[hash % DIMENSIONS] += 1;
    }
    for (size_t i = 0; i < DIMENSIONS; i++)
        size += (double)vector[i] * (double)vector[i];
    for (size_t i = 0; size > 0 && i < DIMENSIONS; i++)
        vector[i] = (float)((double)vector[i] / sqrt(size));
}

static struct json *embedding(struct span text, bool as_base64)
{
    float vector[DIMENSIONS] = {0};
    struct json *json;

    embed(text, vector);
    if (as_base64) {
        CLEANUP(charp_freep)
        char *packed = base64_text((struct span){(const char *)vector, sizeof(vector)});
        return json_new_string(span_of(packed));
    }
    json = json_array();
    for (size_t i = 0; i < DIMENSIONS; i++)
        json_append(json, json_new_number((double)vector[i]));
    return json;
}

static void whole(const struct ask *ask, const struct answer *answer, struct buf *out)
{
    const struct json *input = json_get(ask->body, "input");
    struct span format = json_get_string(ask->body, "encoding_format", "float");
    struct json *json = json_object(), *data = json_array(), *usage = json_object();

    for (size_t i = json_length(input); i-- > 0;) {
        struct json *item = json_object();

        json_set_text(item, "object", "embedding");
        json_set_integer(item, "index", (int64_t)i);
        json_set(item, "embedding",
                 embedding(json_string(json_at(input, i)), span_equal(format, SPAN("base64"))));
        json_append(data, item);
    }
    json_set_text(json, "object", "list");
    json_set_string(json, "model", ask->model);
    json_set(json, "data", data);
    json_set_integer(usage, "prompt_tokens", answer->input_tokens);
    json_set_integer(usage, "total_tokens", answer->input_tokens);
    json_set(json, "usage", usage);
    json_write(json, out);
    json_free(json);
}

const struct wire wire_embeddings = {.whole = whole, .fault = wire_openai_fault};
