#pragma once
/* The answers' bytes: Anthropic Messages, OpenAI chat completions with Groq's and xAI's
 * differences, and responses. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "buf.h"

struct ask;

/* An answer ready to be given. */
struct answer {
    struct buf text; /* whole; owned */
    bool truncated;  /* max_tokens ended it */
    int64_t input_tokens, output_tokens;
    int64_t created_s; /* wall clock */
};

/* One row a format. All append to `out`; streams are events with their blank line. */
struct wire {
    void (*begin)(const struct ask *ask, const struct answer *answer, struct buf *out);
    void (*piece)(const struct ask *ask, const struct answer *answer, struct span text,
                  struct buf *out);
    void (*end)(const struct ask *ask, const struct answer *answer, struct buf *out);
    /* An error in the middle of a stream. */
    void (*broken)(struct buf *out);
    /* The whole answer to a request without "stream". */
    void (*whole)(const struct ask *ask, const struct answer *answer, struct buf *out);
    /* The body of an error status; type NULL = the usual one of that status. */
    void (*fault)(int status, const char *type, const char *message, struct buf *out);
};

extern const struct wire wire_responses;  /* wire_responses.c */
extern const struct wire wire_embeddings; /* wire_embeddings.c: never a stream */
/* The error body of OpenAI and its relatives, whatever the format of their answers. */
void wire_openai_fault(int status, const char *type, const char *message, struct buf *out);

const struct wire *wire_of(const struct ask *ask);
