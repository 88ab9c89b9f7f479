/* parley replay: plays a finished debate again from its own recorded answers, in this process. What
 * a debate decides follows from the request, the seed and the answers alone, so it must come to the
 * same bytes; when it does not, another version of the program decided then. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "error.h"
#include "json.h"
#include "kinds/debate/replay.h"

static const struct json *find_answer(const char *key, void *steps)
{
    return json_get(steps, key);
}

static int compare(const struct cli *cli, const char *id, const struct json *record,
                   const char *text)
{
    CLEANUP(json_freep) struct json *again = NULL;
    CLEANUP(charp_freep) char *was = json_text(json_get(record, "result"));
    CLEANUP(charp_freep) char *is = NULL;

    fprintf(cli->out, "%s\n", text);
    if (json_type(json_get(record, "result")) == JSON_NULL) {
        fprintf(stderr, "parley replay: job %s has no result to compare with\n", id);
        return CLI_NOT_OK;
    }
    if (json_parse(span_of(text), NULL, &again, NULL) == 0)
        is = json_text(again);
    if (is && strcmp(was, is) == 0)
        return CLI_OK;
    fprintf(stderr, "parley replay: job %s came to another result then: see parley show %s\n", id,
            id);
    return CLI_NOT_OK;
}

static int replay(const struct cli *cli, const char *id, struct json *record)
{
    CLEANUP(charp_freep) char *text = NULL;
    struct span kind = json_get_string(record, "kind", "");
    struct error error = {0};

    if (!span_equal(kind, SPAN("debate"))) {
        fprintf(stderr, "parley replay: %s is a job of the kind %.*s; only debates have a replay\n",
                id, (int)kind.n, kind.at);
        return CLI_REFUSED;
    }
    if (replay_debate(json_get(record, "payload"), id, find_answer,
                      (void *)(uintptr_t)json_get(record, "steps"), &text, &error) != 0) {
        fprintf(stderr, "parley replay: %s cannot be played again: %s\n", id, error.message);
        return CLI_REFUSED;
    }
    return compare(cli, id, record, text);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    CLEANUP(json_freep) struct json *record = NULL;
    const char *id = arguments->operands[0];

    if (!cli_is_id("replay", id))
        return CLI_USAGE;
    int r = cli_ask_record(cli, "replay", id, &record);
    if (r != CLI_OK)
        return r;
    return replay(cli, id, record);
}

const struct command command_replay = {
    .name = "replay",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "Play a recorded debate again and print its result",
    .help =
        "Reads the request and the models' answers from Redis itself (PARLEY_REDIS), as long as "
        "the\n"
        "job's log is kept, asks no model and costs nothing. Exit status 1 when the result is not\n"
        "the recorded one.\n",
    .run = run,
};
