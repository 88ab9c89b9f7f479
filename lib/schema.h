#pragma once
/* Checks a JSON value against one of our schemas (a subset of JSON Schema 2020-12, listed in
 * HACKING.md) and reports every fault at once, each with a JSON pointer (RFC 6901).
 *
 * Keywords: type (string or array), properties, required, additionalProperties (false, true or
 * schema), items, minItems, maxItems, uniqueItems, minLength, maxLength (Unicode code points),
 * pattern (POSIX extended), minimum, maximum, exclusiveMinimum, exclusiveMaximum, enum, const,
 * anyOf, oneOf, allOf, not, if/then/else, minProperties, maxProperties, propertyNames, $ref (local,
 * "#/$defs/…"), $defs; annotations title, description, default, examples, format, $schema, $id,
 * $comment and every x-… are ignored, but x-pattern_message is what is said instead of quoting a
 * pattern ("must not be blank"). A schema that uses any other keyword does not load. */

#include "base.h"

struct error;
struct json;
struct problem;
struct schema;

/* The document stays owned by the caller and must outlive the schema. -EINVAL + error: a keyword we
 * lack, a reference to nothing or to itself without end, named with its pointer. */
int schema_new(const struct json *document, struct schema **ret_schema,
               struct error *error) MUST_CHECK;
/* The schema that stands at a pointer in the document: "/$defs/request". Only what it reaches is
 * loaded. */
int schema_new_at(const struct json *document, const char *pointer, struct schema **ret_schema,
                  struct error *error) MUST_CHECK;
struct schema *schema_free(struct schema *schema);
DEFINE_FREEP(schema)

/* 0: the value fits. -EINVAL: it does not; each fault is added to `problem` (at most 32), e.g.
 * pointer "/personas/3/name", message "must be a string, not a number";
 * unknown members say so and offer "did you mean". `problem` may be NULL (yes or no only). */
int schema_check(const struct schema *schema, const struct json *value,
                 struct problem *problem) MUST_CHECK;
