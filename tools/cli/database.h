#pragma once
/* The history in Postgres, for the commands that ask it. */

#include "cli/cli.h"

struct pg;
struct pg_answer;
struct pg_batch;

/* The connection; CLI_USAGE after saying that there is no address, or a wrong one. */
int cli_database(const struct cli *cli, const char *command, struct pg **ret_pg) MUST_CHECK;

/* Sends the batch (taken) and waits. on_rows may be NULL; it gets what the last statement returned
 * when all of it is done: CLI_OK. Else the reason was said on standard error. */
typedef void cli_rows_fn(const struct pg_answer *answer, void *arg);
int cli_transact(const struct cli *cli, const char *command, struct pg *pg, struct pg_batch *batch,
                 cli_rows_fn *on_rows, void *arg) MUST_CHECK;
#define CLI_DATABASE_MS 30000
