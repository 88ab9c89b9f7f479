/* The archivist: entries of the stream `history`, with the job records they name, become rows; then
 * they are acknowledged and taken out of the stream.
 *
 * One thing at a time: schema → entries → each entry's record → one transaction → acknowledgement →
 * entries. Entries that were read and not acknowledged stay pending and are read first, so whatever
 * dies between two steps, the entry comes again; writing it again changes nothing. There is one
 * consumer name for all: a second archivist is wasteful, not wrong.
 *
 * A transaction that Postgres refuses for what a row holds is done again without that job, whose
 * reason goes to the table `refused` instead. For any other reason everything waits: the stream is
 * as long as Redis lets it grow, and what was cut off there is told. */
#include "archivist.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bill.h"
#include "error.h"
#include "failpoint.h"
#include "job.h"
#include "log.h"
#include "loop.h"
#include "pg.h"
#include "pg_migrate.h"
#include "record.h"
#include "redis.h"
#include "text.h"

#define MAX_RECORDS 64
#define MAX_BATCH_BYTES (8u << 20) /* the record that exceeds it is the batch's last */
#define IDLE_MS 300
#define RETRY_MS 1000
#define DEADLINE_MS 30000
#define GROUP "archivist"

struct refusal {
    char *entry;
    char state[8];
    char *reason;
};

struct archivist {
    struct redis *redis;
    struct pg *pg;
    struct loop_timer again;
    bool migrated; /* the schema was there when we looked */
    bool stuck;    /* it has been said that nothing moves */
    bool old;      /* reading what was read before and not acknowledged */
    struct record records[MAX_RECORDS];
    size_t first[MAX_RECORDS + 1]; /* statement of the batch that a record begins with */
    size_t n, at;                  /* records; which one is being looked up */
    struct pg_batch *batch;
    struct refusal refusals[MAX_RECORDS];
    size_t n_refusals;
    uint64_t n_lost; /* told so far */
};

static void read_entries(struct archivist *archivist, bool old);
static void look_up(struct archivist *archivist);

/* ---- what goes wrong ---- */

/* Said once, until something moves again. */
static void stuck(struct archivist *archivist, const char *what, const char *state,
                  const char *reason)
{
    if (!archivist->stuck)
        log_warn("event=archivist.waits at=%s state=%s reason=\"%s\"", what, state, reason);
    archivist->stuck = true;
    loop_timer_set(&archivist->again, RETRY_MS);
}

static void moving(struct archivist *archivist)
{
    if (archivist->stuck)
        log_info("event=archivist.goes_on");
    archivist->stuck = false;
}

static void forget_records(struct archivist *archivist)
{
    for (size_t i = 0; i < archivist->n; i++)
        record_deinit(&archivist->records[i]);
    archivist->n = archivist->at = 0;
    archivist->batch = pg_batch_free(archivist->batch);
}

static void forget_refusals(struct archivist *archivist)
{
    for (size_t i = 0; i < archivist->n_refusals; i++) {
        free(archivist->refusals[i].entry);
        free(archivist->refusals[i].reason);
    }
    archivist->n_refusals = 0;
}

static const struct refusal *refusal_of(const struct archivist *archivist,
                                        const struct record *record)
{
    for (size_t i = 0; i < archivist->n_refusals; i++)
        if (strcmp(archivist->refusals[i].entry, record->entry) == 0)
            return &archivist->refusals[i];
    return NULL;
}

/* Whether the row itself is at fault: bad data (22), a constraint (23), a limit (54). */
static bool is_poison(const struct pg_answer *answer)
{
    static const char *const classes[] = {"22", "23", "54"};

    for (size_t i = 0; i < ARRAY_SIZE(classes); i++)
        if (answer->outcome == PG_REFUSED && strncmp(answer->state, classes[i], 2) == 0)
            return true;
    return false;
}

