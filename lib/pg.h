#pragma once
/* One connection to Postgres: transactions, one after the other, each sent in one piece.
 *
 * It connects by itself, reconnects with jitter (100 ms to 5 s), and gives every transaction a
 * deadline. Values travel as parameters only; the text of a statement is a constant. Host names are
 * looked up by resolve.h at each connect: libpq itself would wait for the name server. Only
 * pg*.c know libpq. */

#include <stdbool.h>
#include <stdint.h>

#include "base.h"

struct error;
struct loop;
struct pg;

/* A transaction: it is done as a whole or not at all. Owned by its maker until pg_send(). */
struct pg_batch;
/* The deadline counts from pg_send(); the server is told it too, so that it stops as well. */
struct pg_batch *pg_batch_new(int64_t deadline_ms);
struct pg_batch *pg_batch_free(struct pg_batch *batch);
DEFINE_FREEP(pg_batch)
/* One statement, with $1 … for the values. sql is borrowed and must outlive the batch. Values are
 * copied as texts, which cannot hold a NUL; .at NULL is SQL's null. */
#define PG_MAX_VALUES 32
void pg_batch_add(struct pg_batch *batch, const char *sql, size_t n, const struct span *values);
size_t pg_batch_length(const struct pg_batch *batch); /* statements */
size_t pg_batch_bytes(const struct pg_batch *batch);  /* of its values */

enum pg_outcome {
    PG_DONE,    /* committed */
    PG_REFUSED, /* the server said no to one statement; none of them has an effect */
    PG_UNKNOWN, /* no connection, or the deadline passed: nothing, or all of it, may be done */
};

/* Valid only inside the callback that gets it. */
struct pg_answer {
    enum pg_outcome outcome;
    const char *state;   /* PG_REFUSED: the SQLSTATE, five characters; else "" */
    const char *message; /* why it is not done, without any of the rows' contents; else "" */
    size_t failed;       /* PG_REFUSED: which statement */
    const void *rows;    /* private */
};

/* What the last statement returned. */
size_t pg_answer_rows(const struct pg_answer *answer);
/* A value as text, NUL-terminated; .at NULL for a null. */
struct span pg_answer_cell(const struct pg_answer *answer, size_t row, size_t column);

/* Runs exactly once, unless the pg is freed before; it must not free the pg. */
typedef void pg_answer_fn(const struct pg_answer *answer, void *arg);

/* url: postgresql://user:password@host:port/database?option=value, or libpq's key=value form.
 * Nothing is connected before the loop runs. -EINVAL: it is no such address; the error does not
 * repeat it, since it may hold a password. */
int pg_new(struct loop *loop, const char *url, struct pg **ret_pg, struct error *error) MUST_CHECK;
struct pg *pg_free(struct pg *pg); /* drops what is pending without calling back */
DEFINE_FREEP(pg)

/* Takes the batch. While there is no connection it waits for the next attempt to connect, and is
 * PG_UNKNOWN with the reason when that fails. */
void pg_send(struct pg *pg, struct pg_batch *batch, pg_answer_fn *fn, void *arg);
