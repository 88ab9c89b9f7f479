/* One connection to Postgres, by libpq's asynchronous calls and its pipeline mode.
 *
 * A batch is sent as its statements and one Sync, without BEGIN: Postgres takes all of it as one
 * transaction, commits at the Sync, and after a refusal skips the rest. Before them goes a
 * set_config() of statement_timeout, so that the server gives up when we do. The first batch of the
 * list is the one in flight while `busy`; the others wait. A batch whose deadline passes in flight
 * takes the connection with it: what the server still says could not be told apart.
 *
 * The connection's life: DOWN (until the timer) → FINDING its hosts → CONNECTING → READY. libpq may
 * change its socket between two PQconnectPoll(), so the events are made anew each time. */
#include "pg.h"

#include <assert.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "id.h"
#include "log.h"
#include "loop.h"
#include "pg_private.h"

#define CONNECT_MS 10000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 5000
#define STATE_READ_ONLY "25006" /* a server that became a standby */

struct statement {
    const char *sql; /* borrowed */
    size_t n;
    char **values;
};

struct pg_batch {
    TAILQ_ENTRY(pg_batch) link;
    struct pg *pg; /* borrowed; NULL before pg_send() */
    struct loop_timer deadline;
    int64_t deadline_ms;
    struct statement *statements;
    size_t n, n_bytes;
    pg_answer_fn *fn;
    void *arg;
};

TAILQ_HEAD(pg_batch_list, pg_batch);

enum state { STATE_DOWN, STATE_FINDING, STATE_CONNECTING, STATE_READY };

struct pg {
    struct loop *loop; /* borrowed */
    struct pg_target *target;
    enum state state;
    PGconn *conn;
    struct event readable, writable;
    struct loop_timer reconnect, limit; /* limit: of connecting */
    struct loop_later start;
    int64_t backoff_ms;
    struct pg_batch_list batches;
    bool busy;       /* the first batch was sent */
    size_t n_heard;  /* results of it, its set_config() included */
    PGresult *last;  /* the last good one */
    PGresult *fault; /* what the server refused with */
    size_t failed;
};

/* ---- batches ---- */

struct pg_batch *pg_batch_new(int64_t deadline_ms)
{
    struct pg_batch *batch = xcalloc(1, sizeof(*batch));
    char text[24];

    batch->deadline_ms = deadline_ms;
    (void)snprintf(text, sizeof(text), "%lld", (long long)deadline_ms);
    const struct span value = span_of(text);
    pg_batch_add(batch, "SELECT set_config('statement_timeout', $1, true)", 1, &value);
    return batch;
}

struct pg_batch *pg_batch_free(struct pg_batch *batch)
{
    if (!batch)
        return NULL;
    if (batch->pg)
        loop_timer_clear(&batch->deadline);
    for (size_t i = 0; i < batch->n; i++) {
        for (size_t j = 0; j < batch->statements[i].n; j++)
            free(batch->statements[i].values[j]);
        free(batch->statements[i].values);
    }
    free(batch->statements);
    free(batch);
    return NULL;
}

void pg_batch_add(struct pg_batch *batch, const char *sql, size_t n, const struct span *values)
{
    struct statement *statement;

    assert(n <= PG_MAX_VALUES);
    batch->statements = xrealloc(batch->statements, (batch->n + 1) * sizeof(batch->statements[0]));
    statement = &batch->statements[batch->n++];
    *statement = (struct statement){sql, n, xcalloc(n + 1, sizeof(char *))};
    for (size_t i = 0; i < n; i++) {
        statement->values[i] = values[i].at ? xspandup(values[i]) : NULL;
        batch->n_bytes += values[i].n;
    }
}

size_t pg_batch_length(const struct pg_batch *batch)
{
    return batch->n - 1; /* without our own set_config() */
}

size_t pg_batch_bytes(const struct pg_batch *batch)
{
    return batch->n_bytes;
}

/* Ends the first batch, or one that waits. */
static void answer(struct pg *pg, struct pg_batch *batch, const struct pg_answer *said)
{
    TAILQ_REMOVE(&pg->batches, batch, link);
    loop_timer_clear(&batch->deadline);
    if (batch->fn)
        batch->fn(said, batch->arg);
    pg_batch_free(batch);
}

static void forget_results(struct pg *pg)
{
    PQclear(pg->last);
    PQclear(pg->fault);
    pg->last = pg->fault = NULL;
    pg->n_heard = 0;
}

/* ---- losing the connection ---- */

static void schedule_reconnect(struct pg *pg)
{
    uint32_t word;

    id_random(&word, sizeof(word));
    pg->backoff_ms = pg->backoff_ms * 2 < BACKOFF_MIN_MS ? BACKOFF_MIN_MS : pg->backoff_ms * 2;
    if (pg->backoff_ms > BACKOFF_MAX_MS)
        pg->backoff_ms = BACKOFF_MAX_MS;
    loop_timer_set(&pg->reconnect, pg->backoff_ms / 2 + word % (pg->backoff_ms / 2 + 1));
}