/* Which record the refused statement belongs to; NULL when it is a refusal's own. */
static const struct record *guilty(const struct archivist *archivist,
                                   const struct pg_answer *answer)
{
    for (size_t i = 0; i < archivist->n; i++)
        if (answer->failed < archivist->first[i + 1])
            return refusal_of(archivist, &archivist->records[i]) ? NULL : &archivist->records[i];
    return NULL;
}

static void refuse(struct archivist *archivist, const struct record *record,
                   const struct pg_answer *answer)
{
    struct refusal *refusal = &archivist->refusals[archivist->n_refusals];

    assert(archivist->n_refusals < MAX_RECORDS); /* one for each of those that are pending first */
    archivist->n_refusals++;
    log_error("event=archivist.refused job=%s entry=%s state=%s reason=\"%s\"",
              record->fields[RECORD_JOB] ? record->fields[RECORD_JOB] : "?", record->entry,
              answer->state, answer->message);
    *refusal =
        (struct refusal){.entry = xstrdup(record->entry), .reason = xstrdup(answer->message)};
    (void)snprintf(refusal->state, sizeof(refusal->state), "%s", answer->state);
}

/* ---- to Postgres, and out of the stream ---- */

static void on_acknowledged(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;

    if (!reply || reply->type == REPLY_ERROR) {
        stuck(archivist, "redis", "", reply ? reply->text.at : "no answer");
        return;
    }
    read_entries(archivist, archivist->old);
}

static void acknowledge(struct archivist *archivist)
{
    struct span argv[3 + MAX_RECORDS] = {SPAN("XACK"), SPAN("history"), SPAN(GROUP)};
    size_t n = archivist->n;

    for (size_t i = 0; i < n; i++)
        argv[3 + i] = span_of(archivist->records[i].entry);
    redis_command(archivist->redis, REDIS_REPEAT, NULL, NULL, 3 + n, argv);
    argv[1] = SPAN("XDEL");
    argv[2] = SPAN("history");
    redis_command(archivist->redis, REDIS_REPEAT, on_acknowledged, archivist, 2 + n, argv + 1);
    forget_records(archivist);
    forget_refusals(archivist);
}

static void on_written(const struct pg_answer *answer, void *arg)
{
    struct archivist *archivist = arg;
    const struct record *record = is_poison(answer) ? guilty(archivist, answer) : NULL;

    if (answer->outcome == PG_DONE) {
        FAILPOINT("archivist.written");
        moving(archivist);
        log_debug("event=archivist.wrote n=%zu", archivist->n);
        acknowledge(archivist);
        return;
    }
    if (record) {
        refuse(archivist, record, answer);
        loop_timer_set(&archivist->again, 0);
    } else {
        /* The schema may be another's, or gone. */
        archivist->migrated = false;
        stuck(archivist, "postgres", answer->state, answer->message);
    }
    forget_records(archivist);
}

static void write_records(struct archivist *archivist)
{
    FAILPOINT("archivist.read");
    pg_send(archivist->pg, STEAL(archivist->batch), on_written, archivist);
}

/* ---- records ---- */

static void add_record(struct archivist *archivist, struct bill *bill)
{
    const struct record *record = &archivist->records[archivist->at];
    const struct refusal *refusal = refusal_of(archivist, record);

    bill_close(bill, record_get(record, RECORD_USAGE));
    if (refusal)
        record_refuse(record, refusal->state, refusal->reason, archivist->batch);
    else
        record_write(record, bill, archivist->batch);
    archivist->first[++archivist->at] = pg_batch_length(archivist->batch);
    /* The others stay pending and are read again. */
    if (pg_batch_bytes(archivist->batch) > MAX_BATCH_BYTES)
        while (archivist->n > archivist->at)
            record_deinit(&archivist->records[--archivist->n]);
    look_up(archivist);
}

