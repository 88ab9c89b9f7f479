/* The ends of jobs, collected until the end of the turn.
 *
 * Words stand behind each other in one buffer that never moves on: it is sent and emptied. A batch
 * under way knows whom to tell, in the order of its jobs; each job has an outcome of its own, and a
 * repeated call finds what the first one wrote. An end that would make the batch too long for one
 * call of Redis sends what is there before it. */
#include "ends.h"

#include <stdlib.h>

#include "buf.h"
#include "log.h"
#include "loop.h"
#include "redis.h"
#include "text.h"

#define MAX_JOBS 32
#define MAX_WORDS 2048 /* Lua unpacks no more than some thousands */
#define MAX_TOGETHER_BYTES (1u << 20)
#define MAX_BYTES (64u << 20)
#define NUMBER_BYTES 24

struct waiting {
    lease_fn *fn;
    void *arg;
};

struct batch {
    size_t n;
    struct waiting jobs[MAX_JOBS];
};

struct ends {
    struct loop *loop;             /* borrowed */
    const struct lease_site *site; /* borrowed */
    struct batch batch;
    char keys[MAX_JOBS][JOB_KEY_BYTES];
    size_t counts[MAX_JOBS]; /* words of each */
    struct buf text;
    size_t n_words, max_words;
    struct {
        size_t from, n; /* in text */
    } * words;
    struct loop_later flush;
};

static enum lease_outcome outcome_of(struct span text, bool refused)
{
    if (text_starts(text, "FENCED"))
        return LEASE_LOST;
    if (!refused && span_equal(text, SPAN("OK")))
        return LEASE_OK;
    log_error("event=redis.refused error=\"%s\"", text.at);
    return LEASE_FAILED;
}

static void on_written(const struct reply *reply, void *arg)
{
    const struct batch *batch = arg;
    bool each = reply->type == REPLY_ARRAY && reply->n == batch->n;

    for (size_t i = 0; i < batch->n; i++)
        batch->jobs[i].fn(
            outcome_of(each ? reply->items[i]->text : reply->text, reply->type == REPLY_ERROR),
            batch->jobs[i].arg);
}

static struct span number(size_t value, char out[NUMBER_BYTES])
{
    return (struct span){out, (size_t)snprintf(out, NUMBER_BYTES, "%zu", value)};
}

/* The call's words; returns how many. One job alone goes without a count before its words. */
static size_t write_call(const struct ends *ends, struct span *argv,
                         char numbers[1 + MAX_JOBS][NUMBER_BYTES])
{
    size_t n = 0, at = 0, n_jobs = ends->batch.n;

    argv[n++] = SPAN("FCALL");
    argv[n++] = n_jobs == 1 ? SPAN("parley1_finish") : SPAN("parley1_finish_all");
    argv[n++] = number(1 + n_jobs, numbers[MAX_JOBS]);
    argv[n++] = span_of(ends->site->stream);
    for (size_t i = 0; i < n_jobs; i++)
        argv[n++] = span_of(ends->keys[i]);
    for (size_t i = 0; i < n_jobs; i++) {
        if (n_jobs > 1)
            argv[n++] = number(ends->counts[i], numbers[i]);
        for (size_t end = at + ends->counts[i]; at < end; at++)
            argv[n++] = (struct span){ends->text.at + ends->words[at].from, ends->words[at].n};
    }
    return n;
}

static void flush(void *arg)
{
    struct ends *ends = arg;
    char numbers[1 + MAX_JOBS][NUMBER_BYTES];
    struct span *argv;

    if (ends->batch.n == 0)
        return;
    argv = xcalloc(4 + 2 * ends->batch.n + ends->n_words, sizeof(*argv));
    redis_command(ends->site->redis, REDIS_REPEAT | REDIS_OWN, on_written,
                  xmemdup(&ends->batch, sizeof(ends->batch)), write_call(ends, argv, numbers),
                  argv);
    free(argv);
    ends->batch.n = 0;
    ends->n_words = 0;
    buf_clear(&ends->text);
}

static void add_word(struct ends *ends, struct span word)
{
    if (ends->n_words == ends->max_words) {
        ends->max_words = ends->max_words > 0 ? 2 * ends->max_words : 64;
        ends->words = xrealloc(ends->words, ends->max_words * sizeof(ends->words[0]));
    }
    ends->words[ends->n_words].from = ends->text.n;
    ends->words[ends->n_words].n = word.n;
    ends->n_words++;
    buf_add_span(&ends->text, word);
}

void ends_add(struct ends *ends, const char *job_key, const struct span *words, size_t n,
              lease_fn *fn, void *arg)
{
    size_t bytes = 0;

    for (size_t i = 0; i < n; i++)
        bytes += words[i].n;
    if (ends->batch.n == MAX_JOBS || ends->n_words + n > MAX_WORDS ||
        ends->text.n + bytes > MAX_TOGETHER_BYTES)
        flush(ends);
    for (size_t i = 0; i < n; i++)
        add_word(ends, words[i]);
    (void)snprintf(ends->keys[ends->batch.n], JOB_KEY_BYTES, "%s", job_key);
    ends->counts[ends->batch.n] = n;
    ends->batch.jobs[ends->batch.n++] = (struct waiting){fn, arg};
    loop_later_set(&ends->flush, ends->loop);
}

struct ends *ends_new(struct loop *loop, const struct lease_site *site)
{
    struct ends *ends = xcalloc(1, sizeof(*ends));

    ends->loop = loop;
    ends->site = site;
    buf_init(&ends->text, MAX_BYTES);
    loop_later_init_last(&ends->flush, flush, ends);
    return ends;
}

struct ends *ends_free(struct ends *ends)
{
    if (!ends)
        return NULL;
    loop_later_clear(&ends->flush);
    buf_deinit(&ends->text);
    free(ends->words);
    free(ends);
    return NULL;
}
