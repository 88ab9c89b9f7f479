#pragma once
/* One attempt at one job: what a kind's steps see (style.md 8, design.md 5).
 *
 * A step is called again whenever an answer arrives. It asks by key; what was answered is
 * remembered in Redis before the step sees it, so first call, wake-up and restart after a crash are
 * one path. A step reads only its state, remembered answers, run_clock() and run_random(). */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"
#include "error.h"
#include "event.h"
#include "kind.h"

struct json;
struct llm_question;
struct run;

void *run_state(const struct run *run);         /* what the kind's prepare() made */
const void *run_library(const struct run *run); /* what the kind's load() read */
const char *run_id(const struct run *run);
/* Wall milliseconds of the job's first start: the same on every attempt. */
int64_t run_clock(const struct run *run);
/* Milliseconds since the job's first start, whatever attempts it took, and until its deadline. They
 * differ between attempts: they may decide only what is remembered, such as a withdrawal. */
int64_t run_elapsed_ms(const struct run *run);
int64_t run_left_ms(const struct run *run);
/* Deterministic 64-bit words: the n-th draw of a stream named `name` is the same on every attempt
 * and depends only on the job's seed (request member "seed", else the job's id). */
struct run_random;
uint64_t run_random(const struct run *run, const char *name, uint64_t n);

/* Formats a key into a static ring of buffers: valid until 8 more calls. Keys are [a-z0-9_./-]. */
const char *run_key(const char *format, ...) PRINTF_LIKE(1, 2);

/* A model's answer, as remembered. */
struct run_answer {
    const struct json *json; /* {"text","provider","model","stop","usage":{…},"ms"} or
                                {"error":{"code","message"}} */
    struct span text;        /* empty when failed */
    bool failed;
};

/* Asks a model. The first call with a key sends the question (`build` fills it; it is called at
 * most once an attempt and never when the answer is remembered) and returns NULL; calls after the
 * answer was remembered return it. Emits step.started, step.delta, step.completed or step.failed
 * under the key as step id. A call that failed for good is an answer with `failed`. The pointer
 * lives as long as the run. */
typedef void run_build_fn(struct run *run, struct llm_question *question, const void *arg);
const struct run_answer *run_ask(struct run *run, const char *key, const char *title,
                                 run_build_fn *build, const void *arg);

/* Remembers a value with the job, for what another attempt might find otherwise. The first call
 * with a key sends it (copied) and returns NULL; calls after it was remembered return what counts.
 * value NULL: nothing is sent, only what is remembered is told. */
const struct run_answer *run_note(struct run *run, const char *key, const struct json *value);

/* Breaks off a call whose answer is no longer wanted: it becomes a failed answer with that error,
 * told and paid for as far as it came. false: its answer has come or is on its way to Redis; it
 * counts. */
bool run_withdraw(struct run *run, const char *key, enum error_code code, const char *why);

/* Whether somebody gives embeddings, for a question that embeds. */
bool run_has_embeddings(const struct run *run);
/* Whether any provider is configured that run_ask() could ask. */
bool run_has_model(const struct run *run);

/* ---- data of others (read.c) ---- */

/* Reads from a provider that gives data (provider_source()), within its limits over the fleet.
 * path: with its query, the key is added. The first call with a key asks and returns NULL; calls
 * after the end return {"data": …}, remembered like a model's answer, or, `failed`, an error, which
 * another attempt asks about again. */
const struct run_answer *run_read(struct run *run, const char *key, const char *source,
                                  const char *path);

/* ---- what jobs share (shared.c) ---- */

/* A value of Redis by name, the same for all jobs. The first call with a key reads it and returns
 * NULL; later calls return it, with json NULL when there is none. */
const struct run_answer *run_recall(struct run *run, const char *key, const char *name);
/* Writes value (copied) under the name for so many seconds, unless another job was first: the
 * answer is the value that counts. */
const struct run_answer *run_record(struct run *run, const char *key, const char *name,
                                    const struct json *value, int64_t seconds);
/* What was last published under the name, an object, as it is now: remembered in the same call, so
 * that every attempt of the job sees the same. {} when nothing was. */
const struct run_answer *run_pin(struct run *run, const char *key, const char *name);
/* Publishes value (an object, copied) unless one of a higher rank is there: the answer is what
 * counts. */
const struct run_answer *run_publish(struct run *run, const char *key, const char *name,
                                     const char *rank, const struct json *value);

/* ---- children (children.c) ---- */

/* Has another job done as a part of this one. The first call with a key puts it on the stream of
 * `kind` (`build` makes its request, and is not called when that was done in an earlier attempt)
 * and returns NULL; calls after it has ended return {"child","state","result"} or, `failed`,
 * {"child","state","error"}. What is waited for may run in this very process: a job that waits
 * holds none of the places of another kind. When this job ends, its children are cancelled. */
typedef struct json *run_request_fn(struct run *run, const void *arg);
const struct run_answer *run_spawn(struct run *run, const char *key, const char *kind,
                                   run_request_fn *build, const void *arg);
/* How many of the children asked for are not answered yet. */
size_t run_n_children(const struct run *run);
/* What another attempt would go on with (any bytes), in place of the last checkpoint; at the same
 * moment the answers of these keys (n <= 64), which it contains, are forgotten here and in Redis.
 * Gone when the job ends. */
void run_checkpoint(struct run *run, struct span checkpoint, const char *const *keys, size_t n);
/* The checkpoint of an earlier attempt, empty when there is none. Lives as long as the run. */
struct span run_last_checkpoint(const struct run *run);

/* ---- computing (labour.c) ---- */

/* How the worker was told to compute. Nothing of a result may depend on it. */
struct run_compute {
    unsigned n_threads;   /* of one job; 0 = one a processor */
    uint64_t split_units; /* work of more than so many cost units is cut into parts */
};
struct run_compute run_compute(const struct run *run); /* n_threads > 0 */

/* Long computing, on a thread of its own beside the loop. */
struct labour;
struct run_labour {
    void (*work)(struct labour *labour, void *arg); /* on that thread; returns soon after stop() */
    void (*stop)(void *arg);                        /* on the loop, at most once: the run ends */
    void *arg;                                      /* lives as long as the run's state */
};
/* The first call with a key starts the work; true once it is over. A run that ends waits for it,
 * and its state is freed after that. */
bool run_labour(struct run *run, const char *key, const struct run_labour *how);
/* Any thread of the work may say so: the run's step is called again. */
void labour_news(const struct labour *labour);

/* Waits. true once `ms` have passed since the first call with this key in this attempt. */
bool run_sleep(struct run *run, const char *key, int64_t ms);

/* Emits an event once an attempt for each key (NULL key: every time). members (an object, may be
 * NULL) is taken over. */
void run_emit(struct run *run, const char *key, enum event_type type, struct json *members);
void run_progress(struct run *run, uint64_t done, uint64_t total,
                  const char *unit); /* also kept in the job record */

/* The result of the job, taken over; the last one set counts. */
void run_set_result(struct run *run, struct json *result);
/* Why the job fails; then return STEP_FAIL. */
enum step_result run_fail(struct run *run, enum error_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);