static void on_answers(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;
    struct bill bill = {0};

    if (!reply || reply->type == REPLY_ERROR) {
        stuck(archivist, "redis", "", reply ? reply->text.at : "no answer");
        forget_records(archivist);
        return;
    }
    for (size_t i = 1; i < reply->n; i += 2)
        bill_add(&bill, reply->items[i]->text);
    add_record(archivist, &bill);
    bill_deinit(&bill);
}

static void on_record(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;
    struct record *record = &archivist->records[archivist->at];
    char key[JOB_KEY_BYTES];

    if (!reply || reply->type == REPLY_ERROR) {
        stuck(archivist, "redis", "", reply ? reply->text.at : "no answer");
        forget_records(archivist);
        return;
    }
    for (size_t i = 0; i < reply->n; i++)
        record_set(record, (enum record_field)(RECORD_FIRST_OF_HASH + i), reply->items[i]->text);
    if (!record->fields[RECORD_USAGE]) {
        struct bill none = {0};
        add_record(archivist, &none);
        return;
    }
    job_steps_key(record->fields[RECORD_JOB], key);
    redis_commandf(archivist->redis, REDIS_ONCE, on_answers, archivist, "HGETALL %s", key);
}

/* The batch's next record, or its end. */
static void look_up(struct archivist *archivist)
{
    static const char *const fields[] = {
#define X(name, field) field,
        RECORD_HASH(X)
#undef X
    };
    struct span argv[2 + ARRAY_SIZE(fields)] = {SPAN("HMGET")};
    char key[JOB_KEY_BYTES];

    if (archivist->at == archivist->n) {
        write_records(archivist);
        return;
    }
    struct span job = record_get(&archivist->records[archivist->at], RECORD_JOB);
    if (!job.at) {
        log_warn("event=archivist.skipped entry=%s reason=\"it names no job\"",
                 archivist->records[archivist->at].entry);
        archivist->first[++archivist->at] = pg_batch_length(archivist->batch);
        look_up(archivist);
        return;
    }
    job_key(id_valid(job) ? job.at : "", key);
    argv[1] = span_of(key);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        argv[2 + i] = span_of(fields[i]);
    redis_command(archivist->redis, REDIS_ONCE, on_record, archivist, ARRAY_SIZE(argv), argv);
}

/* ---- entries ---- */

