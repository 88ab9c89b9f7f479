#pragma once
/* SHA-256. The only file that includes OpenSSL's digests is sha256.c. */

#include "base.h"

#define SHA256_BYTES 32
#define SHA256_TEXT_BYTES (2 * SHA256_BYTES + 1)

void sha256(struct span data, unsigned char out[SHA256_BYTES]);
void sha256_text(struct span data, char out[SHA256_TEXT_BYTES]); /* lower-case hex */
