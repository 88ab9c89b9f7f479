#pragma once
/* JSON that fits a schema, drawn by a seed. */

struct draw;
struct json;

/* A value for the schema; strings say that this is a rehearsal. The caller owns it. root is where
 * "$ref" looks. */
struct json *speech_json(const struct json *schema, const struct json *root, struct draw *draw);
