#pragma once
/* W3C Trace Context (Level 1): which requests, jobs and calls belong together. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"

#define TRACE_ID_BYTES 33
#define TRACE_SPAN_BYTES 17
#define TRACE_PARENT_BYTES 56
#define TRACE_STATE_MAX 512

struct trace {
    char id[TRACE_ID_BYTES];     /* "": none */
    char span[TRACE_SPAN_BYTES]; /* who continues it names this as its parent */
    bool sampled;
    char *state; /* tracestate, passed on as it came; owned; NULL = none */
};

void trace_deinit(struct trace *trace);

/* traceparent: version 00, its 55 characters and no others. state may be empty; one that breaks its
 * grammar is dropped, the trace stays. -EINVAL: no trace, *ret_trace is untouched. */
int trace_parse(struct span parent, struct span state, struct trace *ret_trace) MUST_CHECK;
/* As trace_write() wrote it: traceparent, and behind a space tracestate if there is one. */
int trace_read(struct span text, struct trace *ret_trace) MUST_CHECK;
/* A trace of its own for a job whose client named none: its id is the job's (id.h), so that nobody
 * has to keep it. */
void trace_of_job(const char *job, struct trace *ret_trace);

/* A new span in the same trace: fills 8 bytes by `fill`, which may be called again for zeros. */
typedef void trace_random_fn(void *out, size_t n);
void trace_child(const struct trace *trace, trace_random_fn *fill, char out[TRACE_SPAN_BYTES]);
/* traceparent for whoever continues the trace from `span`. */
void trace_parent(const struct trace *trace, const char *span, char out[TRACE_PARENT_BYTES]);
/* What trace_read() takes, with `span` as the parent; heap. */
char *trace_write(const struct trace *trace, const char *span);
