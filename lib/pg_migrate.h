#pragma once
/* The database's schema: schemas/sql/NNN_*.sql, compiled into the programs and applied in order. */

#include <stdint.h>

struct pg_batch;

/* One transaction that applies those that are missing and ends with one row for each that it
 * applied: its name. Harmless when none is missing and when others do the same: they take turns. A
 * migration whose text is not what was applied under its name is refused (SQLSTATE 55000). */
struct pg_batch *pg_migrations(int64_t deadline_ms);
/* Returns one row when no migration is missing, else none; refused with 42P01 when all are. Needs
 * no right but to read. */
struct pg_batch *pg_migrated(int64_t deadline_ms);