static void unwatch(struct pg *pg)
{
    if (event_initialized(&pg->readable)) {
        (void)event_del(&pg->readable);
        (void)event_del(&pg->writable);
    }
}

/* why may lie in the connection. Whoever waits for a connection learns that there is none, and so
 * does the batch in flight. */
static void lost(struct pg *pg, const char *why)
{
    enum state was = pg->state;
    CLEANUP(charp_freep) char *reason = xspandup((struct span){why, strcspn(why, "\n")});
    const struct pg_answer none = {PG_UNKNOWN, "", reason, 0, NULL};
    struct pg_batch *last = TAILQ_LAST(&pg->batches, pg_batch_list), *batch;

    log_debug("event=pg.lost why=\"%s\"", reason);
    unwatch(pg);
    PQfinish(pg->conn);
    pg->conn = NULL;
    pg->state = STATE_DOWN;
    loop_timer_clear(&pg->limit);
    forget_results(pg);
    schedule_reconnect(pg);
    if (was == STATE_READY && pg->busy)
        last = TAILQ_FIRST(&pg->batches);
    else if (was == STATE_READY)
        last = NULL;
    pg->busy = false;
    while (last && (batch = TAILQ_FIRST(&pg->batches))) {
        bool end = batch == last;
        answer(pg, batch, &none);
        if (end)
            return;
    }
}

static void on_deadline(void *arg)
{
    struct pg_batch *batch = arg;
    struct pg *pg = batch->pg;
    const struct pg_answer late = {PG_UNKNOWN, "", "no answer within the deadline", 0, NULL};

    if (pg->busy && batch == TAILQ_FIRST(&pg->batches))
        lost(pg, late.message);
    else
        answer(pg, batch, &late);
}

/* ---- a transaction ---- */

static bool send_batch(struct pg *pg, const struct pg_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct statement *statement = &batch->statements[i];
        if (!PQsendQueryParams(pg->conn, statement->sql, (int)statement->n, NULL,
                               (const char *const *)statement->values, NULL, NULL, 0))
            return false;
    }
    return PQpipelineSync(pg->conn) == 1;
}

/* Writes as much as the socket takes. */
static bool flush(struct pg *pg)
{
    int r = PQflush(pg->conn);

    if (r > 0)
        (void)event_add(&pg->writable, NULL);
    return r >= 0;
}

static void begin_next(struct pg *pg)
{
    struct pg_batch *batch = TAILQ_FIRST(&pg->batches);

    if (pg->state != STATE_READY || pg->busy || !batch)
        return;
    pg->busy = true;
    if (!send_batch(pg, batch) || !flush(pg))
        lost(pg, PQerrorMessage(pg->conn));
}

static void on_start(void *arg)
{
    begin_next(arg);
}

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);

    return text ? text : "";
}

/* The transaction is over. DETAIL and CONTEXT of a refusal quote rows: they are left out. */
static void end_batch(struct pg *pg)
{
    struct pg_answer said = {PG_DONE, "", "", 0, pg->last};
    PGresult *last = STEAL(pg->last), *fault = STEAL(pg->fault);
    struct pg_batch *batch = TAILQ_FIRST(&pg->batches);

    if (fault)
        said = (struct pg_answer){PG_REFUSED, field(fault, PG_DIAG_SQLSTATE),
                                  field(fault, PG_DIAG_MESSAGE_PRIMARY), pg->failed, NULL};
    bool standby = strcmp(said.state, STATE_READ_ONLY) == 0;
    pg->busy = false;
    pg->n_heard = 0;
    answer(pg, batch, &said);
    PQclear(last);
    PQclear(fault);
    if (standby)
        lost(pg, "the server takes no writes");
    loop_later_set(&pg->start, pg->loop);
}

/* Takes the result. */
static void take_result(struct pg *pg, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(result);
        end_batch(pg);
        return;
    }
    pg->n_heard++;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        SWAP(pg->last, result);
    } else if (status != PGRES_PIPELINE_ABORTED && !pg->fault) {
        /* The first is our own set_config(). */
        pg->failed = pg->n_heard > 2 ? pg->n_heard - 2 : 0;
        SWAP(pg->fault, result);
    }
    PQclear(result);
}

