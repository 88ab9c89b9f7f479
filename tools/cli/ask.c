/* One question to Redis, for the commands that work without a door.
 *
 * Nothing is loaded into Redis from here: the functions are those of the fleet, and a command line
 * of another version must not replace them. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "job.h"
#include "json.h"
#include "loop.h"
#include "redis.h"
#include "text.h"

#define MAX_WORDS 64

struct asking {
    const struct cli *cli;
    struct json **ret_json;
    int exit; /* -1: no reply yet */
};

static void say_fault(const struct cli *cli, const struct reply *reply)
{
    if (!reply)
        fprintf(stderr, "parley: Redis at %s does not answer\n", cli->redis);
    else if (text_starts(reply->text, "ERR Function not found"))
        fprintf(stderr,
                "parley: Redis at %s has not the functions of this version: start a door or a "
                "worker of it first\n",
                cli->redis);
    else
        fprintf(stderr, "parley: Redis at %s says: %s\n", cli->redis, reply->text.at);
}

static void on_reply(const struct reply *reply, void *arg)
{
    struct asking *asking = arg;

    asking->exit = !reply ? CLI_UNREACHABLE : reply->type == REPLY_ERROR ? CLI_REFUSED : CLI_OK;
    if (asking->exit != CLI_OK)
        say_fault(asking->cli, reply);
    else if (reply->type == REPLY_STRING)
        (void)!json_parse(reply->text, NULL, asking->ret_json, NULL);
}

int cli_ask(const struct cli *cli, struct redis *redis, const char *const *words,
            struct json **ret_json)
{
    struct asking asking = {.cli = cli, .ret_json = ret_json, .exit = -1};
    struct span argv[MAX_WORDS];
    size_t n = 0;

    for (; words[n] && n < MAX_WORDS; n++)
        argv[n] = span_of(words[n]);
    *ret_json = NULL;
    redis_command(redis, REDIS_ONCE, on_reply, &asking, n, argv);
    while (asking.exit < 0)
        loop_turn(cli->loop, -1);
    return asking.exit;
}

int cli_ask_record(const struct cli *cli, const char *command, const char *id,
                   struct json **ret_record)
{
    CLEANUP(redis_freep) struct redis *redis = redis_new(cli->loop, cli->redis);
    char key[JOB_KEY_BYTES], steps[JOB_KEY_BYTES];

    job_key(id, key);
    job_steps_key(id, steps);
    const char *const words[] = {"FCALL_RO", "parley1_record", "2", key, steps, NULL};
    int r = cli_ask(cli, redis, words, ret_record);
    if (r != CLI_OK || *ret_record)
        return r;
    fprintf(stderr, "parley %s: there is no job %s (any more)\n", command, id);
    return CLI_REFUSED;
}
