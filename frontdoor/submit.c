/* Taking in a job.
 *
 * Everything about the request is checked before Redis is asked; then ONE call writes all of it.
 * Only its answer makes the job accepted, and only then anything is said to the client. For a
 * stream the subscription is opened in the same turn as the job is enqueued, so that it costs no
 * extra round trip. The door chooses the id; a job that was there already under the Idempotency-Key
 * has its own. */
#include "submit.h"

#include <errno.h>

#include <stdlib.h>

#include "account.h"
#include "answer.h"
#include "buf.h"
#include "clock.h"
#include "common.h"
#include "door.h"
#include "http.h"
#include "id.h"
#include "job.h"
#include "jobs.h"
#include "json.h"
#include "keyring.h"
#include "limits.h"
#include "log.h"
#include "policy.h"
#include "problem.h"
#include "redis.h"
#include "routes.h"
#include "schema.h"
#include "sha256.h"
#include "terms.h"
#include "visit.h"
#include "wait.h"
#include "watch.h"

#define HEADERS_MAX_BYTES 2048
#define MAX_DEPTH 32
#define DETAIL_PART_BYTES 300

struct submission {
    struct visit visit;
    const struct caller *caller; /* borrowed: lives as long as the door */
    const struct policy *policy; /* borrowed from the door */
    enum terms_format format;
    bool media; /* the result in the media type of its own */
    struct terms terms;
    struct common common;
    char id[ID_TEXT_BYTES];
    int64_t created_ms;  /* wall clock */
    struct watch *watch; /* owned until it begins; NULL unless a stream was asked for */
    struct limits limits;
    struct buf rate_headers; /* what they say, once Redis has answered */
    uint64_t n_lost;         /* of the door, when it was sent */
    bool was_connected;      /* when it was sent */
};

static void free_submission(struct visit *visit)
{
    struct submission *submission = CONTAINER_OF(visit, struct submission, visit);

    watch_free(submission->watch);
    buf_deinit(&submission->rate_headers);
    free(submission);
}

/* ---- answers ---- */

static void write_headers(const struct submission *submission, const char *id, bool replayed,
                          struct buf *out)
{
    const struct terms *terms = &submission->terms;

    /* A stream writes its own Location and Job-Id. */
    if (submission->format == TERMS_JSON) {
        jobs_write_headers(id, out);
        if (terms->wait_asked && terms->wait_s > 0)
            buf_addf(out, "Preference-Applied: wait=%lld\r\n", (long long)terms->wait_s);
        else if (terms->async_asked)
            buf_add_text(out, "Preference-Applied: respond-async\r\n");
    }
    if (replayed)
        buf_add_text(out, "Idempotent-Replayed: true\r\n");
    else
        buf_addf(out, "Trace-Id: %s\r\n", account_of(submission->visit.exchange)->trace->id);
    buf_add_span(out, buf_span(&submission->rate_headers));
}

/* The exchange leaves the submission, which may be freed by this. */
static struct http_exchange *submission_yield(struct submission *submission)
{
    struct http_exchange *exchange = submission->visit.exchange;

    visit_over(&submission->visit);
    return exchange;
}

static void begin_stream(const struct submission *submission, struct http_exchange *exchange,
                         const char *headers)
{
    if (submission->common.cancel_on_disconnect)
        watch_count(submission->watch);
    watch_begin(submission->watch, exchange, headers);
}

static void answer_taken(struct submission *submission, const char *id, bool replayed)
{
    struct door *door = submission->visit.door;
    struct submission copy = *submission;
    char job_id[ID_TEXT_BYTES];
    struct buf headers;

    (void)snprintf(job_id, sizeof(job_id), "%s", id);
    buf_init(&headers, HEADERS_MAX_BYTES);
    if (!replayed)
        account_made(submission->visit.exchange, job_id);
    write_headers(submission, job_id, replayed, &headers);
    if (!replayed)
        submission->watch = NULL; /* copy.watch goes on */
    struct http_exchange *exchange = submission_yield(submission);
    if (copy.format != TERMS_JSON && replayed)
        watch_open(door, exchange,
                   &(struct watch_for){.caller = copy.caller, .id = job_id, .format = copy.format},
                   headers.at);
    else if (copy.format != TERMS_JSON)
        begin_stream(&copy, exchange, headers.at);
    else if (copy.terms.wait_s > 0)
        wait_begin(door, exchange,
                   &(struct wait_for){.caller = copy.caller,
                                      .id = job_id,
                                      .kind = copy.policy->kind,
                                      .media = copy.media ? &copy.policy->media : NULL,
                                      .created_ms = copy.created_ms,
                                      .wait_ms = copy.terms.wait_s * 1000,
                                      .headers = headers.at});
    else if (replayed || copy.common.not_before_ms > copy.created_ms)
        jobs_look_up(door, exchange, copy.caller, job_id, headers.at);
    else
        jobs_answer_fresh(exchange, job_id, copy.policy->kind, copy.created_ms, headers.at);
    buf_deinit(&headers);
}