static void set_named(struct record *record, struct span name, struct span value)
{
    static const char *const fields[] = {
#define X(name, field) field,
        RECORD_ENTRY(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (span_equal(name, span_of(fields[i])))
            record_set(record, (enum record_field)i, value);
}

/* entry: [id, [name, value, …]]. Without the list it was cut off after it was read, and is among
 * those counted as lost: it is only acknowledged. */
static void take_entry(struct archivist *archivist, const struct reply *entry)
{
    struct record *record = &archivist->records[archivist->n++];
    const struct reply *fields = entry->items[1];

    *record = (struct record){.entry = xspandup(entry->items[0]->text)};
    for (size_t i = 0; i + 1 < fields->n; i += 2)
        set_named(record, fields->items[i]->text, fields->items[i + 1]->text);
}

static void on_entries(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;

    if (!reply || reply->type == REPLY_ERROR) {
        stuck(archivist, "redis", "", reply ? reply->text.at : "no answer");
        /* NOGROUP after a flush: the group is made when it connects. */
        if (reply)
            redis_reset(archivist->redis);
        return;
    }
    const struct reply *entries = reply->n > 0 ? reply->items[0]->items[1] : NULL;
    for (size_t i = 0; entries && i < entries->n && i < MAX_RECORDS; i++)
        take_entry(archivist, entries->items[i]);
    if (archivist->n > 0) {
        archivist->batch = pg_batch_new(DEADLINE_MS);
        archivist->first[0] = 0;
        look_up(archivist);
    } else if (archivist->old) {
        read_entries(archivist, false);
    } else {
        loop_timer_set(&archivist->again, IDLE_MS);
    }
}

static void on_count(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;
    uint64_t n = 0;

    if (!reply || reply->type == REPLY_ERROR ||
        (reply->type == REPLY_STRING && text_to_u64(reply->text, INT64_MAX, &n) < 0))
        return;
    if (n > archivist->n_lost)
        log_error("event=archivist.lost n=%" PRIu64 " all=%" PRIu64
                  " reason=\"the stream was full: these jobs were never copied\"",
                  n - archivist->n_lost, n);
    archivist->n_lost = n; /* less than before: Redis has begun anew */
}

static void read_entries(struct archivist *archivist, bool old)
{
    CLEANUP(charp_freep) char *count = xprintf("%d", MAX_RECORDS);

    archivist->old = old;
    redis_commandf(archivist->redis, REDIS_ONCE, on_count, archivist, "GET history:lost");
    redis_commandf(archivist->redis, REDIS_ONCE, on_entries, archivist,
                   "XREADGROUP GROUP %s %s COUNT %s STREAMS history %s", GROUP, GROUP, count,
                   old ? "0" : ">");
}

/* ---- the schema ---- */

static void begin(struct archivist *archivist)
{
    moving(archivist);
    archivist->migrated = true;
    read_entries(archivist, true);
}

static void on_migrations(const struct pg_answer *answer, void *arg)
{
    struct archivist *archivist = arg;

    if (answer->outcome != PG_DONE) {
        stuck(archivist, "parley db migrate", answer->state, answer->message);
        return;
    }
    for (size_t i = 0; i < pg_answer_rows(answer); i++)
        log_info("event=archivist.migrated name=%s", pg_answer_cell(answer, i, 0).at);
    begin(archivist);
}

static void on_migrated(const struct pg_answer *answer, void *arg)
{
    struct archivist *archivist = arg;

    if (answer->outcome == PG_DONE && pg_answer_rows(answer) > 0)
        begin(archivist);
    else if (answer->outcome == PG_DONE || strcmp(answer->state, "42P01") == 0)
        pg_send(archivist->pg, pg_migrations(DEADLINE_MS), on_migrations, archivist);
    else
        stuck(archivist, "postgres", answer->state, answer->message);
}

static void on_again(void *arg)
{
    struct archivist *archivist = arg;

    if (archivist->migrated)
        read_entries(archivist, true);
    else
        pg_send(archivist->pg, pg_migrated(DEADLINE_MS), on_migrated, archivist);
}

/* ---- the whole ---- */

static void on_group(const struct reply *reply, void *arg)
{
    struct archivist *archivist = arg;

    if (reply && (reply->type != REPLY_ERROR || text_starts(reply->text, "BUSYGROUP")))
        redis_ready(archivist->redis);
    else
        redis_reset(archivist->redis);
}

static void on_connect(struct redis *redis, void *arg)
{
    const struct span argv[] = {SPAN("XGROUP"), SPAN("CREATE"), SPAN("history"),
                                SPAN(GROUP),    SPAN("0"),      SPAN("MKSTREAM")};

    redis_first(redis, on_group, arg, ARRAY_SIZE(argv), argv);
}

int archivist_new(struct loop *loop, const struct archivist_options *options,
                  struct archivist **ret_archivist, struct error *error)
{
    struct pg *pg;
    int r = pg_new(loop, options->database, &pg, error);

    if (r < 0)
        return r;
    struct archivist *archivist = xcalloc(1, sizeof(*archivist));
    archivist->pg = pg;
    archivist->redis = redis_new(loop, options->redis);
    redis_on_connect(archivist->redis, on_connect, archivist);
    loop_timer_init(&archivist->again, loop, on_again, archivist);
    loop_timer_set(&archivist->again, 0);
    *ret_archivist = archivist;
    return 0;
}

struct archivist *archivist_free(struct archivist *archivist)
{
    if (!archivist)
        return NULL;
    loop_timer_clear(&archivist->again);
    forget_records(archivist);
    forget_refusals(archivist);
    pg_free(archivist->pg);
    redis_free(archivist->redis);
    free(archivist);
    return NULL;
}
