/* parley cancel: asks for the end of a job. Repeating it is harmless, so it may be repeated. */
#include <stdio.h>

#include "cli/cli.h"
#include "json.h"

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *id = arguments->operands[0], *reason = arguments->values[CLI_OPTION_REASON];
    CLEANUP(charp_freep) char *body = NULL;
    struct answer answer;

    if (!cli_is_id("cancel", id))
        return CLI_USAGE;
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs/%s/cancel", id);
    if (reason) {
        CLEANUP(json_freep) struct json *object = json_object();

        json_set_text(object, "reason", reason);
        body = json_text(object);
    }
    int r = cli_call(cli, &(struct call){.method = "POST", .path = path, .body = span_of(body)},
                     &answer);
    if (r == CLI_OK && cli->json)
        cli_print_body(cli, &answer);
    else if (r == CLI_OK)
        fprintf(cli->out, "%s is %s\n", id,
                json_get_string(answer.json, "status", "cancelling").at);
    answer_deinit(&answer);
    return r;
}

const struct command command_cancel = {
    .name = "cancel",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .options = 1U << CLI_OPTION_REASON,
    .summary = "Cancel a job",
    .help =
        "A waiting job ends at once; a running one ends as soon as its worker has closed its "
        "calls, within\n"
        "about a second. A job that has ended stays as it is. To see the end: parley watch ID.\n",
    .run = run,
};
