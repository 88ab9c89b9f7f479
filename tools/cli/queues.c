/* parley queues: what Redis holds of each kind, read from Redis itself so that it works without a
 * door.
 *
 * The numbers are those an operator gets by hand: XLEN <kind>.requests is open jobs, XPENDING
 * <kind>.requests agents those that run and by whom, XLEN <kind>.dead the dead letters. All
 * commands go out together; a kind whose group does not exist yet has nothing running. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "job.h"
#include "json.h"
#include "kinds.h"
#include "loop.h"
#include "redis.h"
#include "text.h"

#define MAX_KINDS 64

struct queue {
    const char *kind;
    int64_t open, running, dead;
    struct json *workers; /* name -> jobs it has */
    size_t *n_waiting;    /* borrowed from run(): replies to come */
    const char **fault;   /* borrowed as well: NULL while all went well */
};

/* A queue nobody used has no group yet (NOGROUP): nothing is there. Any other error means that the
 * numbers cannot be known. */
static bool take_reply(struct queue *queue, const struct reply *reply)
{
    bool failed = reply && reply->type == REPLY_ERROR;

    (*queue->n_waiting)--;
    if (!reply)
        *queue->fault = "does not answer";
    else if (failed && !text_starts(reply->text, "NOGROUP"))
        *queue->fault = "refuses to say: its log or its access rules know why";
    return reply && !failed;
}

static void on_open(const struct reply *reply, void *arg)
{
    struct queue *queue = arg;

    if (take_reply(queue, reply))
        queue->open = reply->integer;
}

static void on_dead(const struct reply *reply, void *arg)
{
    struct queue *queue = arg;

    if (take_reply(queue, reply))
        queue->dead = reply->integer;
}

/* XPENDING, summary form: count, smallest id, greatest id, [[consumer, count]…] or nil. */
static void on_pending(const struct reply *reply, void *arg)
{
    struct queue *queue = arg;

    if (!take_reply(queue, reply) || reply->type != REPLY_ARRAY || reply->n != 4)
        return;
    queue->running = reply->items[0]->integer;
    for (size_t i = 0; i < reply->items[3]->n; i++) {
        const struct reply *consumer = reply->items[3]->items[i];

        if (consumer->n == 2)
            json_set_integer(queue->workers, consumer->items[0]->text.at,
                             strtoll(consumer->items[1]->text.at, NULL, 10));
    }
}

static void ask(struct redis *redis, struct queue *queue)
{
    char stream[JOB_KEY_BYTES];
    CLEANUP(charp_freep) char *dead = xprintf("%s.dead", queue->kind);

    job_stream_key(queue->kind, stream);
    redis_commandf(redis, REDIS_ONCE, on_open, queue, "XLEN %s", stream);
    redis_commandf(redis, REDIS_ONCE, on_pending, queue, "XPENDING %s agents", stream);
    redis_commandf(redis, REDIS_ONCE, on_dead, queue, "XLEN %s", dead);
    *queue->n_waiting += 3;
}

static bool print_worker(const char *name, const struct json *n_jobs, void *arg)
{
    fprintf(arg, "  %-30s %" PRId64 "\n", name, json_integer(n_jobs));
    return true;
}

static void print_json(FILE *out, const struct queue *queue)
{
    CLEANUP(json_freep) struct json *object = json_object();

    json_set_text(object, "kind", queue->kind);
    json_set_integer(object, "open", queue->open);
    json_set_integer(object, "waiting", queue->open - queue->running);
    json_set_integer(object, "running", queue->running);
    json_set_integer(object, "dead", queue->dead);
    json_set(object, "workers", json_copy(queue->workers));
    CLEANUP(charp_freep) char *text = json_text(object);
    fprintf(out, "%s\n", text);
}

static void print_queue(const struct cli *cli, const struct queue *queue)
{
    if (cli->json) {
        print_json(cli->out, queue);
        return;
    }
    fprintf(cli->out, "%-14s %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 "\n", queue->kind,
            queue->open, queue->open - queue->running, queue->running, queue->dead);
    json_each(queue->workers, print_worker, cli->out);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    struct redis *redis = redis_new(cli->loop, cli->redis);
    struct queue queues[MAX_KINDS] = {0};
    size_t n = 0, n_waiting = 0;
    const char *fault = NULL;

    (void)arguments;
    for (const struct embedded *file = schema_files; file->name && n < MAX_KINDS; file++, n++) {
        queues[n] = (struct queue){
            .kind = file->name,
            .workers = json_object(),
            .n_waiting = &n_waiting,
            .fault = &fault,
        };
        ask(redis, &queues[n]);
    }
    while (n_waiting > 0)
        loop_turn(cli->loop, -1);
    if (fault)
        fprintf(stderr, "parley: Redis at %s %s\n", cli->redis, fault);
    else if (!cli->json)
        fprintf(cli->out, "%-14s %8s %8s %8s %8s\n", "KIND", "OPEN", "WAITING", "RUNNING", "DEAD");
    for (size_t i = 0; i < n; i++) {
        if (!fault)
            print_queue(cli, &queues[i]);
        queues[i].workers = json_free(queues[i].workers);
    }
    redis = redis_free(redis);
    return fault ? CLI_UNREACHABLE : CLI_OK;
}

const struct command command_queues = {
    .name = "queues",
    .operands = "",
    .summary = "Show how many jobs of each kind wait, run and are dead",
    .help = "Reads Redis itself (PARLEY_REDIS), so it works without a door. OPEN is XLEN "
            "KIND.requests,\n"
            "RUNNING is XPENDING KIND.requests agents, WAITING the difference, DEAD is XLEN "
            "KIND.dead; the\n"
            "indented lines are the workers and how many jobs each has. With --json one object a "
            "line.\n",
    .run = run,
};
