#pragma once
/* What the files of the kind montecarlo share. */

#include "kind.h"
#include "sim/fault.h"
#include "work.h"

struct json;
struct mc;
struct run;

#define PART_KIND "montecarlo_part"

struct montecarlo {
    const struct json *request; /* borrowed from the run */
    struct mc *mc;              /* NULL when there are faults */
    struct faults faults;
    struct work work;     /* the trials that are computed here, then the result */
    struct json *so_far;  /* the result at the last look that made one; NULL = none yet */
    uint64_t began;       /* trials in the checkpoint it began with */
    bool split;           /* behind the first segment it is done in parts */
    bool merging;         /* they are: the simulation is the loop's meanwhile */
    uint64_t part_trials; /* of a whole part, and between checkpoints */
};

/* Tells the readers of a look, and keeps what another attempt would go on with. Takes the note. The
 * answers of `keys` are in it. */
void montecarlo_look(struct run *run, struct note *note, const char *const *keys, size_t n);
enum step_result montecarlo_fail(struct run *run, const char *step, const struct json *errors);

/* spread.c: the step that has the rest done in parts. */
enum step_result montecarlo_spread(struct run *run);
