#pragma once
/* SHA-256, HMAC-SHA-256 (RFC 2104) and comparing what must stay secret. The only file that includes
 * OpenSSL's digests is sha256.c. */

#include <stdbool.h>

#include "base.h"

#define SHA256_BYTES 32
#define SHA256_TEXT_BYTES (2 * SHA256_BYTES + 1)

void sha256(struct span data, unsigned char out[SHA256_BYTES]);
void sha256_text(struct span data, char out[SHA256_TEXT_BYTES]); /* lower-case hex */

/* SHA-1 is broken for signatures; WebSocket's handshake wants it for something else. */
#define SHA1_BYTES 20
void sha1(struct span data, unsigned char out[SHA1_BYTES]);

/* A secret made ready to be used many times. */
struct hmac;
struct hmac *hmac_new(struct span secret);
struct hmac *hmac_free(struct hmac *hmac);
DEFINE_FREEP(hmac)
void hmac_of(struct hmac *hmac, struct span data, unsigned char out[SHA256_BYTES]);

/* In a time that depends on n alone. */
bool secret_equal(const void *a, const void *b, size_t n) MUST_CHECK;
