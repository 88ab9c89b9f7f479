/* parley watch: follows a job that exists. All the work is follow.c's. */
#include "cli/cli.h"
#include "id.h"

static int run(struct cli *cli, const struct arguments *arguments)
{
    struct follow follow = {.id = arguments->operands[0]};

    if (!arguments_number(arguments, CLI_OPTION_AFTER, &follow.after))
        return CLI_USAGE;
    if (!cli_is_id("watch", follow.id))
        return CLI_USAGE;
    return cli_follow(cli, &follow);
}

const struct command command_watch = {
    .name = "watch",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .options = 1U << CLI_OPTION_AFTER,
    .summary = "Follow a job's events to its end",
    .help = "Prints what has happened and what happens, to the job's last event. A connection that "
            "breaks is\n"
            "taken up again where it broke: nothing is printed twice or left out, whichever door "
            "answers.\n"
            "With --json each event is one line, byte for byte as it is kept.\n\n"
            "  parley watch 01jd3v8k2m0000000000000000 --after 12\n",
    .run = run,
};
