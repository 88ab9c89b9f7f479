/* Which address does what: one table, walked by one short loop. A new route is a row; a new kind
 * needs none, since /v1/jobs/{kind} serves it. */
#include "routes.h"

#include "account.h"
#include "answer.h"
#include "apikey.h"
#include "auth.h"
#include "buf.h"
#include "cors.h"
#include "door.h"
#include "figures.h"
#include "health.h"
#include "http.h"
#include "jobs.h"
#include "policy.h"
#include "submit.h"
#include "text.h"

#define ALLOW_MAX_BYTES 128

// clang-format off
static const struct route routes[] = {
    {ROUTE_SUBMIT, "POST", "/v1/jobs/{kind}",      submit,       NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/v1/debate",           submit,       "debate",     "{\"format\":\"standard\"}",  false, ROUTE_NO_WAIT,      APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/v1/boardroom",        submit,       "debate",     "{\"format\":\"boardroom\"}", true,  ROUTE_NO_WAIT,      APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/v1/montecarlo",       submit,       "montecarlo", NULL,                         false, ROUTE_NO_WAIT,      APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/api/predict",         submit,       "predict",    NULL,                         false, ROUTE_WAIT_OF_KIND, APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/predict",             submit,       "predict",    NULL,                         false, ROUTE_WAIT_OF_KIND, APIKEY_SUBMIT, false},
    {ROUTE_SUBMIT, "POST", "/api/shareable-odds",  submit,       "odds",       NULL,                         false, ROUTE_WAIT_OF_KIND, APIKEY_SUBMIT, false},
    {ROUTE_READ,   "GET",  "/v1/jobs",             jobs_list,    NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_READ,   false},
    {ROUTE_READ,   "GET",  "/v1/jobs/{id}",        jobs_show,    NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_READ,   false},
    {ROUTE_EVENTS, "GET",  "/v1/jobs/{id}/events", jobs_events,  NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_READ,   true},
    {ROUTE_CANCEL, "POST", "/v1/jobs/{id}/cancel", jobs_cancel,  NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_CANCEL, false},
    {ROUTE_OTHER,  "POST", "/v1/jobs/{id}/token",  jobs_token,   NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_READ,   false},
    {ROUTE_HEALTH, "GET",  "/health",              health_live,  NULL,         NULL,                         false, ROUTE_NO_WAIT,      ROUTE_PUBLIC,  false},
    {ROUTE_HEALTH, "GET",  "/api/health",          health_live,  NULL,         NULL,                         false, ROUTE_NO_WAIT,      ROUTE_PUBLIC,  false},
    {ROUTE_HEALTH, "GET",  "/ready",               health_ready, NULL,         NULL,                         false, ROUTE_NO_WAIT,      ROUTE_PUBLIC,  false},
    {ROUTE_OTHER,  "GET",  "/metrics",            figures_show, NULL,         NULL,                         false, ROUTE_NO_WAIT,      APIKEY_METRICS, false},
};
// clang-format on

/* The next segment of "/a/b", without its slash. */
static bool next_segment(struct span *path, struct span *ret_segment)
{
    if (path->n == 0 || path->at[0] != '/')
        return false;
    const char *end = memchr(path->at + 1, '/', path->n - 1);
    size_t n = end ? (size_t)(end - path->at) : path->n;

    *ret_segment = (struct span){path->at + 1, n - 1};
    *path = (struct span){path->at + n, path->n - n};
    return true;
}

static bool match_path(const struct route *route, struct span path, struct route_match *match)
{
    struct span pattern = span_of(route->path), wanted, given;

    *match = (struct route_match){.route = route, .kind = span_of(route->kind)};
    while (next_segment(&pattern, &wanted)) {
        if (!next_segment(&path, &given))
            return false;
        if (span_equal(wanted, SPAN("{kind}")) && given.n > 0)
            match->kind = given;
        else if (span_equal(wanted, SPAN("{id}")) && given.n > 0)
            match->id = given;
        else if (!span_equal(wanted, given))
            return false;
    }
    return path.n == 0;
}

static bool match_method(const struct route *route, struct span method)
{
    if (span_equal(method, SPAN("HEAD")))
        return span_equal(span_of(route->method), SPAN("GET"));
    return span_equal(method, span_of(route->method));
}

/* false: no row. `allow` lists the methods of the rows of that path. */
static bool find(const struct http_request *request, struct route_match *match, struct buf *allow)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
        if (!match_path(&routes[i], request->path, match))
            continue;
        if (match_method(&routes[i], request->method))
            return true;
        if (allow)
            buf_addf(allow, "%s%s", allow->n > 0 ? ", " : "",
                     span_equal(span_of(routes[i].method), SPAN("GET")) ? "GET, HEAD"
                                                                        : routes[i].method);
    }
    return false;
}

/* A page that may not talk to us does not, and the methods that change nothing are not asked: what
 * they answer such a page may not read. */
static void serve(struct door *door, struct http_exchange *exchange, struct route_match *match)
{
    if (span_equal(span_of(match->route->method), SPAN("POST")) &&
        !cors_admits(door->cors, exchange))
        answer_error(exchange, ERROR_FORBIDDEN,
                     "pages of this origin may not use the door: see PARLEY_CORS_ORIGINS");
    else
        auth_admit(door, exchange, match);
}

void routes_serve(struct http_exchange *exchange, void *arg)
{
    const struct door *door = arg;
    const struct http_request *request = http_request(exchange);
    struct route_match match;
    struct buf allow;

    buf_init(&allow, ALLOW_MAX_BYTES);
    bool found = find(request, &match, &allow);
    account_begin(exchange, found ? match.route : NULL);
    if (found) {
        serve(arg, exchange, &match);
    } else if (allow.n > 0 && span_equal(request->method, SPAN("OPTIONS"))) {
        cors_answer(door->cors, exchange, allow.at);
    } else if (span_equal(request->path, SPAN("*"))) {
        cors_answer(door->cors, exchange, "GET, HEAD, POST");
    } else if (allow.n > 0) {
        char *headers CLEANUP(charp_freep) = xprintf("Allow: %s\r\n", allow.at);
        char *message CLEANUP(charp_freep) =
            xprintf("this address takes %s, not %.*s", allow.at,
                    request->method.n < 32 ? (int)request->method.n : 32, request->method.at);
        answer_error_with(exchange, ERROR_METHOD, headers, message);
    } else {
        answer_error(exchange, ERROR_NOT_FOUND, "there is nothing at %.*s",
                     request->path.n < 200 ? (int)request->path.n : 200, request->path.at);
    }
    buf_deinit(&allow);
}

static bool announces_body(const struct http_request *request)
{
    for (size_t i = 0; i < request->n_headers; i++)
        if (text_equal_nocase(request->headers[i].name, SPAN("content-length")) ||
            text_equal_nocase(request->headers[i].name, SPAN("transfer-encoding")))
            return true;
    return false;
}

/* 0 also says that no body is needed: `curl -X POST …/cancel` sends none and no length. */
size_t routes_max_body(const struct http_request *request, void *arg)
{
    const struct door *door = arg;
    struct route_match match;
    bool found = find(request, &match, NULL);

    if (!announces_body(request) && !(found && match.route->fn == submit))
        return 0;
    if (!found)
        return POLICY_MAX_BODY_BYTES;
    const struct policy *policy = policy_find(door->policies, match.kind);
    return policy ? policy->max_body_bytes : POLICY_MAX_BODY_BYTES;
}
