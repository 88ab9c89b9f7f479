/* JSON values: json-c objects under our own name.
 *
 * The only file that includes json-c, and it uses little of it: values are built from the tokens of
 * our strict scanner (json_scan.c) and written by the writer below. json-c's own tokener and
 * serialiser stay out, since they accept what RFC 8259 refuses, saturate integers silently and keep
 * a number's spelling.
 *
 * A null is the NULL pointer, as in json-c: json_has() tells a null member from a missing one. A
 * struct json has one owner; json-c's reference count is always 1. Recursion goes as deep as a
 * value does, which the scanner bounds for everything that came from outside. */
#include "json.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* json-c has these three names too; under others they can live with ours. */
#define json_bool jsonc_bool
#define json_object jsonc_object
#define json_type jsonc_type
#include <json-c/json.h>
#undef json_bool
#undef json_object
#undef json_type

#include "buf.h"
#include "error.h"
#include "json_scan.h"
#include "number.h"
#include "text.h"

/* json-c's readers take pointers without const, though they change nothing. */
static struct jsonc_object *inner(const struct json *json)
{
    return (struct jsonc_object *)(uintptr_t)json;
}

static struct json *outer(struct jsonc_object *object)
{
    return (struct json *)(void *)object;
}

/* Members in the order they were set. */
static struct lh_entry *first_member(const struct json *object)
{
    return json_object_get_object(inner(object))->head;
}

static const char *member_key(const struct lh_entry *entry)
{
    return entry->k;
}

static const struct json *member_value(const struct lh_entry *entry)
{
    return (const struct json *)entry->v;
}

/* --- parsing --------------------------------------------------------------------------------- */

/* The open containers of a value under construction; `root` owns all of them. */
struct builder {
    struct jsonc_object *root;
    struct jsonc_object **open;
    size_t n_open;
    char *key; /* of the next value, when the innermost container is an object */
};

static void builder_add(struct builder *builder, struct jsonc_object *value)
{
    if (builder->n_open == 0) {
        builder->root = value;
        return;
    }
    struct jsonc_object *parent = builder->open[builder->n_open - 1];
    if (json_object_is_type(parent, json_type_object)) {
        /* The scanner refuses the text when a key comes twice: no need to look here. */
        (void)json_object_object_add_ex(parent, builder->key, value, JSON_C_OBJECT_ADD_KEY_IS_NEW);
        charp_freep(&builder->key);
    } else {
        (void)json_object_array_add(parent, value);
    }
}

static void builder_open(struct builder *builder, struct jsonc_object *container)
{
    builder_add(builder, container);
    builder->open[builder->n_open++] = container;
}

static void on_token(const struct json_token *token, void *arg)
{
    struct builder *builder = arg;

    switch (token->type) {
    case JSON_TOKEN_OPEN_OBJECT: builder_open(builder, json_object_new_object()); break;
    case JSON_TOKEN_OPEN_ARRAY: builder_open(builder, json_object_new_array_ext(4)); break;
    case JSON_TOKEN_CLOSE: builder->n_open--; break;
    case JSON_TOKEN_KEY: builder->key = xspandup(token->text); break;
    case JSON_TOKEN_STRING:
        builder_add(builder, json_object_new_string_len(token->text.at, (int)token->text.n));
        break;
    case JSON_TOKEN_INTEGER: builder_add(builder, json_object_new_int64(token->integer)); break;
    case JSON_TOKEN_NUMBER: builder_add(builder, json_object_new_double(token->number)); break;
    case JSON_TOKEN_TRUE: builder_add(builder, json_object_new_boolean(1)); break;
    case JSON_TOKEN_FALSE: builder_add(builder, json_object_new_boolean(0)); break;
    case JSON_TOKEN_NULL: builder_add(builder, NULL); break;
    }
}

int json_parse(struct span text, const struct json_limits *limits, struct json **ret_json,
               struct error *error)
{
    struct builder builder = {0};

    if (!limits)
        limits = &json_default_limits;
    assert(limits->max_bytes <= INT_MAX);
    builder.open = xcalloc(limits->max_depth + 1, sizeof(struct jsonc_object *));
    int r = json_scan_tokens(text, limits, on_token, &builder, error);
    free(builder.open);
    free(builder.key);
    if (r < 0) {
        (void)json_object_put(builder.root);
        return r;
    }
    *ret_json = outer(builder.root);
    return 0;
}

struct json *json_free(struct json *json)
{
    if (json)
        (void)json_object_put(inner(json));
    return NULL;
}

struct json *json_copy(const struct json *json)
{
    struct jsonc_object *copy = NULL;

    if (json && json_object_deep_copy(inner(json), &copy, NULL) < 0)
        abort(); /* only for want of memory */
    return outer(copy);
}

/* --- reading --------------------------------------------------------------------------------- */

