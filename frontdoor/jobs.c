/* Jobs over HTTP. A handler asks Redis, keeps what it must remember in a `struct look_up`, and
 * answers from the callback in one of the forms of jobs_forms.c; whoever left meanwhile is dealt
 * with by visit.c. */
#include "jobs.h"

#include <stdlib.h>

#include "answer.h"
#include "auth.h"
#include "buf.h"
#include "clock.h"
#include "cors.h"
#include "door.h"
#include "event.h"
#include "http.h"
#include "id.h"
#include "job.h"
#include "json.h"
#include "keyring.h"
#include "routes.h"
#include "terms.h"
#include "text.h"
#include "visit.h"
#include "wait.h"
#include "watch.h"
#include "ws.h"

#define OBJECT_MAX_BYTES (64u << 20)
#define HEADERS_MAX_BYTES 2048
#define LIST_DEFAULT 20
#define LIST_MAX 100
#define REASON_MAX_BYTES 500
#define CURSOR_MAX_BYTES 32
#define TYPES_MAX_BYTES 512
#define TOKEN_TTL_S 600
#define TOKEN_BODY_BYTES 1024

struct look_up {
    struct visit visit;
    const struct caller *caller; /* borrowed: lives as long as the door */
    void (*answer)(struct look_up *look_up, const struct job_record *record);
    char id[ID_TEXT_BYTES];
    char *headers;
    char *known;    /* If-None-Match */
    int64_t wait_s; /* how long to wait for another answer */
};

/* ---- one job ---- */

static void free_look_up(struct visit *visit)
{
    struct look_up *look_up = CONTAINER_OF(visit, struct look_up, visit);

    free(look_up->headers);
    free(look_up->known);
    free(look_up);
}

static struct look_up *look_up_new(struct door *door, struct http_exchange *exchange,
                                   const struct caller *caller, const char *id)
{
    struct look_up *look_up = xcalloc(1, sizeof(*look_up));

    visit_init(&look_up->visit, door, exchange, free_look_up);
    (void)snprintf(look_up->id, sizeof(look_up->id), "%s", id);
    look_up->caller = caller;
    return look_up;
}

static void on_record(const struct job_record *record, bool unavailable, void *arg)
{
    struct look_up *look_up = arg;

    if (!visit_heard(&look_up->visit))
        return;
    if (unavailable)
        answer_unavailable(look_up->visit.exchange);
    else if (!record)
        jobs_answer_none(look_up->visit.exchange);
    else
        look_up->answer(look_up, record);
    visit_over(&look_up->visit);
}

static void answer_accepted(struct look_up *look_up, const struct job_record *record)
{
    jobs_answer_accepted(look_up->visit.exchange, record, look_up->headers);
}

static void answer_final(struct look_up *look_up, const struct job_record *record)
{
    jobs_answer_shown(look_up->visit.exchange, record, NULL, look_up->headers);
}

static void ask_for_record(struct look_up *look_up)
{
    visit_asked(&look_up->visit);
    job_load(look_up->visit.door->commands, look_up->id, look_up->caller->tenant, on_record,
             look_up);
}

