/* What became of commands, over connections. */
#include "redis_private.h"

const char *const redis_outcome_names[REDIS_OUTCOME_COUNT_] = {"ok", "error", "unanswered"};

void redis_add_tally(const struct redis *redis, struct redis_tally *sum)
{
    for (size_t i = 0; i < ARRAY_SIZE(sum->commands); i++)
        sum->commands[i] += redis->tally.commands[i];
    sum->connects += redis->tally.connects;
    histogram_merge(&sum->seconds, &redis->tally.seconds);
}
