#pragma once
/* The shapes of every answer that is not a stream: JSON, or problem+json (RFC 9457). */

#include "base.h"
#include "error.h"

struct buf;
struct http_exchange;
struct problem;

/* headers: further complete lines, or NULL. The fields that all answers carry are added. */
void answer_json(struct http_exchange *exchange, int status, const char *headers, struct span body);
void answer_text(struct http_exchange *exchange, int status, const char *content_type,
                 struct span body);
/* 200 and bytes of another media type. */
void answer_bytes(struct http_exchange *exchange, const char *content_type, const char *headers,
                  struct span body);
void answer_empty(struct http_exchange *exchange, int status, const char *headers);
/* The status is the code's; 429 and 503 say Retry-After. */
void answer_problem(struct http_exchange *exchange, const struct problem *problem,
                    const char *headers);
/* One fault of the whole request (pointer ""), with a sentence for a person. */
void answer_error(struct http_exchange *exchange, enum error_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* The same with further header lines. */
void answer_error_with(struct http_exchange *exchange, enum error_code code, const char *headers,
                       const char *message);
void answer_unavailable(struct http_exchange *exchange); /* Redis did not answer in time */

/* http_options.on_error: what the engine refuses by itself looks like our own refusals. */
const char *answer_engine_error(int status, const char *detail, const char *request_id,
                                struct buf *out, void *arg);
