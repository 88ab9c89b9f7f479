#pragma once
/* What is remembered of a request until it is over: for its line in the log and for the figures. */

#include "base.h"
#include "trace.h"

struct caller;
struct door;
struct http_ending;
struct http_exchange;
struct route;

struct account {
    const struct route *route;   /* NULL: there is none for its address */
    const struct caller *caller; /* NULL: nobody was let in */
    char method[8];              /* "" when it is none we know */
    struct trace *trace;         /* owned; span: the request's own. NULL: none */
};

/* Reads traceparent and tracestate: the trace is the client's then. The account belongs to the
 * exchange. */
struct account *account_begin(struct http_exchange *exchange, const struct route *route);
struct account *account_of(const struct http_exchange *exchange);
/* The request made that job: where its client named no trace, the job's own is the request's too.
 */
void account_made(struct http_exchange *exchange, const char *job);
/* http_options.on_end; arg is the door. */
void account_end(const struct http_exchange *exchange, const struct http_ending *ending, void *arg);
