#pragma once
/* What any worker of a kind does for its queue: lets delayed jobs go when they are due, ends those
 * whose time is up, forgets the names of workers that are gone. */

#include <stdbool.h>
#include <stdint.h>

#include "lease.h"
#include "loop.h"

struct upkeep {
    /* private below */
    const struct lease_site *site; /* borrowed */
    const char *kind;              /* borrowed */
    int64_t deadline_ms;           /* of the kind's jobs */
    int64_t ghost_ms;              /* a name so long silent, with nothing pending, is a ghost */
    int64_t next_ms, sweep_ms;     /* monotonic: the next tick, the next sweep */
    bool asking;
    struct loop_timer timer;
};

void upkeep_begin(struct upkeep *upkeep, struct loop *loop, const struct lease_site *site,
                  const char *kind, int64_t deadline_ms, int64_t ghost_ms);
/* Before the connection goes. Nothing is done any more. */
void upkeep_end(struct upkeep *upkeep);
/* Something will be due in so many ms. */
void upkeep_due(struct upkeep *upkeep, int64_t ms);
