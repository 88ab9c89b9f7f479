/* parley show: the record of one job as the door gives it. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/outline.h"
#include "json.h"

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *id = arguments->operands[0];
    struct answer answer;

    if (!cli_is_id("show", id))
        return CLI_USAGE;
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs/%s", id);
    int r = cli_call(cli, &(struct call){.method = "GET", .path = path}, &answer);
    if (r == CLI_OK && cli->json)
        cli_print_body(cli, &answer);
    else if (r == CLI_OK)
        outline_value(&(struct page){cli->out, cli->colour, cli->width}, (struct margin){0},
                      answer.json);
    answer_deinit(&answer);
    return r;
}

const struct command command_show = {
    .name = "show",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "Show what is known of a job",
    .help = "State, times, progress, usage and, when it has ended, its result or error.\n",
    .run = run,
};
