#pragma once
/* The random words of a job: streams by name, from the request's own seed, else from the job's id.
 * The same on every attempt, worker and machine. */

#include <stdint.h>

#include "digest.h"

struct json;

void draw_seed(const struct json *request, const char *job_id, unsigned char out[DIGEST_BYTES]);
/* The n-th word of the stream. */
uint64_t draw_word(const unsigned char seed[DIGEST_BYTES], const char *name, uint64_t n);
