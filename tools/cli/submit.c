/* parley submit: puts a job into the queue, or follows it as well. The body comes from a file or
 * standard input and goes to the door as it is: the door alone decides what is valid. Every
 * submission carries an idempotency key, a random one unless given, so that repeating it after a
 * lost answer cannot make a second job. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "id.h"
#include "json.h"
#include "text.h"

#define KEY_BYTES 16

static bool kind_is_a_word(const char *kind)
{
    for (const char *at = kind; *at; at++)
        if (!(*at >= 'a' && *at <= 'z') && !(*at >= '0' && *at <= '9') && *at != '_')
            return false;
    return *kind != '\0';
}

static int submit_only(struct cli *cli, const char *kind, struct span body, const char *key)
{
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs/%s", kind);
    struct answer answer;
    int r = cli_call(
        cli, &(struct call){.method = "POST", .path = path, .body = body, .idempotency_key = key},
        &answer);

    if (r == CLI_OK && cli->json)
        cli_print_body(cli, &answer);
    else if (r == CLI_OK)
        fprintf(cli->out, "%s\n", json_get_string(answer.json, "id", "").at);
    if (r == CLI_OK && !cli->json && isatty(STDOUT_FILENO))
        fprintf(stderr, "to see it: parley watch %s\n", json_get_string(answer.json, "id", "").at);
    answer_deinit(&answer);
    return r;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *kind = arguments->operands[0], *key = arguments->values[CLI_OPTION_KEY];
    unsigned char bytes[KEY_BYTES];
    char random_key[2 * KEY_BYTES + 1];
    struct buf body;
    int r = CLI_USAGE;

    if (!kind_is_a_word(kind)) {
        fprintf(stderr, "parley submit: \"%s\" cannot be the name of a kind\n", kind);
        return CLI_USAGE;
    }
    if (!key) {
        id_random(bytes, sizeof(bytes));
        text_hex(bytes, sizeof(bytes), random_key);
        key = random_key;
    }
    buf_init(&body, CLI_MAX_BODY_BYTES);
    if (cli_read("submit", arguments->operands[1], &body)) {
        if (arguments->values[CLI_OPTION_STREAM])
            r = cli_follow(cli, &(struct follow){
                                    .kind = kind, .body = buf_span(&body), .idempotency_key = key});
        else
            r = submit_only(cli, kind, buf_span(&body), key);
    }
    buf_deinit(&body);
    return r;
}

const struct command command_submit = {
    .name = "submit",
    .operands = "KIND [FILE|-]",
    .min_operands = 1,
    .max_operands = 2,
    .options = 1U << CLI_OPTION_STREAM | 1U << CLI_OPTION_KEY,
    .summary = "Put a job into the queue",
    .help =
        "The request, a JSON object as schemas/KIND.json describes it, is read from FILE, or from\n"
        "standard input when there is none or it is \"-\". Prints the job's id; with --json the "
        "job.\n"
        "When this returns with status 0 the job is on the server's disk.\n\n"
        "With --stream the job is followed to its end as by \"parley watch\", and the exit status "
        "says\n"
        "how it ended. A connection that breaks is taken up again where it broke. Interrupting "
        "the\n"
        "command leaves the job running.\n\n"
        "  echo '{\"question\":\"Do we open a second office?\"}' | parley submit debate --stream\n"
        "  parley submit montecarlo model.json\n",
    .run = run,
};
