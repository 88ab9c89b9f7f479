#pragma once
/* JSON values. The only code that knows json-c is json.c; every byte passes our strict RFC 8259
 * scanner (json_scan.c) first, so door and workers refuse exactly the same texts.
 *
 * A `struct json` is owned by whoever got it from json_parse(), json_object(), …; values inside
 * belong to their parent. json_set_* and json_append take ownership of the value given. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct buf;
struct error;
struct json;

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INTEGER,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_limits {
    size_t max_bytes;
    unsigned max_depth;
};

/* Depth 32, 8 MiB: what we accept when nobody says otherwise. */
extern const struct json_limits json_default_limits;

/* Checks text against RFC 8259, strictly: grammar, UTF-8 (also through \u escapes: no lone
 * surrogate), no duplicate keys after unescaping, no U+0000 in keys, no number beyond a double's
 * range, one value and nothing after it. Returns 0, or -EPROTO with error = ERROR_BAD_JSON and a
 * message that names line, column and what was expected. */
int json_scan(struct span text, const struct json_limits *limits, struct error *error) MUST_CHECK;

/* Scans, then builds. Same outcomes as json_scan(). limits NULL = json_default_limits. */
int json_parse(struct span text, const struct json_limits *limits, struct json **ret_json,
               struct error *error) MUST_CHECK;
struct json *json_free(struct json *json); /* accepts NULL, returns NULL */
DEFINE_FREEP(json)
struct json *json_copy(const struct json *json); /* deep */
bool json_equal(const struct json *a, const struct json *b);

/* Reading. All accept NULL and a value of another type: they return the zero of their kind. */
enum json_type json_type(const struct json *json);          /* NULL pointer: JSON_NULL */
bool json_is(const struct json *json, enum json_type type); /* an integer is also a JSON_NUMBER */
bool json_is_whole(
    const struct json *json); /* a number without fraction that json_integer() can give: 3, 3.0 */
/* NULL when missing, and for a null: json_has() tells the two apart. */
const struct json *json_get(const struct json *object, const char *key);
bool json_has(const struct json *object, const char *key);
size_t json_length(const struct json *array_or_object);
const struct json *json_at(const struct json *array, size_t i);
struct span json_string(const struct json *json); /* NUL-terminated all the same */
double json_number(const struct json *json);
int64_t json_integer(const struct json *json); /* of 3.0 as well: see json_is_whole() */
bool json_bool(const struct json *json);
/* Shorthands: member of an object, with a fallback when missing or of another type. */
struct span json_get_string(const struct json *object, const char *key, const char *fallback);
double json_get_number(const struct json *object, const char *key, double fallback);
int64_t json_get_integer(const struct json *object, const char *key, int64_t fallback);
bool json_get_bool(const struct json *object, const char *key, bool fallback);

/* Walks the members of an object in document order. fn returns false to stop. */
typedef bool json_member_fn(const char *key, const struct json *value, void *arg);
void json_each(const struct json *object, json_member_fn *fn, void *arg);

/* Building. */
struct json *json_object(void);
struct json *json_array(void);
struct json *json_new_string(struct span text); /* invalid UTF-8 is replaced by U+FFFD */
struct json *
json_new_number(double value); /* not finite: null. Shortest text that reads back equal */
struct json *json_new_integer(int64_t value);
struct json *json_new_bool(bool value);
struct json *json_new_null(void); /* the NULL pointer */
void json_set(struct json *object, const char *key, struct json *value);
void json_set_string(struct json *object, const char *key, struct span text);
void json_set_text(struct json *object, const char *key, const char *text);
void json_set_number(struct json *object, const char *key, double value);
void json_set_integer(struct json *object, const char *key, int64_t value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_append(struct json *array, struct json *value);

/* Compact text, members in document order, "/" not escaped: the same value gives the same bytes. */
void json_write(const struct json *json, struct buf *out);
/* The members of an object without its braces ("\"a\":1,\"b\":2"), as events want them. */
void json_write_members(const struct json *object, struct buf *out);
char *json_text(const struct json *json); /* heap copy */
