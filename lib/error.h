#pragma once
/* What goes wrong in words a client or operator reads.
 *
 * A code decides (its row holds the wire name, the HTTP status and whether trying again can help),
 * the message explains with the values that were wrong. A struct error is set once, at the origin.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

/* X(ENUM, wire name, HTTP status, retryable, title) */
#define ERROR_CODES(X)                                                                             \
    X(BAD_JSON, "bad_json", 400, false, "The body is not valid JSON")                              \
    X(BAD_REQUEST, "bad_request", 400, false, "The request cannot be understood")                  \
    X(CURSOR_AHEAD, "cursor_ahead", 400, false, "The cursor is beyond the end of the log")         \
    X(UNAUTHORIZED, "unauthorized", 401, false, "A key is needed")                                 \
    X(FORBIDDEN, "forbidden", 403, false, "The key does not allow this")                           \
    X(NOT_FOUND, "not_found", 404, false, "There is no such thing here")                           \
    X(UNKNOWN_KIND, "unknown_kind", 404, false, "There is no such kind of job")                    \
    X(UNKNOWN_JOB, "unknown_job", 404, false, "There is no such job")                              \
    X(METHOD, "method_not_allowed", 405, false, "The method is not allowed here")                  \
    X(NOT_ACCEPTABLE, "not_acceptable", 406, false, "None of the accepted types can be given")     \
    X(TIMEOUT, "request_timeout", 408, true, "The request took too long to arrive")                \
    X(CONFLICT, "conflict", 409, false, "The job's state does not allow this")                     \
    X(GONE, "gone", 410, false, "The log is no longer kept")                                       \
    X(LENGTH_REQUIRED, "length_required", 411, false, "The body needs a length")                   \
    X(TOO_LARGE, "too_large", 413, false, "The body is too large")                                 \
    X(URI_TOO_LONG, "uri_too_long", 414, false, "The address is too long")                         \
    X(MEDIA_TYPE, "unsupported_media_type", 415, false, "The body must be application/json")       \
    X(EXPECTATION, "expectation_failed", 417, false, "Only 100-continue can be expected")          \
    X(UNPREDICTABLE, "unpredictable", 422, false, "No honest number can be put on this")           \
    X(NO_CARD, "no_card", 422, false, "No card is drawn of this")                                  \
    X(INVALID, "invalid", 422, false, "The request does not fit its schema")                       \
    X(IDEMPOTENCY_REUSE, "idempotency_key_reuse", 422, false, "The key was used for another body") \
    X(TENANT_LIMIT, "tenant_limit", 429, true, "Too many open jobs")                               \
    X(RATE_LIMIT, "rate_limited", 429, true, "Too many requests")                                  \
    X(HEADERS_TOO_LARGE, "headers_too_large", 431, false, "The header fields are too large")       \
    X(INTERNAL, "internal", 500, true, "Something went wrong on our side")                         \
    X(NOT_IMPLEMENTED, "not_implemented", 501, false, "The server does not do this")               \
    X(UNAVAILABLE, "unavailable", 503, true, "The queue cannot be reached")                        \
    X(QUEUE_FULL, "queue_full", 503, true, "The queue is full")                                    \
    X(DRAINING, "draining", 503, true, "The server is shutting down")                              \
    X(HTTP_VERSION, "http_version", 505, false, "Only HTTP/1.1 and HTTP/1.0 are spoken")           \
    X(PROVIDER, "provider", 502, true, "The provider failed")                                      \
    X(PROVIDER_REFUSED, "provider_refused", 502, false, "The provider refused the call")           \
    X(BUDGET, "budget", 402, false, "The budget does not allow this")                              \
    X(DEADLINE, "deadline", 504, false, "The job's time is up")                                    \
    X(CANCELLED, "cancelled", 409, false, "The job was cancelled")                                 \
    X(WORKER_LOST, "worker_lost", 500, true, "The job's worker died too often")                    \
    X(INCONCLUSIVE, "inconclusive", 422, false, "Too few answers came back to decide")             \
    X(CONFIG, "config", 500, false, "The configuration is wrong")

enum error_code {
#define X(name, wire, status, retryable, title) ERROR_##name,
    ERROR_CODES(X)
#undef X
        ERROR_CODE_COUNT_
};

struct error {
    enum error_code code;
    char message[512]; /* one sentence, values included, no secrets */
};

/* Sets the error (NULL is allowed) and returns `result`, so that a failure is one statement:
 * return error_set(error, ERROR_PROVIDER, -EPROTO, "status=%ld", status); */
int error_set(struct error *error, enum error_code code, int result, const char *format, ...)
    PRINTF_LIKE(4, 5);

const char *error_name(enum error_code code);
const char *error_title(enum error_code code);
int error_status(enum error_code code);
bool error_retryable(enum error_code code);
/* The code of a wire name, -ENOENT when there is none. */
int error_parse(struct span name, enum error_code *ret_code) MUST_CHECK;
