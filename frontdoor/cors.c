/* What browsers must know.
 *
 * The list of origins is exact: no pattern, no "*", no "null", and an origin is repeated to the
 * client only when it stands in the list (ASVS 3.4.2). Because the answer depends on Origin as soon
 * as there is a list, every answer says so (Vary). No cookies are used, so credentials are never
 * allowed. */
#include "cors.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "answer.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "text.h"

#define HEADERS_MAX_BYTES 2048
/* Pages are no part of the API: nothing of it may run, be framed, or tell where it came from. */
#define SECURITY                                                                                   \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"                          \
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
#define EXPOSED                                                                                    \
    "Access-Control-Expose-Headers: Alt-Text, ETag, Idempotent-Replayed, Job-Id, Location, "       \
    "Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, Trace-Id, X-Request-Id\r\n"
#define PREFLIGHT                                                                                  \
    "Access-Control-Allow-Headers: Accept, Authorization, Cancel-After, Content-Type, "            \
    "Idempotency-Key, If-None-Match, Last-Event-ID, Prefer, traceparent, tracestate\r\n"           \
    "Access-Control-Max-Age: 600\r\n"

struct cors {
    char *list;
    struct span *origins; /* in list */
    size_t n;
};

/* scheme://host[:port], as browsers write it: lower case, nothing behind it. */
static bool is_origin(struct span text)
{
    static const struct span schemes[] = {SPAN_INIT("https://"), SPAN_INIT("http://")};
    static const char marks[] = {'-', '.', ':', '[', ']'};

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        if (!text_starts(text, schemes[i].at))
            continue;
        for (size_t at = schemes[i].n; at < text.n; at++)
            if (!islower((unsigned char)text.at[at]) && !isdigit((unsigned char)text.at[at]) &&
                !memchr(marks, text.at[at], sizeof(marks)))
                return false;
        return text.n > schemes[i].n && text.at[text.n - 1] != ':';
    }
    return false;
}

int cors_new(const char *origins, struct cors **ret_cors, struct error *error)
{
    CLEANUP(cors_freep) struct cors *cors = xcalloc(1, sizeof(*cors));
    struct span rest, item;

    cors->list = xstrdup(origins ? origins : "");
    rest = span_of(cors->list);
    while (rest.n > 0 && text_next(&rest, ',', &item)) {
        if (!is_origin(item))
            return error_set(error, ERROR_CONFIG, -EINVAL,
                             "\"%.*s\" is no origin like https://app.example (lower case, no path)",
                             (int)item.n, item.at);
        cors->origins = xrealloc(cors->origins, (cors->n + 1) * sizeof(*cors->origins));
        cors->origins[cors->n++] = item;
    }
    *ret_cors = STEAL(cors);
    return 0;
}

struct cors *cors_free(struct cors *cors)
{
    if (!cors)
        return NULL;
    free(cors->origins);
    free(cors->list);
    free(cors);
    return NULL;
}

static bool has_origin(const struct cors *cors, struct span origin)
{
    for (size_t i = 0; origin.n > 0 && i < cors->n; i++)
        if (span_equal(cors->origins[i], origin))
            return true;
    return false;
}

void cors_head(const struct cors *cors, const struct http_exchange *exchange, struct buf *head)
{
    buf_add_span(head, SPAN(SECURITY));
    if (cors->n == 0)
        return;
    struct span origin = http_header(exchange, "origin");
    buf_add_span(head, SPAN("Vary: Origin\r\n"));
    if (has_origin(cors, origin)) {
        buf_add_span(head, SPAN("Access-Control-Allow-Origin: "));
        buf_add_span(head, origin);
        buf_add_span(head, SPAN("\r\n" EXPOSED));
    }
}

/* "https://host:port" and the field Host, "host:port". */
static bool is_own(struct span origin, struct span host)
{
    const char *colon = origin.n > 0 ? memchr(origin.at, ':', origin.n) : NULL;
    size_t at = colon ? (size_t)(colon - origin.at) + 3 : origin.n;

    return at < origin.n && host.n > 0 &&
           text_equal_nocase((struct span){origin.at + at, origin.n - at}, host);
}

bool cors_admits(const struct cors *cors, const struct http_exchange *exchange)
{
    struct span origin = http_header(exchange, "origin");

    return !origin.at || is_own(origin, http_header(exchange, "host")) || has_origin(cors, origin);
}

void cors_answer(const struct cors *cors, struct http_exchange *exchange, const char *allow)
{
    bool preflight = http_header(exchange, "access-control-request-method").n > 0 &&
                     has_origin(cors, http_header(exchange, "origin"));
    struct buf headers;

    buf_init(&headers, HEADERS_MAX_BYTES);
    buf_addf(&headers, "Allow: %s, OPTIONS\r\n", allow);
    if (preflight)
        buf_addf(&headers, "Access-Control-Allow-Methods: %s\r\n" PREFLIGHT, allow);
    answer_empty(exchange, 204, headers.at);
    buf_deinit(&headers);
}
