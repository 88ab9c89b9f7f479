/* The forms of an answer about one job. The object itself is written by lib/job.c, so that the
 * command line shows the same. */
#include <stdlib.h>

#include "answer.h"
#include "base64.h"
#include "buf.h"
#include "clock.h"
#include "job.h"
#include "jobs.h"
#include "json.h"
#include "policy.h"
#include "problem.h"
#include "sha256.h"
#include "text.h"

#define OBJECT_MAX_BYTES (64u << 20)
#define MEDIA_HEADERS_BYTES 3800 /* what answer.c has room for */
#define MAX_DEPTH 64
#define UNKNOWN_JOB "there is no such job"
#define ETAG_DIGITS 16
#define ETAG_BYTES (ETAG_DIGITS + 3)

void jobs_write_headers(const char *id, struct buf *out)
{
    buf_addf(out, "Location: /v1/jobs/%s\r\nJob-Id: %s\r\n", id, id);
}

void jobs_answer_accepted(struct http_exchange *exchange, const struct job_record *record,
                          const char *headers)
{
    char *all CLEANUP(charp_freep) = xprintf("Retry-After: 1\r\n%s", headers ? headers : "");
    struct buf body;

    buf_init(&body, OBJECT_MAX_BYTES);
    job_write(record, &body);
    answer_json(exchange, 202, all, buf_span(&body));
    buf_deinit(&body);
}

void jobs_answer_fresh(struct http_exchange *exchange, const char *id, const char *kind,
                       int64_t created_ms, const char *headers)
{
    char created_at[CLOCK_TEXT_BYTES];

    clock_text(created_ms, created_at);
    const struct job_record record = {
        .id = span_of(id),
        .kind = span_of(kind),
        .state = span_of(job_state_name(JOB_QUEUED)),
        .created_at = span_of(created_at),
        .attempt = SPAN("0"),
        .last_seq = SPAN("1"),
    };
    jobs_answer_accepted(exchange, &record, headers);
}

/* The error of a job that did not succeed, as it stands in its record, in the shape of our own. */
static void answer_failure(struct http_exchange *exchange, const struct job_record *record,
                           enum error_code fallback, const char *headers)
{
    CLEANUP(json_freep) struct json *error = NULL;
    struct problem problem;
    enum error_code code = fallback;

    if (json_parse(record->error, NULL, &error, NULL) < 0)
        error = NULL;
    if (error_parse(json_get_string(error, "code", ""), &code) < 0)
        code = fallback;
    problem_init(&problem, code);
    problem.detail = xspandup(json_get_string(error, "message", error_title(code)));
    answer_problem(exchange, &problem, headers);
    problem_deinit(&problem);
}

/* As encodeURIComponent() does, so that a header field can hold it. */
static void add_encoded(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i];
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            (c && strchr("-_.!~*'()", c)))
            buf_add_char(out, c);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* A result that has not what its schema promises is given as it is. */
static void answer_media(struct http_exchange *exchange, const struct job_record *record,
                         const struct policy_media *media, const char *headers)
{
    CLEANUP(json_freep) struct json *result = NULL;
    unsigned char *bytes = NULL;
    struct buf all;
    size_t n = 0;

    if (json_parse(record->result, &(struct json_limits){OBJECT_MAX_BYTES, MAX_DEPTH}, &result,
                   NULL) == 0)
        bytes = base64_bytes(json_get_string(result, media->member, "!"), &n);
    if (!bytes) {
        answer_json(exchange, 200, headers, record->result);
        return;
    }
    buf_init(&all, MEDIA_HEADERS_BYTES);
    buf_add_text(&all, "Alt-Text: ");
    add_encoded(&all, json_get_string(result, media->alt, ""));
    buf_addf(&all, "\r\n%s", headers ? headers : "");
    answer_bytes(exchange, media->type, buf_ok(&all) ? all.at : headers,
                 (struct span){(const char *)bytes, n});
    buf_deinit(&all);
    free(bytes);
}

void jobs_answer_outcome(struct http_exchange *exchange, const struct job_record *record,
                         const struct policy_media *media, const char *headers)
{
    enum job_state state = JOB_FAILED;

    if (job_state_parse(record->state, &state) < 0)
        state = JOB_FAILED;
    if (state == JOB_SUCCEEDED && media)
        answer_media(exchange, record, media, headers);
    else if (state == JOB_SUCCEEDED)
        answer_json(exchange, 200, headers, record->result.n > 0 ? record->result : SPAN("null"));
    else if (state == JOB_CANCELLED)
        answer_failure(exchange, record, ERROR_CANCELLED, headers);
    else if (state == JOB_EXPIRED)
        answer_failure(exchange, record, ERROR_DEADLINE, headers);
    else
        answer_failure(exchange, record, ERROR_INTERNAL, headers);
}

void jobs_answer_none(struct http_exchange *exchange)
{
    answer_error(exchange, ERROR_UNKNOWN_JOB, UNKNOWN_JOB);
}

/* ---- the object and its version ---- */

/* The same object has the same ETag at every door. */
static void write_version(const struct job_record *record, struct buf *object,
                          char etag[ETAG_BYTES])
{
    char hash[SHA256_TEXT_BYTES];

    buf_init(object, OBJECT_MAX_BYTES);
    job_write(record, object);
    sha256_text(buf_span(object), hash);
    (void)snprintf(etag, ETAG_BYTES, "\"%.*s\"", ETAG_DIGITS, hash);
}

/* RFC 9110, 13.1.2. */
static bool names_etag(const char *known, const char *etag)
{
    struct span rest = span_of(known), item;

    while (known && text_next(&rest, ',', &item)) {
        if (text_starts(item, "W/"))
            item = (struct span){item.at + 2, item.n - 2};
        if (span_equal(item, span_of(etag)) || span_equal(item, SPAN("*")))
            return true;
    }
    return false;
}

void jobs_answer_shown(struct http_exchange *exchange, const struct job_record *record,
                       const char *known, const char *headers)
{
    char etag[ETAG_BYTES];
    struct buf body;

    write_version(record, &body, etag);
    char *all CLEANUP(charp_freep) = xprintf("ETag: %s\r\n%s", etag, headers ? headers : "");
    if (names_etag(known, etag))
        answer_empty(exchange, 304, all);
    else
        answer_json(exchange, 200, all, buf_span(&body));
    buf_deinit(&body);
}

bool jobs_is_known(const struct job_record *record, const char *known)
{
    char etag[ETAG_BYTES];
    struct buf body;

    write_version(record, &body, etag);
    buf_deinit(&body);
    return names_etag(known, etag);
}
