/* parley ls: the newest jobs, one a line. */
#include <stdio.h>

#include "cli/cli.h"
#include "json.h"

static void print_job(FILE *out, const struct json *job)
{
    const struct json *progress = json_get(job, "progress");

    fprintf(out, "%-26s  %-12s %-10s %-24s", json_get_string(job, "id", "").at,
            json_get_string(job, "kind", "").at, json_get_string(job, "status", "").at,
            json_get_string(job, "created_at", "").at);
    if (json_get_integer(progress, "total", 0) > 0)
        fprintf(out, " %jd/%jd", (intmax_t)json_get_integer(progress, "done", 0),
                (intmax_t)json_get_integer(progress, "total", 0));
    fputc('\n', out);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    uint64_t limit = 20;
    struct answer answer;

    if (!arguments_number(arguments, CLI_OPTION_LIMIT, &limit))
        return CLI_USAGE;
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs?limit=%ju", (uintmax_t)limit);
    int r = cli_call(cli, &(struct call){.method = "GET", .path = path}, &answer);
    if (r == CLI_OK && cli->json) {
        cli_print_body(cli, &answer);
    } else if (r == CLI_OK) {
        const struct json *jobs = json_get(answer.json, "jobs");

        fprintf(cli->out, "%-26s  %-12s %-10s %-24s %s\n", "ID", "KIND", "STATUS", "CREATED",
                "PROGRESS");
        for (size_t i = 0; i < json_length(jobs); i++)
            print_job(cli->out, json_at(jobs, i));
    }
    answer_deinit(&answer);
    return r;
}

const struct command command_ls = {
    .name = "ls",
    .operands = "",
    .options = 1U << CLI_OPTION_LIMIT,
    .summary = "List jobs, newest first",
    .help = "Columns: id, kind, status, when it was made, progress. For scripts: --json.\n",
    .run = run,
};