/* Redis did not answer. Whether the command ever left is the difference between "no" and "perhaps".
 */
static void answer_unknown(struct submission *submission)
{
    struct door *door = submission->visit.door;
    bool keyed = submission->terms.n_key > 0;

    if (!submission->was_connected && !redis_connected(door->commands) &&
        submission->n_lost == door->n_lost)
        answer_error(submission->visit.exchange, ERROR_UNAVAILABLE,
                     "the queue (Redis) cannot be reached; nothing was enqueued");
    else
        answer_error(submission->visit.exchange, ERROR_UNAVAILABLE,
                     "the queue (Redis) did not answer in time: the job may have been accepted as "
                     "%s; %s",
                     submission->id,
                     keyed ? "send it again with the same Idempotency-Key, it will not run twice"
                           : "look there before you send it again, or use an Idempotency-Key");
    visit_over(&submission->visit);
}

static void answer_refused(struct submission *submission, enum job_enqueue_outcome outcome)
{
    struct door *door = submission->visit.door;
    const struct door_config *config = door->config;
    struct http_exchange *exchange = submission_yield(submission);

    door->figures.refused[REFUSED_FULL] += outcome == JOB_ENQUEUE_FULL;
    door->figures.refused[REFUSED_LIMIT] += outcome == JOB_ENQUEUE_LIMIT;
    if (outcome == JOB_ENQUEUE_REUSED)
        answer_error(exchange, ERROR_IDEMPOTENCY_REUSE,
                     "this Idempotency-Key was used with another body; nothing was enqueued");
    else if (outcome == JOB_ENQUEUE_FULL)
        answer_error(exchange, ERROR_QUEUE_FULL,
                     "the queue holds its %lld jobs; nothing was enqueued",
                     (long long)config->queue_cap);
    else if (outcome == JOB_ENQUEUE_LIMIT)
        answer_error(exchange, ERROR_TENANT_LIMIT,
                     "you have %lld open jobs, which is the limit; nothing was enqueued",
                     (long long)config->tenant_cap);
    else
        answer_error(exchange, ERROR_UNAVAILABLE,
                     "the queue (Redis) takes no jobs now; nothing was enqueued");
}

static void answer_early(struct submission *submission, const struct job_rate_state *rate)
{
    const struct limits *limits = &submission->limits;
    const char *name = rate && rate->index < limits->n ? limits->names[rate->index] : "";
    char *message CLEANUP(charp_freep) = xprintf(
        "too many requests for the limit \"%s\"; nothing was enqueued, see Retry-After", name);

    submission->visit.door->figures.refused[REFUSED_RATE]++;
    answer_error_with(submission->visit.exchange, ERROR_RATE_LIMIT, submission->rate_headers.at,
                      message);
    visit_over(&submission->visit);
}

static void on_enqueued(enum job_enqueue_outcome outcome, const char *id,
                        const struct job_rate_state *rate, void *arg)
{
    struct submission *submission = arg;

    if (!visit_heard(&submission->visit))
        return;
    if (rate)
        limits_write(&submission->limits, rate, outcome == JOB_ENQUEUE_RATE,
                     &submission->rate_headers);
    switch (outcome) {
    case JOB_ENQUEUE_OK: answer_taken(submission, id, false); break;
    case JOB_ENQUEUE_DUPLICATE:
        /* Our own command sent twice by a proxy or by luck is still the first time. */
        answer_taken(submission, id, strcmp(id, submission->id) != 0);
        break;
    case JOB_ENQUEUE_UNKNOWN: answer_unknown(submission); break;
    case JOB_ENQUEUE_RATE: answer_early(submission, rate); break;
    case JOB_ENQUEUE_REUSED:
    case JOB_ENQUEUE_FULL:
    case JOB_ENQUEUE_LIMIT:
    case JOB_ENQUEUE_REFUSED: answer_refused(submission, outcome); break;
    }
}

/* The stream's first event was here before the reply. */
static void on_accepted(void *arg)
{
    struct submission *submission = arg;

    if (submission->visit.exchange)
        answer_taken(submission, submission->id, false);
    else
        submission->watch = watch_free(submission->watch);
}

/* ---- the request ---- */

struct preset {
    struct json *request;
    struct problem *problem;
    bool binds, changed;
};

