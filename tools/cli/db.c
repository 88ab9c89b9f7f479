/* parley db: the database of the history. The archivist makes its tables by the same migrations; by
 * hand it is done where the archivist's role may not. */
#include <stdio.h>

#include "cli/database.h"
#include "json.h"
#include "pg.h"
#include "pg_migrate.h"

static void print_applied(const struct pg_answer *answer, void *arg)
{
    const struct cli *cli = arg;
    CLEANUP(json_freep) struct json *json = json_object();
    struct json *names = json_array();
    size_t n = pg_answer_rows(answer);

    for (size_t i = 0; i < n; i++)
        json_append(names, json_new_string(pg_answer_cell(answer, i, 0)));
    json_set(json, "applied", names);
    if (cli->json) {
        CLEANUP(charp_freep) char *text = json_text(json);
        fprintf(cli->out, "%s\n", text);
        return;
    }
    for (size_t i = 0; i < n; i++)
        fprintf(cli->out, "applied %s\n", json_string(json_at(names, i)).at);
    if (n == 0)
        fprintf(cli->out, "nothing to apply: the tables are those of this version\n");
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    CLEANUP(pg_freep) struct pg *pg = NULL;

    if (strcmp(arguments->operands[0], "migrate") != 0) {
        fprintf(stderr, "parley db: there is \"migrate\", not \"%s\"\n", arguments->operands[0]);
        return CLI_USAGE;
    }
    int r = cli_database(cli, "db migrate", &pg);
    if (r != CLI_OK)
        return r;
    return cli_transact(cli, "db migrate", pg, pg_migrations(CLI_DATABASE_MS), print_applied, cli);
}

const struct command command_db = {
    .name = "db",
    .operands = "migrate",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "Make or update the tables of the history",
    .help =
        "  parley db migrate   applies what is missing, in one transaction; harmless when nothing "
        "is\n\n"
        "PARLEY_DATABASE_URL says where the database is. The archivist does the same when it "
        "finds no tables;\n"
        "by hand it is for databases where the archivist may only write rows.\n",
    .run = run,
};
