#pragma once
/* Who reads: jobs that are to be cancelled when nobody does are said to be read, as long as they
 * are. */

#include <stdbool.h>

#include "base.h"

struct door;
struct presence;
struct presence_job;

struct presence *presence_new(struct door *door);
struct presence *presence_free(struct presence *presence); /* after its jobs were left */
DEFINE_FREEP(presence)

/* Somebody reads the job at this door, from now on. */
struct presence_job *presence_come(struct presence *presence, const char *id);
/* Nobody reads it here any more. settled: whoever did has what he wanted and is not waited for.
 * Accepts NULL, returns NULL. */
struct presence_job *presence_leave(struct presence_job *job, bool settled);
