/* Commands that have verbs and ask Redis: "parley limits set …". */
#include <stdio.h>

#include "cli/cli.h"
#include "redis.h"

int cli_run_verb(struct cli *cli, const struct arguments *arguments, const struct cli_verb *verbs,
                 const char *command, const char *what_there_is)
{
    const char *name = arguments->n_operands > 0 ? arguments->operands[0] : "ls";
    size_t n = arguments->n_operands > 0 ? arguments->n_operands : 1;

    for (const struct cli_verb *verb = verbs; verb->name; verb++) {
        if (strcmp(name, verb->name) != 0 || n != verb->n_operands)
            continue;
        CLEANUP(redis_freep) struct redis *redis = redis_new(cli->loop, cli->redis);
        return verb->run(cli, redis, arguments);
    }
    fprintf(stderr, "parley %s: it is %s\nTry: parley %s --help\n", command, what_there_is,
            command);
    return CLI_USAGE;
}
