#pragma once
/* HTTP requests to other servers on the loop (libcurl multi). Only fetch.c knows curl.
 *
 * TLS is verified, redirects are not followed, no proxy is taken from the environment, answers are
 * capped, four deadlines are kept. Callbacks run from the loop only: never before fetch_start()
 * returned, on_done exactly once and last, none after fetch_cancel(). Inside a callback everything
 * here may be called, fetch_cancel() of the same fetch and fetch_start() included. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "error.h"

struct fetch;   /* one request under way */
struct fetcher; /* owns the connections */
struct loop;

struct fetcher *fetcher_new(struct loop *loop);
struct fetcher *
fetcher_free(struct fetcher *fetcher); /* ends what is under way without calling back */
DEFINE_FREEP(fetcher)
/* These name servers instead of the system's (resolve.h). */
int fetcher_name_servers(struct fetcher *fetcher, const char *list, struct error *error) MUST_CHECK;

struct fetch_header {
    const char *name;
    const char *value;
};

struct fetch_request {
    const char *method; /* "GET", "POST" */
    const char *url;
    const struct fetch_header *headers;
    size_t n_headers;
    struct span body;                                     /* copied */
    int64_t connect_ms, first_byte_ms, idle_ms, total_ms; /* 0 = 10 s, 60 s, 60 s, 10 min */
    size_t max_bytes;                                     /* of the decoded answer; 0 = 8 MiB */
};

/* Of an answer's head; more is -E2BIG. */
#define FETCH_HEAD_BYTES 65536

struct fetch_result {
    int status; /* HTTP status, 0 when none came */
    /* 0 the whole answer came, whatever its status; -ECONNREFUSED could not connect (nothing was
     * sent); -ETIMEDOUT a deadline (error says which); -ECONNRESET cut short; -E2BIG; -EPROTO
     * anything else, among them a certificate that does not fit (nothing was sent) */
    int outcome;
    bool sent;          /* whether the request may have reached the server */
    struct error error; /* set when outcome is not 0 */
};

struct fetch_ops {
    /* Status line and header fields are there; fetch_header() works from here on. May be NULL. */
    void (*on_head)(struct fetch *fetch, int status, void *arg);
    /* A piece of the body. */
    void (*on_data)(struct fetch *fetch, struct span bytes, void *arg);
    /* Always last, exactly once, unless cancelled. The fetch is gone after it. */
    void (*on_done)(struct fetch *fetch, const struct fetch_result *result, void *arg);
};

/* Everything in request is copied; ops is borrowed and must outlive the fetch. A request that
 * cannot even be started is reported through on_done. Connections are kept and used again. */
struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request,
                          const struct fetch_ops *ops, void *arg);
/* Closes the connection of the request; no callback follows. Accepts NULL, returns NULL. */
struct fetch *fetch_cancel(struct fetch *fetch);
/* The last header field of that name (case-insensitive), empty span when there is none. */
struct span fetch_header(const struct fetch *fetch, const char *name);
