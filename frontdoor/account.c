/* One account a request, from the first look at its address to its last byte.
 *
 * The engine keeps it with the exchange and tells when that is over; then it becomes a line and a
 * count, and goes. The line names the route as the table has it, never the address as it was asked
 * for: ids, queries and with them tokens stay out of it. The tenant stands in it as its tag, a
 * keyed hash, so that who reads logs can follow a tenant without knowing which. */
#include "account.h"

#include <stdio.h>
#include <stdlib.h>

#include "door.h"
#include "http.h"
#include "id.h"
#include "keyring.h"
#include "log.h"
#include "routes.h"
#include "text.h"

/* A field that may come in parts (tracestate), joined; empty when there is none or it is too long.
 */
static struct span join_fields(const struct http_request *request, struct span name, char *out,
                               size_t size, size_t *ret_n)
{
    size_t n = 0, used = 0;

    for (size_t i = 0; i < request->n_headers; i++) {
        struct span value = request->headers[i].value;

        if (!text_equal_nocase(request->headers[i].name, name))
            continue;
        if (used + value.n + 1 > size)
            return SPAN("");
        if (n++ > 0)
            out[used++] = ',';
        memcpy(out + used, value.at, value.n);
        used += value.n;
    }
    *ret_n = n;
    return (struct span){out, used};
}

static void read_trace(const struct http_request *request, struct account *account)
{
    char parent[TRACE_PARENT_BYTES], state[TRACE_STATE_MAX + 1], span[TRACE_SPAN_BYTES];
    size_t n = 0, n_states = 0;
    struct span text = join_fields(request, SPAN("traceparent"), parent, sizeof(parent), &n);
    struct trace trace;

    if (n != 1 ||
        trace_parse(text, join_fields(request, SPAN("tracestate"), state, sizeof(state), &n_states),
                    &trace) < 0)
        return;
    trace_child(&trace, id_random, span);
    memcpy(trace.span, span, sizeof(trace.span));
    account->trace = xmemdup(&trace, sizeof(trace));
}

static void read_method(const struct http_request *request, struct account *account)
{
    if (request->method.n < sizeof(account->method))
        memcpy(account->method, request->method.at, request->method.n);
}

struct account *account_begin(struct http_exchange *exchange, const struct route *route)
{
    struct account *account = xcalloc(1, sizeof(*account));

    account->route = route;
    read_method(http_request(exchange), account);
    read_trace(http_request(exchange), account);
    http_set_note(exchange, account);
    return account;
}

struct account *account_of(const struct http_exchange *exchange)
{
    return http_note(exchange);
}

void account_made(struct http_exchange *exchange, const char *job)
{
    struct account *account = account_of(exchange);

    if (account->trace)
        return;
    account->trace = xcalloc(1, sizeof(*account->trace));
    trace_of_job(job, account->trace);
}

static void write_line(const struct http_exchange *exchange, const struct http_ending *ending,
                       const struct account *account)
{
    const struct route *route = account ? account->route : NULL;
    const struct caller *caller = account ? account->caller : NULL;
    const struct trace *trace = account ? account->trace : NULL;

    log_later(route && route->class == ROUTE_HEALTH ? LOG_DEBUG_ : LOG_INFO_,
              "event=request request=%s method=%s route=%s status=%d bytes=%llu "
              "ms=%lld.%03d%s%s%s%s%s%s%s",
              http_request_id(exchange), account ? account->method : "", route ? route->path : "",
              ending->status, (unsigned long long)ending->bytes, (long long)(ending->us / 1000),
              (int)(ending->us % 1000), ending->stream ? " stream=true" : "",
              caller ? " tenant=" : "", caller ? caller->tag : "", trace ? " trace=" : "",
              trace ? trace->id : "", trace ? " span=" : "", trace ? trace->span : "");
}

void account_end(const struct http_exchange *exchange, const struct http_ending *ending, void *arg)
{
    struct account *account = account_of(exchange);
    struct door *door = arg;

    figures_count(&door->figures, account && account->route ? account->route->class : ROUTE_OTHER,
                  ending);
    write_line(exchange, ending, account);
    if (account && account->trace)
        trace_deinit(account->trace);
    if (account)
        free(account->trace);
    free(account);
}
