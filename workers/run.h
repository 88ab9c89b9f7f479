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

void *run_state(const struct run *run); /* what the kind's prepare() made */
const char *run_id(const struct run *run);
/* Wall milliseconds of the job's first start: the same on every attempt. */
int64_t run_clock(const struct run *run);
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
