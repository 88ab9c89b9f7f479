/* Jobs over HTTP. A handler asks Redis, keeps what it must remember in a `struct look_up`, and
 * answers from the callback; whoever left meanwhile is dealt with by visit.c. The job object is
 * written by lib/job.c, so that the command line shows the same. */
#include "jobs.h"

#include <stdlib.h>

#include "answer.h"
#include "buf.h"
#include "clock.h"
#include "door.h"
#include "http.h"
#include "id.h"
#include "job.h"
#include "json.h"
#include "problem.h"
#include "routes.h"
#include "terms.h"
#include "text.h"
#include "visit.h"
#include "watch.h"

#define OBJECT_MAX_BYTES (64u << 20)
#define HEADERS_MAX_BYTES 2048
#define LIST_DEFAULT 20
#define LIST_MAX 100
#define REASON_MAX_BYTES 500
#define CURSOR_MAX_BYTES 32
#define UNKNOWN_JOB "there is no such job"

struct look_up {
    struct visit visit;
    char id[ID_TEXT_BYTES];
    int status; /* of the answer with the object */
    char *headers;
};

/* ---- forms ---- */

void jobs_write_headers(const char *id, struct buf *out)
{
    buf_addf(out, "Location: /v1/jobs/%s\r\nJob-Id: %s\r\n", id, id);
}

static void answer_object(struct http_exchange *exchange, int status,
                          const struct job_record *record, const char *headers)
{
    struct buf body;

    buf_init(&body, OBJECT_MAX_BYTES);
    job_write(record, &body);
    answer_json(exchange, status, headers, buf_span(&body));
    buf_deinit(&body);
}

