#pragma once
/* Names of jobs: 26 characters, 48 bits of milliseconds and 80 random bits in Crockford's base 32
 * (the ULID layout), so that ids sort by the time they were made. Lower case. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

#define ID_TEXT_BYTES 27

void id_new(int64_t wall_ms, char out[ID_TEXT_BYTES]);
/* The 128 bits of a valid id. */
#define ID_BYTES 16
void id_bytes(const char *id, unsigned char out[ID_BYTES]);
bool id_valid(struct span text);
/* The same 128 bits as databases write them: 01234567-89ab-…; id must be valid. */
#define ID_UUID_BYTES 37
void id_uuid(const char *id, char out[ID_UUID_BYTES]);

/* Random bytes from the kernel; aborts if there are none. */
void id_random(void *out, size_t n);