static void take_results(struct pg *pg)
{
    unsigned n_none = 0; /* one NULL ends a statement's results, two mean that nothing is there */

    while (pg->busy && n_none < 2 && !PQisBusy(pg->conn)) {
        PGresult *result = PQgetResult(pg->conn);

        n_none = result ? 0 : n_none + 1;
        if (result)
            take_result(pg, result);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    bool good = PQconsumeInput(pg->conn) == 1;
    if (good)
        take_results(pg);
    if (pg->state != STATE_READY)
        return;
    if (!good || PQstatus(pg->conn) != CONNECTION_OK || !flush(pg))
        lost(pg, PQerrorMessage(pg->conn));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    if (!flush(pg))
        lost(pg, PQerrorMessage(pg->conn));
}

/* ---- connecting ---- */

/* Notices would go to standard error. */
static void no_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static void watch(struct pg *pg, short readable, event_callback_fn on_read,
                  event_callback_fn on_write)
{
    struct event_base *base = loop_base(pg->loop);

    (void)event_assign(&pg->readable, base, PQsocket(pg->conn), readable, on_read, pg);
    (void)event_assign(&pg->writable, base, PQsocket(pg->conn), EV_WRITE, on_write, pg);
}

static void connected(struct pg *pg)
{
    if (PQsetnonblocking(pg->conn, 1) != 0 || PQenterPipelineMode(pg->conn) != 1) {
        lost(pg, PQerrorMessage(pg->conn));
        return;
    }
    log_debug("event=pg.connected host=%s database=%s", PQhost(pg->conn), PQdb(pg->conn));
    pg->state = STATE_READY;
    pg->backoff_ms = 0;
    loop_timer_clear(&pg->limit);
    watch(pg, EV_READ | EV_PERSIST, on_readable, on_writable);
    (void)event_add(&pg->readable, NULL);
    begin_next(pg);
}

static void on_connecting(evutil_socket_t fd, short what, void *arg);

static void await(struct pg *pg, PostgresPollingStatusType status)
{
    watch(pg, EV_READ, on_connecting, on_connecting);
    (void)event_add(status == PGRES_POLLING_READING ? &pg->readable : &pg->writable, NULL);
}

static void on_connecting(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    unwatch(pg); /* before libpq closes the socket to take another one */
    PostgresPollingStatusType status = PQconnectPoll(pg->conn);
    if (status == PGRES_POLLING_OK)
        connected(pg);
    else if (status == PGRES_POLLING_FAILED)
        lost(pg, PQerrorMessage(pg->conn));
    else
        await(pg, status);
}

static void on_found(const char *fault, void *arg)
{
    struct pg *pg = arg;

    if (fault) {
        lost(pg, fault);
        return;
    }
    pg->state = STATE_CONNECTING;
    pg->conn = pg_target_connect(pg->target);
    if (!pg->conn || PQstatus(pg->conn) == CONNECTION_BAD) {
        lost(pg, pg->conn ? PQerrorMessage(pg->conn) : "no memory");
        return;
    }
    (void)PQsetNoticeReceiver(pg->conn, no_notice, NULL);
    await(pg, PGRES_POLLING_WRITING);
}

static void start_connect(void *arg)
{
    struct pg *pg = arg;

    pg->state = STATE_FINDING;
    loop_timer_set(&pg->limit, CONNECT_MS);
    if (pg_target_find(pg->target, on_found, pg))
        on_found(NULL, pg);
}

static void on_limit(void *arg)
{
    struct pg *pg = arg;

    pg_target_leave(pg->target);
    lost(pg, "the connection is not there within 10 s");
}

/* ---- the whole ---- */

int pg_new(struct loop *loop, const char *url, struct pg **ret_pg, struct error *error)
{
    struct pg_target *target;
    int r = pg_target_new(loop, url, &target, error);

    if (r < 0)
        return r;
    struct pg *pg = xcalloc(1, sizeof(*pg));
    pg->loop = loop;
    pg->target = target;
    TAILQ_INIT(&pg->batches);
    loop_later_init(&pg->start, on_start, pg);
    loop_timer_init(&pg->reconnect, loop, start_connect, pg);
    loop_timer_init(&pg->limit, loop, on_limit, pg);
    loop_timer_set(&pg->reconnect, 0);
    *ret_pg = pg;
    return 0;
}

struct pg *pg_free(struct pg *pg)
{
    struct pg_batch *batch;

    if (!pg)
        return NULL;
    while ((batch = TAILQ_FIRST(&pg->batches))) {
        TAILQ_REMOVE(&pg->batches, batch, link);
        pg_batch_free(batch);
    }
    loop_timer_clear(&pg->reconnect);
    loop_timer_clear(&pg->limit);
    loop_later_clear(&pg->start);
    unwatch(pg);
    PQfinish(pg->conn);
    forget_results(pg);
    pg_target_free(pg->target);
    free(pg);
    return NULL;
}

void pg_send(struct pg *pg, struct pg_batch *batch, pg_answer_fn *fn, void *arg)
{
    batch->pg = pg;
    batch->fn = fn;
    batch->arg = arg;
    loop_timer_init(&batch->deadline, pg->loop, on_deadline, batch);
    loop_timer_set(&batch->deadline, batch->deadline_ms);
    TAILQ_INSERT_TAIL(&pg->batches, batch, link);
    loop_later_set(&pg->start, pg->loop);
}

size_t pg_answer_rows(const struct pg_answer *answer)
{
    return answer->rows ? (size_t)PQntuples(answer->rows) : 0;
}

struct span pg_answer_cell(const struct pg_answer *answer, size_t row, size_t column)
{
    if (PQgetisnull(answer->rows, (int)row, (int)column))
        return (struct span){NULL, 0};
    return (struct span){PQgetvalue(answer->rows, (int)row, (int)column),
                         (size_t)PQgetlength(answer->rows, (int)row, (int)column)};
}
