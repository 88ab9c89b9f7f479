/* The shapes of every answer that is not a stream.
 *
 * An error answer is always problem+json: ours through answer_problem(), the engine's own (a head
 * that is too large, a bad chunk) through answer_engine_error(). Codes and statuses come from the
 * table in error.h; the only mapping here is from the engine's bare statuses back to codes. */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "buf.h"
#include "http.h"
#include "problem.h"

#define HEADERS_MAX_BYTES 4096
#define PROBLEM_MAX_BYTES (1u << 20)
#define COMMON_HEADERS "Cache-Control: no-store\r\n"
#define RETRY_AFTER "Retry-After: 1\r\n"

static const struct {
    int status;
    enum error_code code;
} engine_codes[] = {
    {400, ERROR_BAD_REQUEST      },
    {408, ERROR_TIMEOUT          },
    {411, ERROR_LENGTH_REQUIRED  },
    {413, ERROR_TOO_LARGE        },
    {414, ERROR_URI_TOO_LONG     },
    {417, ERROR_EXPECTATION      },
    {431, ERROR_HEADERS_TOO_LARGE},
    {501, ERROR_NOT_IMPLEMENTED  },
    {503, ERROR_UNAVAILABLE      },
    {505, ERROR_HTTP_VERSION     },
};

static void respond(struct http_exchange *exchange, int status, const char *content_type,
                    const char *headers, struct span body)
{
    struct buf all;

    buf_init(&all, HEADERS_MAX_BYTES);
    buf_add_text(&all, COMMON_HEADERS);
    if ((status == 429 || status == 503) && !(headers && strstr(headers, "Retry-After:")))
        buf_add_text(&all, RETRY_AFTER);
    if (status >= 400)
        buf_addf(&all, "X-Request-Id: %s\r\n", http_request_id(exchange));
    if (headers)
        buf_add_text(&all, headers);
    http_respond(exchange, status, content_type, buf_span(&all).at, body);
    buf_deinit(&all);
}

void answer_json(struct http_exchange *exchange, int status, const char *headers, struct span body)
{
    respond(exchange, status, "application/json", headers, body);
}

void answer_text(struct http_exchange *exchange, int status, const char *content_type,
                 struct span body)
{
    respond(exchange, status, content_type, NULL, body);
}

void answer_bytes(struct http_exchange *exchange, const char *content_type, const char *headers,
                  struct span body)
{
    respond(exchange, 200, content_type, headers, body);
}

void answer_empty(struct http_exchange *exchange, int status, const char *headers)
{
    respond(exchange, status, NULL, headers, SPAN(""));
}

void answer_problem(struct http_exchange *exchange, const struct problem *problem,
                    const char *headers)
{
    struct buf body;

    buf_init(&body, PROBLEM_MAX_BYTES);
    problem_write(problem, http_request_id(exchange), &body);
    if (!buf_ok(&body)) {
        /* Pointers repeat the client's own member names, which may be as long as its body. */
        const struct problem bare = {.code = problem->code};
        buf_clear(&body);
        problem_write(&bare, http_request_id(exchange), &body);
    }
    respond(exchange, error_status(problem->code), "application/problem+json", headers,
            buf_span(&body));
    buf_deinit(&body);
}

void answer_error_with(struct http_exchange *exchange, enum error_code code, const char *headers,
                       const char *message)
{
    struct problem problem;

    problem_init(&problem, code);
    problem.detail = xstrdup(message);
    if (error_status(code) < 500)
        problem_add(&problem, "", "%s", message);
    answer_problem(exchange, &problem, headers);
    problem_deinit(&problem);
}

void answer_error(struct http_exchange *exchange, enum error_code code, const char *format, ...)
{
    char message[sizeof(((struct error *)0)->message)];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    answer_error_with(exchange, code, NULL, message);
}

void answer_unavailable(struct http_exchange *exchange)
{
    answer_error(exchange, ERROR_UNAVAILABLE,
                 "the queue (Redis) did not answer in time; try again in a moment");
}

const char *answer_engine_error(int status, const char *detail, const char *request_id,
                                struct buf *out, void *arg)
{
    struct problem problem;
    enum error_code code = status < 500 ? ERROR_BAD_REQUEST : ERROR_INTERNAL;

    (void)arg;
    for (size_t i = 0; i < ARRAY_SIZE(engine_codes); i++)
        if (engine_codes[i].status == status)
            code = engine_codes[i].code;
    problem_init(&problem, code);
    problem.detail = xstrdup(detail ? detail : error_title(code));
    if (status < 500)
        problem_add(&problem, "", "%s", problem.detail);
    problem_write(&problem, request_id, out);
    problem_deinit(&problem);
    return "application/problem+json";
}