void jobs_answer_accepted(struct http_exchange *exchange, const struct job_record *record,
                          const char *headers)
{
    char *all CLEANUP(charp_freep) = xprintf("Retry-After: 1\r\n%s", headers ? headers : "");

    answer_object(exchange, 202, record, all);
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

void jobs_answer_outcome(struct http_exchange *exchange, const struct job_record *record,
                         const char *headers)
{
    enum job_state state = JOB_FAILED;

    if (job_state_parse(record->state, &state) < 0)
        state = JOB_FAILED;
    if (state == JOB_SUCCEEDED)
        answer_json(exchange, 200, headers, record->result.n > 0 ? record->result : SPAN("null"));
    else if (state == JOB_CANCELLED)
        answer_failure(exchange, record, ERROR_CANCELLED, headers);
    else if (state == JOB_EXPIRED)
        answer_failure(exchange, record, ERROR_DEADLINE, headers);
    else
        answer_failure(exchange, record, ERROR_INTERNAL, headers);
}

/* ---- one job ---- */

static void free_look_up(struct visit *visit)
{
    struct look_up *look_up = CONTAINER_OF(visit, struct look_up, visit);

    free(look_up->headers);
    free(look_up);
}

static struct look_up *look_up_new(struct door *door, struct http_exchange *exchange,
                                   const char *id, int status)
{
    struct look_up *look_up = xcalloc(1, sizeof(*look_up));

    visit_init(&look_up->visit, door, exchange, free_look_up);
    (void)snprintf(look_up->id, sizeof(look_up->id), "%s", id);
    look_up->status = status;
    return look_up;
}

static void on_record(const struct job_record *record, bool unavailable, void *arg)
{
    struct look_up *look_up = arg;

    if (!visit_heard(&look_up->visit))
        return;
    if (unavailable)
        answer_unavailable(look_up->visit.exchange);
    else if (!record || !span_equal(record->tenant, SPAN(DOOR_TENANT)))
        answer_error(look_up->visit.exchange, ERROR_UNKNOWN_JOB, UNKNOWN_JOB);
    else if (look_up->status == 202)
        jobs_answer_accepted(look_up->visit.exchange, record, look_up->headers);
    else
        answer_object(look_up->visit.exchange, look_up->status, record, look_up->headers);
    visit_over(&look_up->visit);
}

static void ask_for_record(struct look_up *look_up)
{
    visit_asked(&look_up->visit);
    job_load(look_up->visit.door->commands, look_up->id, on_record, look_up);
}

/* The id of the path, NUL-terminated. false: it cannot be one, and the exchange was answered. */
static bool take_id(struct http_exchange *exchange, const struct route_match *match,
                    char out[ID_TEXT_BYTES])
{
    if (!id_valid(match->id)) {
        answer_error(exchange, ERROR_UNKNOWN_JOB, UNKNOWN_JOB);
        return false;
    }
    memcpy(out, match->id.at, match->id.n);
    out[match->id.n] = '\0';
    return true;
}

/* Answers 406 when JSON will not do. */
static bool wants_json(struct http_exchange *exchange)
{
    struct error error;
    enum terms_format format;

    if (terms_accept(exchange, TERMS_OFFER_ANSWER, &format, &error) == 0)
        return true;
    answer_error_with(exchange, error.code, NULL, error.message);
    return false;
}

void jobs_show(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    char id[ID_TEXT_BYTES];

    if (wants_json(exchange) && take_id(exchange, match, id))
        ask_for_record(look_up_new(door, exchange, id, 200));
}

void jobs_look_up(struct door *door, struct http_exchange *exchange, const char *id,
                  const char *headers)
{
    struct look_up *look_up = look_up_new(door, exchange, id, 202);

    look_up->headers = xstrdup(headers);
    ask_for_record(look_up);
}

/* ---- cancelling ---- */

static void on_cancelled(enum job_cancel_outcome outcome, void *arg)
{
    struct look_up *look_up = arg;

    if (!visit_heard(&look_up->visit))
        return;
    switch (outcome) {
    case JOB_CANCEL_UNAVAILABLE: answer_unavailable(look_up->visit.exchange); break;
    case JOB_CANCEL_NONE:
        answer_error(look_up->visit.exchange, ERROR_UNKNOWN_JOB, UNKNOWN_JOB);
        break;
    case JOB_CANCEL_ASKED:
        look_up->status = 202;
        ask_for_record(look_up);
        return;
    case JOB_CANCEL_DONE:
    case JOB_CANCEL_LATE: ask_for_record(look_up); return;
    }
    visit_over(&look_up->visit);
}

/* {"reason": "…"} or nothing. NULL: the exchange was answered. */
static char *read_reason(struct http_exchange *exchange)
{
    CLEANUP(json_freep) struct json *body = NULL;
    struct span text = http_request(exchange)->body;
    struct error error;

    if (text.n == 0)
        return xstrdup("cancelled by the client");
    if (!terms_body_is_json(exchange)) {
        answer_error(exchange, ERROR_MEDIA_TYPE, "the body must be application/json");
        return NULL;
    }
    if (json_parse(text, NULL, &body, &error) < 0) {
        answer_error_with(exchange, ERROR_BAD_JSON, NULL, error.message);
        return NULL;
    }
    const struct json *reason = json_get(body, "reason");
    if (!json_is(body, JSON_OBJECT) || json_length(body) != (reason ? 1 : 0) ||
        (reason && (!json_is(reason, JSON_STRING) || json_string(reason).n > REASON_MAX_BYTES))) {
        answer_error(exchange, ERROR_INVALID,
                     "the body may hold nothing but \"reason\", a text of up to %d bytes",
                     REASON_MAX_BYTES);
        return NULL;
    }
    return xspandup(json_get_string(body, "reason", "cancelled by the client"));
}

void jobs_cancel(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    char id[ID_TEXT_BYTES];

    if (!wants_json(exchange) || !take_id(exchange, match, id))
        return;
    char *reason CLEANUP(charp_freep) = read_reason(exchange);
    if (!reason)
        return;
    struct look_up *look_up = look_up_new(door, exchange, id, 200);
    visit_asked(&look_up->visit);
    job_cancel(door->commands, id, DOOR_TENANT, reason, on_cancelled, look_up);
}

/* ---- the list ---- */

struct listing {
    struct visit visit;
    size_t limit;
};

static void free_listing(struct visit *visit)
{
    free(CONTAINER_OF(visit, struct listing, visit));
}

static void on_list(const struct job_record *records, size_t n, bool unavailable, void *arg)
{
    struct listing *listing = arg;
    struct buf body;

    if (!visit_heard(&listing->visit))
        return;
    buf_init(&body, OBJECT_MAX_BYTES);
    buf_add_text(&body, "{\"jobs\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_add_char(&body, ',');
        job_write(&records[i], &body);
    }
    buf_add_text(&body, "],\"next\":");
    if (n < listing->limit)
        buf_add_text(&body, "null}");
    else
        buf_addf(&body, "\"/v1/jobs?limit=%zu&before=%.*s\"}", listing->limit,
                 (int)records[n - 1].id.n, records[n - 1].id.at);
    if (unavailable)
        answer_unavailable(listing->visit.exchange);
    else
        answer_json(listing->visit.exchange, 200, NULL, buf_span(&body));
    buf_deinit(&body);
    visit_over(&listing->visit);
}

void jobs_list(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    char before[ID_TEXT_BYTES] = "", limit_text[CURSOR_MAX_BYTES] = "";
    bool has_before = false, has_limit = false;
    uint64_t limit = LIST_DEFAULT;

    (void)match;
    if (!wants_json(exchange))
        return;
    bool before_read = http_query(exchange, "before", before, sizeof(before), &has_before);
    bool limit_read = http_query(exchange, "limit", limit_text, sizeof(limit_text), &has_limit);
    if (has_before && (!before_read || !id_valid(span_of(before)))) {
        answer_error(exchange, ERROR_BAD_REQUEST, "?before must be the id of a job");
        return;
    }
    if (has_limit &&
        (!limit_read || text_to_u64(span_of(limit_text), LIST_MAX, &limit) < 0 || limit == 0)) {
        answer_error(exchange, ERROR_BAD_REQUEST, "?limit must be a number from 1 to %d", LIST_MAX);
        return;
    }
    struct listing *listing = xcalloc(1, sizeof(*listing));
    visit_init(&listing->visit, door, exchange, free_listing);
    listing->limit = (size_t)limit;
    visit_asked(&listing->visit);
    job_list(door->commands, DOOR_TENANT, before, listing->limit, on_list, listing);
}

/* ---- events ---- */

/* Last-Event-ID, else ?after=, else 0. false: it is no number, and the exchange was answered. */
static bool read_cursor(struct http_exchange *exchange, uint64_t *ret_after)
{
    struct span header = http_header(exchange, "last-event-id");
    char query[CURSOR_MAX_BYTES] = "";
    bool has_query = false;
    bool query_read = http_query(exchange, "after", query, sizeof(query), &has_query);

    *ret_after = 0;
    if (header.n > 0) {
        if (text_to_u64(header, INT64_MAX, ret_after) == 0)
            return true;
        answer_error(exchange, ERROR_BAD_REQUEST,
                     "Last-Event-ID must be the number of an event of this job");
        return false;
    }
    if (!has_query)
        return true;
    if (query_read && text_to_u64(span_of(query), INT64_MAX, ret_after) == 0)
        return true;
    answer_error(exchange, ERROR_BAD_REQUEST, "?after must be the number of an event of this job");
    return false;
}

void jobs_events(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    char id[ID_TEXT_BYTES];
    enum terms_format format;
    struct error error;
    uint64_t after;

    if (terms_accept(exchange, TERMS_OFFER_EVENTS, &format, &error) < 0)
        answer_error_with(exchange, error.code, NULL, error.message);
    else if (take_id(exchange, match, id) && read_cursor(exchange, &after))
        watch_open(door, exchange, id, format, after, NULL);
}
