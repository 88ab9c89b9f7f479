#pragma once
/* What llm.c (the life of a call over its tries) and llm_try.c (reading one try's answer) share. */

#include <sys/queue.h>

#include "buf.h"
#include "llm.h"
#include "llm_count.h"
#include "llm_wire.h"
#include "loop.h"
#include "slots.h"

struct fetch_ops;

#define LLM_ERROR_BYTES ((size_t)64 << 10) /* read of an error's body */

enum body_kind { BODY_NONE, BODY_STREAM, BODY_ANSWER, BODY_ERROR, BODY_OTHER };

struct llm {
    struct loop *loop; /* borrowed, like the two below */
    struct fetcher *fetcher;
    const struct provider_set *providers;
    struct slots *slots; /* NULL: no limits */
    unsigned *without;   /* by provider: options it was seen to refuse */
    TAILQ_HEAD(, llm_call) calls;
    struct llm_counts counts;
};

struct llm_call {
    struct llm *llm;
    TAILQ_ENTRY(llm_call) link;
    const struct llm_ops *ops;
    void *arg;
    struct llm_question question;
    char *flow;
    const struct provider *provider; /* NULL until begun */
    size_t provider_at;
    struct span fallback; /* of the question's list, not tried yet */
    unsigned without;
    bool closed;

    struct loop_later begin;
    struct loop_timer again, tail;
    int64_t started_ms;
    int n_tries, n_retries;
    bool restarted; /* the one visible restart is used up */
    struct llm_usage spent;
    bool pricing; /* on_price was called and not answered */
    bool held;    /* until llm_again() */

    /* Of the current try. */
    struct slot *slot; /* waiting or held, from before the try to its end */
    int64_t asked_slot_ms;
    int64_t try_us; /* when it was started; 0: none is under way */
    struct fetch *fetch;
    struct llm_reader reader;
    struct buf request, body;
    enum body_kind kind;
    int status;
    bool shown; /* text was given to on_delta */
};

extern const struct fetch_ops llm_fetch_ops;
/* The server has not ended its answer a while after the last event: it is whole all the same. */
void llm_on_tail(void *call);

/* llm_choice.c: the provider to begin with. -ENOENT and error when there is none. */
int llm_choose_first(struct llm_call *call, struct error *error) MUST_CHECK;
/* The next one to fall back to. false: there is none left, nothing was changed. */
bool llm_choose_next(struct llm_call *call);

/* A header field of the current try's answer. */
struct span llm_header(const struct llm_call *call, const char *name);
/* The provider is done with this try, or never saw it. */
void llm_leave_slot(struct llm_call *call, enum slot_outcome outcome, int64_t pause_ms);
/* Ends a try that brought no good answer: another one follows, or the call fails. */
void llm_try_failed(struct llm_call *call, enum llm_retry retry, int outcome,
                    const struct error *error);
/* Ends a try whose answer is whole. */
void llm_try_done(struct llm_call *call);
