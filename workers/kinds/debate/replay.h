#pragma once
/* A recorded debate, played again from its own answers. */

#include "base.h"

struct error;
struct json;

/* The remembered answer of a key; NULL = none. Borrowed: valid until replay_debate() returns. */
typedef const struct json *replay_answer_fn(const char *key, void *arg);

/* *ret_result is the result's JSON text, heap: the job's own bytes when the same code made both.
 * -EINVAL and error when the request is no debate, -ENOENT when an answer is missing: the debate
 * was not finished. */
int replay_debate(const struct json *request, const char *job_id, replay_answer_fn *answer,
                  void *arg, char **ret_result, struct error *error) MUST_CHECK;