static bool apply_member(const char *key, const struct json *value, void *arg)
{
    struct preset *preset = arg;
    const struct json *given = json_get(preset->request, key);

    if (!given) {
        json_set(preset->request, key, json_copy(value));
        preset->changed = true;
    } else if (preset->binds && !json_equal(given, value)) {
        char *pointer CLEANUP(charp_freep) = xprintf("/%s", key);
        char *text CLEANUP(charp_freep) = json_text(value);
        problem_add(preset->problem, pointer,
                    "must be %s at this address, or left out; other values go to /v1/jobs/…", text);
    }
    return true;
}

/* Puts the route's members in. Returns whether the request was changed. */
static bool apply_preset(const struct route *route, struct json *request, struct problem *problem)
{
    CLEANUP(json_freep) struct json *members = NULL;
    struct preset preset = {request, problem, route->preset_binds, false};

    if (!route->preset || !json_is(request, JSON_OBJECT))
        return false;
    if (json_parse(span_of(route->preset), NULL, &members, NULL) < 0)
        abort(); /* a constant of ours */
    json_each(members, apply_member, &preset);
    return preset.changed;
}

/* Bytes of the text up to a maximum, not ending inside a UTF-8 character. */
static int clip(const char *text, size_t max_bytes)
{
    size_t n = strnlen(text, max_bytes + 1);

    if (n <= max_bytes)
        return (int)n;
    for (n = max_bytes; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
        ;
    return (int)n;
}

/* The first fault is said in the detail too, for whoever shows only that. */
static void answer_unfit(struct http_exchange *exchange, struct problem *problem)
{
    const char *pointer = problem->n_items > 0 ? problem->items[0].pointer : "";
    const char *message = problem->n_items > 0 ? problem->items[0].message : "does not fit";

    problem->detail =
        xprintf("%s%.*s %.*s%s", pointer[0] ? "" : "the body", clip(pointer, DETAIL_PART_BYTES),
                pointer, clip(message, DETAIL_PART_BYTES), message,
                problem->n_items > 1 ? " (and more, see errors)" : "");
    answer_problem(exchange, problem, NULL);
}

/* The large member has its limit, all the others together have theirs. */
static bool sizes_fit(const struct policy *policy, struct span body, const struct json *request,
                      struct error *error)
{
    size_t max_others = policy->max_body_bytes - policy->max_large_bytes;
    CLEANUP(charp_freep) char *large = NULL;
    size_t n_large;

    if (body.n <= max_others)
        return true;
    if (policy->large_member && json_has(request, policy->large_member))
        large = json_text(json_get(request, policy->large_member));
    n_large = span_of(large).n;
    if (n_large <= policy->max_large_bytes && body.n - n_large <= max_others)
        return true;
    if (n_large > policy->max_large_bytes)
        (void)error_set(error, ERROR_TOO_LARGE, -E2BIG, "/%s is limited to %zu bytes",
                        policy->large_member, policy->max_large_bytes);
    else
        (void)error_set(error, ERROR_TOO_LARGE, -E2BIG, "the body is limited to %zu bytes%s%s",
                        max_others, policy->large_member ? " beside /" : "",
                        policy->large_member ? policy->large_member : "");
    return false;
}

/* The request as it will be stored: the client's own bytes where nothing was added. NULL: the
 * exchange was answered. */
static char *read_payload(struct http_exchange *exchange, const struct route *route,
                          const struct policy *policy, const struct common_schema *common_schema,
                          struct common *ret_common, const struct policy_rate **ret_rate)
{
    const struct json_limits limits = {policy->max_body_bytes, MAX_DEPTH};
    CLEANUP(json_freep) struct json *request = NULL;
    struct span body = http_request(exchange)->body;
    struct problem problem;
    struct error error;

    if (json_parse(body, &limits, &request, &error) < 0 ||
        !sizes_fit(policy, body, request, &error)) {
        answer_error_with(exchange, error.code, NULL, error.message);
        return NULL;
    }
    problem_init(&problem, ERROR_INVALID);
    struct json *rest = common_take(common_schema, request, ret_common, &problem);
    bool changed = rest != NULL;
    if (rest) {
        json_free(request);
        request = rest;
    }
    changed |= apply_preset(route, request, &problem);
    bool fits = schema_check(policy->schema, request, &problem) == 0 && problem.n_items == 0;
    if (!fits)
        answer_unfit(exchange, &problem);
    problem_deinit(&problem);
    if (!fits)
        return NULL;
    *ret_rate = policy_rate_of(policy, request);
    return changed ? json_text(request) : xspandup(body);
}

/* What makes two requests the same: kind, address and bytes. */
static void hash_request(const struct route *route, const struct policy *policy, struct span body,
                         char out[SHA256_TEXT_BYTES])
{
    struct buf all;

    buf_init(&all, policy->max_body_bytes + HEADERS_MAX_BYTES);
    buf_addf(&all, "%s\n%s\n", policy->kind, route->preset ? route->preset : "");
    buf_add_span(&all, body);
    sha256_text(buf_span(&all), out);
    buf_deinit(&all);
}

static void enqueue(struct submission *submission, const struct route *route, const char *payload)
{
    struct door *door = submission->visit.door;
    char hash[SHA256_TEXT_BYTES] = "";

    submission->created_ms = clock_wall_ms();
    id_new(submission->created_ms, submission->id);
    if (submission->terms.n_key > 0)
        hash_request(route, submission->policy, http_request(submission->visit.exchange)->body,
                     hash);
    if (submission->format != TERMS_JSON)
        submission->watch = watch_prepare(door,
                                          &(struct watch_for){.caller = submission->caller,
                                                              .id = submission->id,
                                                              .format = submission->format},
                                          on_accepted, submission);
    submission->was_connected = redis_connected(door->commands);
    submission->n_lost = door->n_lost;
    const struct account *account = account_of(submission->visit.exchange);
    CLEANUP(charp_freep)
    char *trace = account->trace ? trace_write(account->trace, account->trace->span) : NULL;
    const struct job_enqueue job = {
        .id = submission->id,
        .kind = submission->policy->kind,
        .tenant = submission->caller->tenant,
        .payload = span_of(payload),
        .idempotency_key = {submission->terms.key, submission->terms.n_key},
        .body_hash = hash,
        .idempotency_ttl_ms = door->config->idempotency_ttl_ms,
        .queue_cap = door->config->queue_cap,
        .tenant_cap = door->config->tenant_cap,
        .deadline_ms = submission->terms.cancel_after_ms > 0 ? submission->terms.cancel_after_ms
                                                             : submission->policy->deadline_ms,
        .kind_deadline_ms = submission->policy->deadline_ms,
        .max_log_bytes = submission->policy->max_log_bytes,
        .priority = submission->common.priority,
        .not_before_ms = submission->common.not_before_ms,
        .cancel_on_disconnect = submission->common.cancel_on_disconnect,
        .trace = trace,
        .watched = submission->watch != NULL,
        .n_rates = submission->limits.n,
        .rates = submission->limits.rates,
    };
    visit_asked(&submission->visit);
    job_enqueue(door->commands, &job, on_enqueued, submission);
}

void submit(struct door *door, struct http_exchange *exchange, const struct route_match *match)
{
    const struct policy *policy = policy_find(door->policies, match->kind);
    enum terms_format format;
    bool media;
    struct terms terms;
    struct common common;
    const struct policy_rate *rate = NULL;
    struct error error;

    if (!policy) {
        answer_error(exchange, ERROR_UNKNOWN_KIND, "there is no kind of job \"%.*s\", only %s",
                     match->kind.n < JOB_KIND_MAX ? (int)match->kind.n : JOB_KIND_MAX,
                     match->kind.at, policy_names(door->policies));
        return;
    }
    if (http_request(exchange)->body.n > 0 && !terms_body_is_json(exchange)) {
        answer_error(exchange, ERROR_MEDIA_TYPE,
                     "Content-Type must be application/json, without a Content-Encoding");
        return;
    }
    if (terms_accept_own(exchange, TERMS_OFFER_ALL, policy->media.type, &format, &media, &error) <
            0 ||
        terms_read(exchange, &terms, &error) < 0) {
        answer_error_with(exchange, error.code, NULL, error.message);
        return;
    }
    if (!terms.wait_asked && !terms.async_asked)
        terms.wait_s = match->route->wait_s == ROUTE_WAIT_OF_KIND ? policy->wait_default_s
                                                                  : match->route->wait_s;
    char *payload CLEANUP(charp_freep) =
        read_payload(exchange, match->route, policy, policy_common(door->policies), &common, &rate);
    if (!payload)
        return;
    struct submission *submission = xcalloc(1, sizeof(*submission));
    visit_init(&submission->visit, door, exchange, free_submission);
    submission->caller = match->caller;
    submission->policy = policy;
    submission->format = format;
    submission->media = media;
    submission->terms = terms;
    submission->common = common;
    buf_init(&submission->rate_headers, HEADERS_MAX_BYTES);
    limits_of(door, exchange, match->caller, policy, rate, &submission->limits);
    enqueue(submission, match->route, payload);
}
