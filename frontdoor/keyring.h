#pragma once
/* What the door knows of API keys: their records in Redis, remembered for a short time. */

#include <stdbool.h>
#include <stdint.h>

#include "apikey.h"
#include "base.h"

struct door;
struct keyring;

#define CALLER_TAG_BYTES 13

/* Who asks. Owned by the keyring and there as long as the door: one for each key that was used, so
 * their number is in the operator's hand. */
struct caller {
    char tenant[APIKEY_TENANT_MAX + 1];
    char key_id[APIKEY_ID_BYTES]; /* "": no keys are configured, whoever reaches the door may */
    char tag[CALLER_TAG_BYTES];   /* of the tenant, for logs: keyed, so nobody can go back */
    unsigned scopes;              /* bits 1 << enum apikey_scope */
};

/* A key that exists. Valid during the call that gives it. */
struct keyring_key {
    const struct caller *caller;
    unsigned char hash[SHA256_BYTES];
    int64_t expires_ms; /* wall clock; 0 = never */
};

/* The streams of a key that was revoked or has expired are to be ended. */
typedef void keyring_gone_fn(const struct caller *caller, void *arg);

/* pepper is borrowed. */
struct keyring *keyring_new(struct door *door, struct hmac *pepper, keyring_gone_fn *on_gone,
                            void *arg);
struct keyring *keyring_free(struct keyring *keyring); /* before Redis, without a turn between */
DEFINE_FREEP(keyring)

/* What is remembered. true: *ret_key is the key, or NULL when there is none of this id; false:
 * Redis must be asked. */
bool keyring_find(struct keyring *keyring, const char *id, const struct keyring_key **ret_key);
/* Asks Redis and remembers. key NULL: there is none, or Redis did not answer (unavailable). fn does
 * not run before this returns. */
typedef void keyring_fn(const struct keyring_key *key, bool unavailable, void *arg);
void keyring_ask(struct keyring *keyring, const char *id, keyring_fn *fn, void *arg);
