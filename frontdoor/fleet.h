#pragma once
/* The figures of the whole fleet, which only Redis knows: queues and providers. */

#include "base.h"

struct buf;
struct door;
struct fleet;

struct fleet *fleet_new(struct door *door);
struct fleet *fleet_free(struct fleet *fleet); /* after Redis is gone */
DEFINE_FREEP(fleet)

/* Writes what was last read of Redis, if that was lately, and has it read again in the background
 * for as long as somebody asks. */
void fleet_write(struct fleet *fleet, struct buf *out);
