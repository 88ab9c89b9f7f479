#pragma once
/* A question on its way out: copied, written as a body, sent with the provider's headers. */

#include "base.h"
#include "trace.h"

struct buf;
struct error;
struct fetch_header;
struct fetch_ops;
struct fetcher;
struct llm_question;
struct llm_request;
struct provider;

#define LLM_REQUEST_BYTES ((size_t)16 << 20)
#define LLM_ANSWER_BYTES ((size_t)8 << 20)

void llm_question_copy(struct llm_question *copy, const struct llm_question *question);
/* Replaces what body held. 0, or -E2BIG with error. */
int llm_request_write(const struct llm_request *request, struct buf *body,
                      struct error *error) MUST_CHECK;
/* Dollars that one try costs at most: all it may answer, and a token for every three bytes it asks,
 * which is more than English takes. */
double llm_request_worst_usd(const struct llm_question *question, const struct provider *provider);
/* The header fields by which whoever is called can tell to which trace the call belongs; each call
 * is a span of its own. Returns how many, at most 2; they point to trace and parent. */
size_t llm_trace_headers(const struct trace *trace, char parent[TRACE_PARENT_BYTES],
                         struct fetch_header *out);
/* Starts the fetch of one try. ops and arg go to fetch_start(). */
struct fetch *llm_request_send(const struct llm_request *request, struct span body,
                               struct fetcher *fetcher, const struct fetch_ops *ops, void *arg);
