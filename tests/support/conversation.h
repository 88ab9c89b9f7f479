#pragma once
/* Conversations with the functions of parley.lua: what is said to a Redis of the test's own, and
 * what it answers, flattened as talk.h says. */

#include "base.h"

struct line {
    const char *say;
    const char *expect; /* NULL: whatever */
};

void converse(const struct line *lines, size_t n);
#define CONVERSATION(...)                                                                          \
    do {                                                                                           \
        static const struct line lines[] = {__VA_ARGS__};                                          \
        converse(lines, ARRAY_SIZE(lines));                                                        \
    } while (0)

#define ENQUEUE(id)                                                                                \
    "FCALL parley1_enqueue 3 probe.requests job:" id " tenant:t " id " t probe T0 {} h 0 10 10 0"
#define CLAIM(worker, n) "FCALL parley1_claim 1 probe.requests " worker " " n " 0 T1"
#define OPEN "XLEN probe.requests"
#define RUNNING "XPENDING probe.requests agents"
#define LOG(id, after) "FCALL_RO parley1_read_log 2 job:" id " job:" id ":events t " after " 100"
#define EVENT(type, seq, id, at, attempt, tail)                                                    \
    "{\"type\":\"" type "\",\"seq\":" seq ",\"job\":\"" id "\",\"at\":\"" at                       \
    "\",\"attempt\":" attempt tail "}"
#define QUEUED(id)                                                                                 \
    EVENT("job.queued", "1", id, "T0", "0", ",\"queue\":\"probe.requests\",\"priority\":\"normal\"")
