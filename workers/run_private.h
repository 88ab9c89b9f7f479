#pragma once
/* What run.c (the steps of one attempt) and ask.c, children.c, labour.c (what they wait for) share.
 */

#include "budget.h"
#include "loop.h"
#include "run_host.h"

enum answer_state { ANSWER_ASKING, ANSWER_REMEMBERING, ANSWER_KNOWN };

/* Something a step waits for, by key: a model's answer or a sleep. Owned by the run. */
struct answer {
    struct run *run;
    char *key;
    enum answer_state state;
    bool earlier; /* remembered in an earlier attempt, not told to the readers of this one yet */
    struct json *json;
    struct run_answer view;
    bool is_child;
    struct labour *labour;   /* NULL unless it is one, under way; owned */
    struct reading *reading; /* NULL unless it is one, under way; owned */
    /* while asking */
    char *title;
    struct cached *cached; /* NULL unless the cache is asked or to be told; owned */
    struct llm_call *call;
    struct loop_timer timer; /* of a delta that waits, or of a sleep */
    struct buf delta;        /* text not emitted yet */
    int64_t delta_at_ms;     /* when the last one was */
    bool reserved;           /* money.lua may hold money for the call */
    bool held;               /* the call waits for money */
    int64_t worst;           /* last reserved, micro-dollars */
};

struct run {
    const struct run_host *host;
    const struct kind *kind;
    struct lease lease;
    struct json *request;
    void *state;
    const struct step *step;
    struct crash_job *crash; /* for last words */
    bool prepared;           /* false: the request makes no sense to the kind, error says why */
    bool over;               /* the end was decided: steps run no more, freed when n_writes is 0 */
    int64_t limit_ms;        /* from acceptance to the deadline */
    int64_t begun_ms;        /* monotonic, of this attempt */
    int64_t elapsed_ms;      /* from the first start to the begin of this attempt */
    size_t n_waiting;        /* answers not known yet */
    void *answers;           /* tsearch tree of struct answer */
    void *emitted;           /* tsearch tree of keys */
    struct lease_events events;
    char *progress; /* JSON, NULL = none */
    bool progress_new;
    int64_t told_waiting_ms;
    struct budget budget;
    struct loop_later advance, flush;
    struct loop_timer deadline;
    unsigned char seed[32];
    struct json *result;
    struct error error;
    size_t n_writes; /* calls of Redis without a reply yet, and labour under way */
    /* children.c */
    size_t n_children; /* not answered yet */
    bool polling, poll_again;
    char *checkpoint; /* of an earlier attempt, NULL = none */
    size_t n_checkpoint;
};

struct answer *run_find(const struct run *run, const char *key);
struct answer *run_add(struct run *run, const char *key, enum answer_state state);
/* The answer is on disk: the step that waits may go on. json is taken over. */
void run_answered(struct answer *answer, struct json *json);
/* Sends the answer to Redis (and the spool first); run_answered() follows. json is copied. */
void run_keep(struct answer *answer, const struct json *json);
/* Tells the readers why calls wait, at most once a second. members is taken over. */
void run_waiting(struct run *run, struct json *members);
void run_wake(struct run *run);
/* Usage over all model answers: {"calls","input_tokens","output_tokens","cost_usd"}. */
void run_usage(const struct run *run, struct buf *out);
/* A call of Redis was answered that needs no other reaction; arg is the run. */
void run_noted(const struct reply *reply, void *arg);
/* The run ends as failed, whatever its steps and calls are doing. */
void run_break(struct run *run, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);
void answer_stop(struct answer *answer); /* closes its call and timer */
void answer_free(void *node);            /* for tdestroy() */
/* Breaks off its call: it becomes a failed answer, paid for as far as it came. */
void answer_break_off(struct answer *answer, const struct error *error);
void answer_view(struct answer *answer); /* its json became what steps see */

struct cached *cached_free(struct cached *cached);
/* Whether what was remembered under that key is the checkpoint, which is kept then. */
bool run_is_checkpoint(struct run *run, struct span key, struct span bytes);
void run_drop(struct run *run, struct answer *answer); /* a known one, as if never asked */
void labour_stop(struct labour *labour);               /* accepts NULL */
struct labour *labour_free(struct labour *labour);     /* waits for it; accepts NULL */
void reading_stop(struct reading *reading);            /* accepts NULL */
struct reading *reading_free(struct reading *reading); /* accepts NULL */
void run_replied(struct run *run);                     /* one of n_writes was answered */
