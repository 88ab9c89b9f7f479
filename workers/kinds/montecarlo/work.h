#pragma once
/* A simulation, or a part of one, computed on a labour beside the loop, that notes on its way how
 * far it is. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "run.h"
#include "sim/fault.h"

struct json;
struct sim;

/* How far it was at a fixed count of trials. Owned by the work, or by who took it. */
struct note {
    struct note *next;
    uint64_t done;        /* trials */
    struct json *partial; /* what readers see; NULL = nothing */
    struct json *so_far;  /* the result, if this were the end; NULL = not made */
    struct buf bytes;     /* of sim_write(), to go on with; empty = not made */
};
struct note *note_free(struct note *note);                 /* the one */
void note_bytes(struct note *note, const struct sim *sim); /* none when there are too many */

struct work {
    struct sim *sim; /* owned; the labour's while it is under way */
    unsigned n_threads;
    uint64_t until;       /* trials, 0 = to the end */
    uint64_t stride;      /* bytes are noted each so many trials; 0 = never */
    bool looks;           /* it is no part: each look is noted */
    uint64_t so_far_from; /* looks from so many trials on make the result so far: it takes time */
    bool reports;         /* the result is made too */
    /* when it is over */
    bool good; /* else faults says why, or it was stopped */
    struct faults faults;
    struct json *result;
    /* private below */
    bool stop; /* by atomic operations */
    struct labour *labour;
    pthread_mutex_t lock; /* of the notes */
    struct note *first, *last;
};

void work_init(struct work *work, struct sim *sim); /* owns the sim from here on */
void work_deinit(struct work *work);                /* not while it is under way */

/* true once it is over. */
bool work_go(struct work *work, struct run *run, const char *key);
/* The same here and now: for what takes no time worth a thread. */
void work_here(struct work *work);
/* The oldest note, now the caller's; NULL = none. */
struct note *work_note(struct work *work);