enum json_type json_type(const struct json *json)
{
    switch (json_object_get_type(inner(json))) {
    case json_type_null: return JSON_NULL;
    case json_type_boolean: return JSON_BOOL;
    case json_type_int: return JSON_INTEGER;
    case json_type_double: return JSON_NUMBER;
    case json_type_string: return JSON_STRING;
    case json_type_array: return JSON_ARRAY;
    case json_type_object: return JSON_OBJECT;
    }
    return JSON_NULL;
}

bool json_is(const struct json *json, enum json_type type)
{
    enum json_type actual = json_type(json);

    return actual == type || (actual == JSON_INTEGER && type == JSON_NUMBER);
}

bool json_has(const struct json *object, const char *key)
{
    return json_is(object, JSON_OBJECT) && json_object_object_get_ex(inner(object), key, NULL);
}

const struct json *json_get(const struct json *object, const char *key)
{
    struct jsonc_object *value = NULL;

    if (json_is(object, JSON_OBJECT))
        (void)json_object_object_get_ex(inner(object), key, &value);
    return outer(value);
}

size_t json_length(const struct json *array_or_object)
{
    if (json_is(array_or_object, JSON_ARRAY))
        return json_object_array_length(inner(array_or_object));
    if (json_is(array_or_object, JSON_OBJECT))
        return (size_t)json_object_object_length(inner(array_or_object));
    return 0;
}

const struct json *json_at(const struct json *array, size_t i)
{
    return json_is(array, JSON_ARRAY) ? outer(json_object_array_get_idx(inner(array), i)) : NULL;
}

struct span json_string(const struct json *json)
{
    if (!json_is(json, JSON_STRING))
        return SPAN("");
    return (struct span){json_object_get_string(inner(json)),
                         (size_t)json_object_get_string_len(inner(json))};
}

double json_number(const struct json *json)
{
    if (json_is(json, JSON_INTEGER))
        return (double)json_object_get_int64(inner(json));
    return json_is(json, JSON_NUMBER) ? json_object_get_double(inner(json)) : 0;
}

bool json_is_whole(const struct json *json)
{
    if (json_type(json) != JSON_NUMBER)
        return json_is(json, JSON_INTEGER);
    double value = json_number(json);
    return value >= -0x1p63 && value < 0x1p63 && value == trunc(value);
}

int64_t json_integer(const struct json *json)
{
    if (json_is(json, JSON_INTEGER))
        return json_object_get_int64(inner(json));
    return json_is_whole(json) ? (int64_t)json_number(json) : 0;
}

bool json_bool(const struct json *json)
{
    return json_is(json, JSON_BOOL) && json_object_get_boolean(inner(json));
}

struct span json_get_string(const struct json *object, const char *key, const char *fallback)
{
    const struct json *value = json_get(object, key);

    return json_is(value, JSON_STRING) ? json_string(value) : span_of(fallback);
}

double json_get_number(const struct json *object, const char *key, double fallback)
{
    const struct json *value = json_get(object, key);

    return json_is(value, JSON_NUMBER) ? json_number(value) : fallback;
}

int64_t json_get_integer(const struct json *object, const char *key, int64_t fallback)
{
    const struct json *value = json_get(object, key);

    return json_is_whole(value) ? json_integer(value) : fallback;
}

bool json_get_bool(const struct json *object, const char *key, bool fallback)
{
    const struct json *value = json_get(object, key);

    return json_is(value, JSON_BOOL) ? json_bool(value) : fallback;
}

void json_each(const struct json *object, json_member_fn *fn, void *arg)
{
    if (!json_is(object, JSON_OBJECT))
        return;
    for (struct lh_entry *entry = first_member(object); entry; entry = entry->next)
        if (!fn(member_key(entry), member_value(entry), arg))
            return;
}

static bool equal_numbers(const struct json *a, const struct json *b)
{
    if (json_is_whole(a) && json_is_whole(b))
        return json_integer(a) == json_integer(b);
    return json_type(a) == json_type(b) && json_number(a) == json_number(b);
}

static bool equal_arrays(const struct json *a, const struct json *b)
{
    for (size_t i = 0; i < json_length(a); i++)
        if (!json_equal(json_at(a, i), json_at(b, i)))
            return false;
    return true;
}

static bool equal_objects(const struct json *a, const struct json *b)
{
    for (struct lh_entry *entry = first_member(a); entry; entry = entry->next) {
        const char *key = member_key(entry);

        if (!json_has(b, key) || !json_equal(member_value(entry), json_get(b, key)))
            return false;
    }
    return true;
}

