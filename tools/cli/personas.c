/* parley personas: the personas a worker started here would know, read as it reads them, in this
 * process. Checks files before a worker is started with them. */
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/view.h"
#include "json.h"
#include "kinds/debate/boards.h"

static bool print_set(const char *key, const struct json *value, void *arg)
{
    const struct cli *cli = arg;

    for (size_t i = 0; i < json_length(value); i++) {
        const struct json *persona = json_at(value, i);

        fprintf(cli->out, "%s/%s\t%s\n", key, json_get_string(persona, "id", "").at,
                json_get_string(persona, "name", "").at);
    }
    return true;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    CLEANUP(boards_freep) struct boards *boards = NULL;
    const char *path = arguments->operands[0] ? arguments->operands[0] : getenv("PARLEY_PERSONAS");

    if (boards_load(path, &boards) < 0)
        return CLI_NOT_OK;
    if (cli->json) {
        CLEANUP(charp_freep) char *text = json_text(boards_json(boards));
        fprintf(cli->out, "%s\n", text);
    } else {
        json_each(boards_json(boards), print_set, cli);
    }
    return CLI_OK;
}

const struct command command_personas = {
    .name = "personas",
    .operands = "[PATH]",
    .max_operands = 1,
    .summary = "Check files of personas and list who may be named in debates",
    .help =
        "PATH is what a worker is given as PARLEY_PERSONAS, which is also its default: a JSON "
        "file with one\n"
        "set of personas, or a folder of such files. Lists SET/ID and name of each persona, the "
        "shipped\n"
        "ones first; with status 1 every fault stands on standard error with its file and "
        "place.\n\n"
        "  {\"name\": \"farm\", \"personas\": [{\"id\": \"vet\", \"name\": \"Vet\", \"role\": "
        "\"the vet\"}, ...]}\n\n"
        "A debate then asks for \"personas\": \"farm\", or for [\"farm/vet\", \"cfo\"].\n",
    .run = run,
};
