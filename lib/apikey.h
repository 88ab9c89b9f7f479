#pragma once
/* API keys: "parley_<id>_<secret>_<check>".
 *
 * The id finds the key's record in Redis, the secret (256 random bits) proves who asks, the check
 * tells a mistyped or cut key without asking anybody, and lets scanners of leaked secrets be sure.
 * Only HMAC-SHA-256(pepper, key) is stored: who reads Redis has no keys, who has the pepper alone
 * neither. Stream tokens are made with the same pepper: they stand for one key and one job for a
 * short time. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "sha256.h"

#define APIKEY_ID_MAX 12
#define APIKEY_ID_BYTES (APIKEY_ID_MAX + 1)
#define APIKEY_SECRET_MAX 43
#define APIKEY_CHECK_MAX 6
/* "parley_" id "_" secret "_" check */
#define APIKEY_TEXT_BYTES (7 + APIKEY_ID_MAX + 1 + APIKEY_SECRET_MAX + 1 + APIKEY_CHECK_MAX + 1)
/* A pepper that can be guessed is none. */
#define APIKEY_PEPPER_MIN_BYTES 32

/* X(ENUM, wire name, what it allows) */
#define APIKEY_SCOPES(X)                                                                           \
    X(SUBMIT, "submit", "take jobs in")                                                            \
    X(READ, "read", "read jobs, their events and results")                                         \
    X(CANCEL, "cancel", "cancel jobs")                                                             \
    X(METRICS, "metrics", "read the door's figures")

enum apikey_scope {
#define X(name, wire, help) APIKEY_##name,
    APIKEY_SCOPES(X)
#undef X
        APIKEY_SCOPE_COUNT_
};

const char *apikey_scope_name(enum apikey_scope scope);
/* "submit,read" as bits 1 << scope. -EINVAL: an unknown or empty name. */
int apikey_scopes_parse(struct span text, unsigned *ret_scopes) MUST_CHECK;

/* What names a tenant: 1 to 64 of a-z, 0-9, "_", "-" and ".", beginning with a letter or digit. */
#define APIKEY_TENANT_MAX 64
bool apikey_tenant_valid(struct span name);
bool apikey_id_valid(struct span id);

void apikey_new(char ret_id[APIKEY_ID_BYTES], char out[APIKEY_TEXT_BYTES]);
/* The id in a key that is whole: form and check fit. -EINVAL when it is not. */
int apikey_parse(struct span text, char ret_id[APIKEY_ID_BYTES]) MUST_CHECK;
/* What is stored of a key. */
void apikey_hash(struct hmac *pepper, struct span text, unsigned char out[SHA256_BYTES]);

/* "st1.<id>.<until, s since 1970>.<HMAC over both and the job>": all of it fits into a query. */
#define APIKEY_TOKEN_BYTES (4 + APIKEY_ID_MAX + 1 + 20 + 1 + 2 * SHA256_BYTES + 1)
void apikey_token(struct hmac *pepper, const char *id, struct span job, int64_t until_s,
                  char out[APIKEY_TOKEN_BYTES]);
/* The key's id when the token is for that job and still good. -EINVAL: it is not. */
int apikey_token_parse(struct hmac *pepper, struct span token, struct span job, int64_t now_s,
                       char ret_id[APIKEY_ID_BYTES]) MUST_CHECK;