bool json_equal(const struct json *a, const struct json *b)
{
    if (json_is(a, JSON_NUMBER) && json_is(b, JSON_NUMBER))
        return equal_numbers(a, b);
    if (json_type(a) != json_type(b) || json_length(a) != json_length(b))
        return false;
    switch (json_type(a)) {
    case JSON_BOOL: return json_bool(a) == json_bool(b);
    case JSON_STRING: return span_equal(json_string(a), json_string(b));
    case JSON_ARRAY: return equal_arrays(a, b);
    case JSON_OBJECT: return equal_objects(a, b);
    case JSON_NULL:
    case JSON_INTEGER:
    case JSON_NUMBER: break;
    }
    return true;
}

/* --- building -------------------------------------------------------------------------------- */

struct json *json_object(void)
{
    return outer(json_object_new_object());
}

struct json *json_array(void)
{
    return outer(json_object_new_array());
}

/* Copies valid stretches; one U+FFFD for each byte that is in none. */
static void add_repaired(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.n;) {
        size_t n = 1;

        while (n <= 4 && n <= text.n - i && !text_is_utf8((struct span){text.at + i, n}))
            n++;
        if (n <= 4 && n <= text.n - i) {
            buf_add(out, text.at + i, n);
            i += n;
        } else {
            buf_add_text(out, "\xef\xbf\xbd");
            i++;
        }
    }
}

struct json *json_new_string(struct span text)
{
    struct buf repaired;

    assert(text.n <= INT_MAX / 3);
    if (text_is_utf8(text))
        return outer(json_object_new_string_len(text.n > 0 ? text.at : "", (int)text.n));
    buf_init(&repaired, text.n * 3);
    add_repaired(&repaired, text);
    struct json *json = outer(json_object_new_string_len(repaired.at, (int)repaired.n));
    buf_deinit(&repaired);
    return json;
}

struct json *json_new_number(double value)
{
    return isfinite(value) ? outer(json_object_new_double(value)) : NULL;
}

struct json *json_new_integer(int64_t value)
{
    return outer(json_object_new_int64(value));
}

struct json *json_new_bool(bool value)
{
    return outer(json_object_new_boolean(value));
}

struct json *json_new_null(void)
{
    return NULL;
}

void json_set(struct json *object, const char *key, struct json *value)
{
    assert(json_is(object, JSON_OBJECT) && object != value);
    (void)json_object_object_add(inner(object), key, inner(value));
}

void json_set_string(struct json *object, const char *key, struct span text)
{
    json_set(object, key, json_new_string(text));
}

void json_set_text(struct json *object, const char *key, const char *text)
{
    json_set(object, key, json_new_string(span_of(text)));
}

void json_set_number(struct json *object, const char *key, double value)
{
    json_set(object, key, json_new_number(value));
}

void json_set_integer(struct json *object, const char *key, int64_t value)
{
    json_set(object, key, json_new_integer(value));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
    json_set(object, key, json_new_bool(value));
}

void json_append(struct json *array, struct json *value)
{
    assert(json_is(array, JSON_ARRAY) && array != value);
    (void)json_object_array_add(inner(array), inner(value));
}

/* --- writing --------------------------------------------------------------------------------- */

static void write_number(double value, struct buf *out)
{
    char text[NUMBER_BYTES];
    unsigned n = number_text(value, text);

    buf_add_span(out, (struct span){text, n});
}

static void write_string(struct span text, struct buf *out)
{
    buf_add_char(out, '"');
    text_json_escape(out, text);
    buf_add_char(out, '"');
}

static void write_array(const struct json *array, struct buf *out)
{
    buf_add_char(out, '[');
    for (size_t i = 0; i < json_length(array); i++) {
        if (i > 0)
            buf_add_char(out, ',');
        json_write(json_at(array, i), out);
    }
    buf_add_char(out, ']');
}

void json_write_members(const struct json *object, struct buf *out)
{
    const char *comma = "";

    if (!json_is(object, JSON_OBJECT))
        return;
    for (struct lh_entry *entry = first_member(object); entry; entry = entry->next) {
        buf_add_text(out, comma);
        write_string(span_of(member_key(entry)), out);
        buf_add_char(out, ':');
        json_write(member_value(entry), out);
        comma = ",";
    }
}

void json_write(const struct json *json, struct buf *out)
{
    switch (json_type(json)) {
    case JSON_NULL: buf_add_text(out, "null"); break;
    case JSON_BOOL: buf_add_text(out, json_bool(json) ? "true" : "false"); break;
    case JSON_INTEGER: buf_addf(out, "%lld", (long long)json_integer(json)); break;
    case JSON_NUMBER: write_number(json_number(json), out); break;
    case JSON_STRING: write_string(json_string(json), out); break;
    case JSON_ARRAY: write_array(json, out); break;
    case JSON_OBJECT:
        buf_add_char(out, '{');
        json_write_members(json, out);
        buf_add_char(out, '}');
        break;
    }
}

char *json_text(const struct json *json)
{
    struct buf out;

    buf_init(&out, INT_MAX);
    json_write(json, &out);
    return buf_steal(&out);
}
