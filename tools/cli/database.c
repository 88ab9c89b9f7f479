/* One connection to the history for as long as a command runs, one transaction at a time. */
#include "cli/database.h"

#include <stdio.h>

#include "error.h"
#include "loop.h"
#include "pg.h"

struct asking {
    const char *command;
    cli_rows_fn *on_rows;
    void *arg;
    int exit; /* -1: no answer yet */
};

int cli_database(const struct cli *cli, const char *command, struct pg **ret_pg)
{
    struct error error = {0};

    if (!cli->database) {
        fprintf(stderr,
                "parley %s: the history is in Postgres, and PARLEY_DATABASE_URL does not say "
                "where: postgresql://user@host/database\n",
                command);
        return CLI_USAGE;
    }
    if (pg_new(cli->loop, cli->database, ret_pg, &error) < 0) {
        fprintf(stderr, "parley %s: PARLEY_DATABASE_URL: %s\n", command, error.message);
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int say_fault(const char *command, const struct pg_answer *answer)
{
    if (answer->outcome == PG_UNKNOWN) {
        fprintf(stderr, "parley %s: the database does not answer: %s\n", command, answer->message);
        return CLI_UNREACHABLE;
    }
    fprintf(stderr, "parley %s: the database says %s: %s\n", command, answer->state,
            answer->message);
    if (strcmp(answer->state, "42P01") == 0)
        fprintf(stderr, "Its tables are made by: parley db migrate\n");
    return CLI_REFUSED;
}

static void on_answer(const struct pg_answer *answer, void *arg)
{
    struct asking *asking = arg;

    if (answer->outcome != PG_DONE) {
        asking->exit = say_fault(asking->command, answer);
        return;
    }
    asking->exit = CLI_OK;
    if (asking->on_rows)
        asking->on_rows(answer, asking->arg);
}

int cli_transact(const struct cli *cli, const char *command, struct pg *pg, struct pg_batch *batch,
                 cli_rows_fn *on_rows, void *arg)
{
    struct asking asking = {command, on_rows, arg, -1};

    pg_send(pg, batch, on_answer, &asking);
    while (asking.exit < 0)
        loop_turn(cli->loop, -1);
    return asking.exit;
}