/* The id of the path, NUL-terminated. false: it cannot be one, and the exchange was answered. */
static bool take_id(struct http_exchange *exchange, const struct route_match *match,
                    char out[ID_TEXT_BYTES])
{
    if (!id_valid(match->id)) {
        jobs_answer_none(exchange);
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

/* With Prefer: wait, the answer waits for another version than the known one, or, when none is
 * known, for the job's end. */
static void answer_shown(struct look_up *look_up, const struct job_record *record)
{
    struct http_exchange *exchange = look_up->visit.exchange;
    enum job_state state = JOB_QUEUED;
    uint64_t after = 0;

    (void)!job_state_parse(record->state, &state);
    (void)!text_to_u64(record->last_seq, UINT64_MAX, &after);
    if (look_up->wait_s == 0 || job_state_finished(state) ||
        (look_up->known && !jobs_is_known(record, look_up->known)))
        jobs_answer_shown(exchange, record, look_up->known, look_up->headers);
    else
        wait_begin(look_up->visit.door, exchange,
                   &(struct wait_for){.caller = look_up->caller,
                                      .id = look_up->id,
                                      .kind = "",
                                      .wait_ms = look_up->wait_s * 1000,
                                      .headers = look_up->headers,
                                      .object = true,
                                      .known = look_up->known,
                                      .after = after});
}

void jobs_show(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    struct span known = http_header(exchange, "if-none-match");
    char id[ID_TEXT_BYTES];
    struct terms terms;
    struct error error;

    if (!wants_json(exchange) || !take_id(exchange, match, id))
        return;
    if (terms_read(exchange, &terms, &error) < 0) {
        answer_error_with(exchange, error.code, NULL, error.message);
        return;
    }
    struct look_up *look_up = look_up_new(door, exchange, match->caller, id);
    look_up->answer = answer_shown;
    look_up->known = known.at ? xspandup(known) : NULL;
    look_up->wait_s = terms.wait_asked ? terms.wait_s : 0;
    if (look_up->wait_s > 0)
        look_up->headers = xprintf("Preference-Applied: wait=%lld\r\n", (long long)terms.wait_s);
    ask_for_record(look_up);
}

/* ---- tokens ---- */

/* A page's EventSource and WebSocket can send no Authorization: what they can send is an address,
 * and that is written down in many places, so it opens one job's events for a short time only. */
static void answer_token(struct look_up *look_up, const struct job_record *record)
{
    char expires_at[CLOCK_TEXT_BYTES];
    char *token CLEANUP(charp_freep) =
        auth_token(look_up->visit.door->auth, look_up->caller, record->id, TOKEN_TTL_S);
    struct buf body;

    clock_text((clock_wall_ms() / 1000 + TOKEN_TTL_S) * 1000, expires_at);
    buf_init(&body, TOKEN_BODY_BYTES);
    if (token)
        buf_addf(&body, "{\"token\":\"%s\",\"expires_at\":\"%s\",", token, expires_at);
    else
        buf_add_text(&body, "{\"token\":null,\"expires_at\":null,");
    buf_addf(&body, "\"events\":\"/v1/jobs/%s/events%s%s\"}", look_up->id, token ? "?token=" : "",
             token ? token : "");
    answer_json(look_up->visit.exchange, 200, NULL, buf_span(&body));
    buf_deinit(&body);
}

void jobs_token(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    char id[ID_TEXT_BYTES];

    if (!wants_json(exchange) || !take_id(exchange, match, id))
        return;
    struct look_up *look_up = look_up_new(door, exchange, match->caller, id);
    look_up->answer = answer_token;
    ask_for_record(look_up);
}

void jobs_look_up(struct door *door, struct http_exchange *exchange, const struct caller *caller,
                  const char *id, const char *headers)
{
    struct look_up *look_up = look_up_new(door, exchange, caller, id);

    look_up->answer = answer_accepted;
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
    case JOB_CANCEL_NONE: jobs_answer_none(look_up->visit.exchange); break;
    case JOB_CANCEL_ASKED:
        look_up->answer = answer_accepted;
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
        answer_error(exchange, ERROR_MEDIA_TYPE,
                     "the body must be application/json, without a Content-Encoding");
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
    struct look_up *look_up = look_up_new(door, exchange, match->caller, id);
    look_up->answer = answer_final;
    visit_asked(&look_up->visit);
    job_cancel(door->commands, id, match->caller->tenant, reason, on_cancelled, look_up);
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
    job_list(door->commands, match->caller->tenant, before, listing->limit, on_list, listing);
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

/* ?types=job.succeeded,step.*: false when one is none, and the exchange was answered. */
static bool read_types(struct http_exchange *exchange, uint32_t *ret_types)
{
    char text[TYPES_MAX_BYTES] = "";
    bool given = false;
    bool whole = http_query(exchange, "types", text, sizeof(text), &given);

    *ret_types = 0;
    if (!given || (whole && event_types_parse(span_of(text), ret_types) == 0))
        return true;
    answer_error(exchange, ERROR_BAD_REQUEST,
                 "?types must be a list of types of events, like job.succeeded,step.*");
    return false;
}

void jobs_events(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    enum terms_format format = TERMS_WS;
    char id[ID_TEXT_BYTES];
    struct error error;
    uint64_t after;
    uint32_t types;

    /* Browsers let any page open a WebSocket: who may is for us to say (RFC 6455, 10.2). */
    if (ws_asked(exchange) && !cors_admits(door->cors, exchange))
        answer_error(exchange, ERROR_FORBIDDEN,
                     "pages of this origin may not use the door: see PARLEY_CORS_ORIGINS");
    else if (!ws_asked(exchange) && terms_accept(exchange, TERMS_OFFER_EVENTS, &format, &error) < 0)
        answer_error_with(exchange, error.code, NULL, error.message);
    else if (take_id(exchange, match, id) && read_cursor(exchange, &after) &&
             read_types(exchange, &types))
        watch_open(door, exchange,
                   &(struct watch_for){.caller = match->caller,
                                       .id = id,
                                       .format = format,
                                       .after = after,
                                       .types = types},
                   NULL);
}
