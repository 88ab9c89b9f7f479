/* What identifies a model, a seed and a result: SHA-256 over bytes that do not depend on how a
 * document was written. The order of object members and the spelling of numbers are forgotten; the
 * order of array items and every byte of a string are kept. */
#include "digest.h"

#include "buf.h"
#include "json.h"
#include "text.h"

struct member {
    const char *key;
    const struct json *value;
};

struct members {
    struct member *at;
    size_t n;
};

void digest_text(const unsigned char digest[DIGEST_BYTES], char out[DIGEST_TEXT_BYTES])
{
    static const char prefix[] = "sha256:";

    memcpy(out, prefix, sizeof(prefix));
    text_hex(digest, DIGEST_BYTES, out + sizeof(prefix) - 1);
}

static bool on_member(const char *key, const struct json *value, void *arg)
{
    struct members *members = arg;

    members->at[members->n++] = (struct member){key, value};
    return true;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void write_object(const struct json *json, struct buf *out)
{
    struct members members = {xcalloc(json_length(json) + 1, sizeof(struct member)), 0};

    json_each(json, on_member, &members);
    qsort(members.at, members.n, sizeof(members.at[0]), by_key);
    buf_add_char(out, '{');
    for (size_t i = 0; i < members.n; i++) {
        buf_add_text(out, i > 0 ? ",\"" : "\"");
        text_json_escape(out, span_of(members.at[i].key));
        buf_add_text(out, "\":");
        digest_canonical(members.at[i].value, out);
    }
    buf_add_char(out, '}');
    free(members.at);
}

static void write_array(const struct json *json, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < json_length(json); i++) {
        if (i > 0)
            buf_add_char(out, ',');
        digest_canonical(json_at(json, i), out);
    }
    buf_add_char(out, ']');
}

void digest_canonical(const struct json *json, struct buf *out)
{
    switch (json_type(json)) {
    case JSON_OBJECT: write_object(json, out); return;
    case JSON_ARRAY: write_array(json, out); return;
    case JSON_INTEGER:
    case JSON_NUMBER: buf_addf(out, "%.17g", json_number(json) + 0.0); return; /* -0 becomes 0 */
    case JSON_STRING:
    case JSON_BOOL:
    case JSON_NULL: json_write(json, out); return;
    }
}
