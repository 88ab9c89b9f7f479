/* The database's schema, brought up to date by one batch.
 *
 * What decides runs in the server, since a batch cannot look at an answer half way: a function gets
 * each migration's name, hash and text, and executes the text unless the name is known already. The
 * lock is the transaction's, so that two who migrate at once take turns and a dead one holds up
 * nobody. A migration that has been released is never edited: add the next number. */
#include "pg_migrate.h"

#include "embedded.h"
#include "pg.h"
#include "sha256.h"

#define LOCK "SELECT pg_advisory_xact_lock(7233137650254079)"
#define TABLE                                                                                      \
    "CREATE TABLE IF NOT EXISTS parley_migrations (name text PRIMARY KEY, hash text NOT NULL, "    \
    "applied_at timestamptz NOT NULL DEFAULT now())"
#define FUNCTION                                                                                   \
    "CREATE OR REPLACE FUNCTION parley_migrate(its_name text, its_hash text, script text) "        \
    "RETURNS void LANGUAGE plpgsql AS $$\n"                                                        \
    "DECLARE known text;\n"                                                                        \
    "BEGIN\n"                                                                                      \
    "    SELECT hash INTO known FROM parley_migrations WHERE name = its_name;\n"                   \
    "    IF known = its_hash THEN RETURN; END IF;\n"                                               \
    "    IF known IS NOT NULL THEN\n"                                                              \
    "        RAISE EXCEPTION 'migration % was applied with another text', its_name\n"              \
    "            USING ERRCODE = 'object_not_in_prerequisite_state';\n"                            \
    "    END IF;\n"                                                                                \
    "    EXECUTE script;\n"                                                                        \
    "    INSERT INTO parley_migrations (name, hash) VALUES (its_name, its_hash);\n"                \
    "END $$"
#define MIGRATE "SELECT parley_migrate($1, $2, $3)"
#define APPLIED "SELECT name FROM parley_migrations WHERE applied_at = now() ORDER BY name"
#define KNOWN "SELECT 1 FROM parley_migrations WHERE name = $1"

struct pg_batch *pg_migrations(int64_t deadline_ms)
{
    struct pg_batch *batch = pg_batch_new(deadline_ms);

    pg_batch_add(batch, LOCK, 0, NULL);
    pg_batch_add(batch, TABLE, 0, NULL);
    pg_batch_add(batch, FUNCTION, 0, NULL);
    for (const struct embedded *file = sql_files; file->name; file++) {
        char hash[SHA256_TEXT_BYTES];
        sha256_text(file->text, hash);
        const struct span values[] = {span_of(file->name), span_of(hash), file->text};
        pg_batch_add(batch, MIGRATE, ARRAY_SIZE(values), values);
    }
    pg_batch_add(batch, APPLIED, 0, NULL);
    return batch;
}

struct pg_batch *pg_migrated(int64_t deadline_ms)
{
    struct pg_batch *batch = pg_batch_new(deadline_ms);
    struct span last = {NULL, 0};

    for (const struct embedded *file = sql_files; file->name; file++)
        last = span_of(file->name);
    pg_batch_add(batch, KNOWN, 1, &last);
    return batch;
}
