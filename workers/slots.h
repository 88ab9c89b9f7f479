#pragma once
/* Provider slots: the right to one call at a provider, limited over the whole fleet.
 *
 * The limiter is slots.lua; this is a worker's end of it. A call asks for a slot of its flow and
 * waits; whichever of the flow's permits is granted runs the call that waits longest. A slot that
 * was granted less than 200 ms ago runs the worker's next call of the same provider, then goes
 * back. What is held is reported with every beat; if that fails for most of a lease, the holder is
 * told to stop (on_lost), so that the limit holds whatever dies. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct loop;
struct provider_set;
struct redis;
struct slot;
struct slots;

enum slot_outcome { SLOT_OK, SLOT_OVERLOADED, SLOT_FAILED, SLOT_OUTCOME_COUNT_ };

/* Why a call waits; of the last answer of Redis. */
struct slot_wait {
    const char *provider;
    int64_t in_use, limit, ahead;
    int64_t paused_ms; /* > 0: the provider is paused for so long */
};

struct slot_ops {
    void (*on_granted)(void *arg);
    void (*on_waiting)(const struct slot_wait *wait,
                       void *arg); /* at most once a second; may be NULL */
    void (*on_lost)(
        void *arg); /* stop the call: the slot is not ours any more. The slot is gone after it */
};

/* worker: name in the fleet, without spaces and '#'; what an earlier process of that name held is
 * freed. The connection is
 * borrowed and goes after the slots. */
struct slots *slots_new(struct loop *loop, struct redis *redis, const char *worker,
                        const struct provider_set *providers);
struct slots *slots_free(struct slots *slots);
/* Asks for a slot. tokens: what the call is estimated to use. Never calls back before it returned.
 */
struct slot *slots_acquire(struct slots *slots, const char *provider, const char *flow,
                           int64_t tokens, const struct slot_ops *ops, void *arg);
/* Gives a slot, or the wish for one, back. tokens: really used, -1 = unknown; pause_ms: what the
 * provider asked for with SLOT_OVERLOADED, 0 = it said nothing. Close the call first: SLOT_OK frees
 * the slot at once, SLOT_FAILED when the provider must have noticed. Returns NULL; accepts NULL. */
struct slot *slots_release(struct slot *slot, enum slot_outcome outcome, int64_t tokens,
                           int64_t pause_ms);
/* "slot <provider> <permit>" came over the worker's channel. */
void slots_hint(struct slots *slots, struct span provider, struct span permit);
/* Reports what is held and what waits. It happens by itself every two seconds; call it when Redis
 * is back, or hints may have been lost. What nobody acknowledged for too long is lost then. */
void slots_beat(struct slots *slots);
/* Frees what workers hold that have no subscription any more. Once a second, by any worker. */
void slots_reap(struct slots *slots);
/* Nothing runs and nothing is asked for any more: gives back at once what still lingers. */
void slots_leave(struct slots *slots);
