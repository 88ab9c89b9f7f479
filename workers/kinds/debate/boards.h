#pragma once
/* Boards: named sets of personas, the shipped two and those of one's own files. */

#include <stdbool.h>

#include "base.h"

struct boards;
struct error;
struct json;

/* path: a JSON file, or a folder whose *.json are read; NULL or empty = the shipped sets only. A
 * file holds one set, as "/$defs/persona_set" of schemas/debate.json describes it. -EINVAL after
 * printing every fault to standard error, each with its file and JSON pointer. */
int boards_load(const char *path, struct boards **ret_boards) MUST_CHECK;
struct boards *boards_free(struct boards *boards);
DEFINE_FREEP(boards)
/* {"name":[persona, …], …}, borrowed. */
const struct json *boards_json(const struct boards *boards);

/* Whether a request's "personas" names any: only those have to be looked up. */
bool boards_are_named(const struct json *personas);
/* An array of personas in the place of a request's "personas": a set's name, or an array of
 * personas, ids and "set/id". An id alone is looked for in one's own sets, then in the shipped.
 * -EINVAL and error with the pointer to a name that there is not. */
int boards_resolve(const struct boards *boards, const struct json *personas,
                   struct json **ret_personas, struct error *error) MUST_CHECK;
