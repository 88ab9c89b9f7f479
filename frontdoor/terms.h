#pragma once
/* What a client asks for in header fields, beside the request itself: in which form, how soon, only
 * once. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct error;
struct http_exchange;

/* TERMS_WS comes by Upgrade, never by Accept. */
enum terms_format { TERMS_JSON, TERMS_SSE, TERMS_NDJSON, TERMS_WS, TERMS_FORMAT_COUNT_ };

#define TERMS_WAIT_MAX_S 60
#define TERMS_KEY_MAX 255
#define TERMS_OFFER_ANSWER (1u << TERMS_JSON)
#define TERMS_OFFER_EVENTS (1u << TERMS_SSE | 1u << TERMS_NDJSON)
#define TERMS_OFFER_ALL (TERMS_OFFER_ANSWER | TERMS_OFFER_EVENTS)

const char *terms_media_type(enum terms_format format);

/* Chooses among the offers by Accept (RFC 9110, 12.5.1): the highest q, then our order. -ENOENT +
 * error (ERROR_NOT_ACCEPTABLE) when none of them will do. */
int terms_accept(const struct http_exchange *exchange, unsigned offers,
                 enum terms_format *ret_format, struct error *error) MUST_CHECK;
/* The same where a result has a media type of its own, in which it is given in place of JSON unless
 * Accept prefers another format or names one more exactly. own NULL: it has none. */
int terms_accept_own(const struct http_exchange *exchange, unsigned offers, const char *own,
                     enum terms_format *ret_format, bool *ret_own, struct error *error) MUST_CHECK;

struct terms {
    bool wait_asked, async_asked; /* Prefer (RFC 7240) named it */
    int64_t wait_s;               /* up to 60; 0 = do not wait */
    int64_t cancel_after_ms;      /* 0 = not given */
    size_t n_key;                 /* 0 = no Idempotency-Key */
    char key[TERMS_KEY_MAX + 1];
};

/* Reads Prefer, Idempotency-Key and Cancel-After. -EINVAL + error (ERROR_BAD_REQUEST). */
int terms_read(const struct http_exchange *exchange, struct terms *ret_terms,
               struct error *error) MUST_CHECK;
/* Whether the body is said to be application/json, and as it is (no Content-Encoding). */
bool terms_body_is_json(const struct http_exchange *exchange);
