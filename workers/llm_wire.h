#pragma once
/* A wire format: how a question becomes a request, and how the answer's bytes become deltas. One file each, llm_<format>.c.
 * Pure functions of bytes: no loop, no socket, so that each reader can be fed piece by piece in tests and fuzzed. */

#include <stdbool.h>

#include "buf.h"
#include "error.h"
#include "llm.h"

struct fetch_header;
struct llm_reader;
struct model;
struct provider;

#define LLM_WIRE_HEADERS 4

struct llm_wire {
    const char *name;
    const char *path; /* after the base URL */
    /* The body, serialised deterministically. */
    void (*write_body)(const struct llm_question *question, const struct provider *provider, const struct model *model,
                       struct buf *body);
    /* Name of the header that carries the key and what stands before it ("authorization", "Bearer "). */
    const char *auth_header, *auth_prefix;
    const char *extra_header, *extra_value; /* NULL = none */
    /* One SSE event. Sets reader fields below. */
    int (*on_event)(struct llm_reader *reader, struct span event, struct span data);
    /* The error body of a status >= 400 or of a JSON answer to a stream request: fills error, tells whether to retry. */
    bool (*read_error)(int status, struct span body, struct error *error);
};

/* What has been read of an answer so far. */
struct llm_reader {
    const struct llm_wire *wire;
    struct buf text;        /* all of it */
    void (*on_delta)(struct span text, void *arg);
    void *arg;
    struct buf model, stop; /* as the provider said; stop mapped to llm_answer.stop words */
    struct llm_usage usage;
    bool have_usage;
    bool finished;          /* message_stop, [DONE] after a finish reason, … */
    bool failed;            /* an error event came; error is set */
    bool retryable;
    struct error error;
};
void llm_reader_init(struct llm_reader *reader, const struct llm_wire *wire, void (*on_delta)(struct span, void *), void *arg);
void llm_reader_deinit(struct llm_reader *reader);

extern const struct llm_wire llm_wire_anthropic, llm_wire_openai;
