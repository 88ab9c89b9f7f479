#pragma once
/* SHA-256 as text, and what we hash: JSON in a canonical form. */

#include <stddef.h>

#include "base.h"
#include "sha256.h"

struct buf;
struct json;

#define DIGEST_BYTES SHA256_BYTES
#define DIGEST_TEXT_BYTES sizeof("sha256:") + 2 * DIGEST_BYTES

/* "sha256:<hex>" */
void digest_text(const unsigned char digest[DIGEST_BYTES], char out[DIGEST_TEXT_BYTES]);

/* Members sorted by key, numbers by value (1, 1.0 and 1e0 are the same bytes), no space: two
 * documents that mean the same give the same bytes. */
void digest_canonical(const struct json *json, struct buf *out);
