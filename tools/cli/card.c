/* parley card: the odds of a finished job as a picture. Of a prediction it is drawn here, by the
 * code of the workers, so it is what the kind odds would have drawn of the same request; of a job
 * of the kind odds it is the one that the job has drawn. Both are read from Redis itself, since the
 * request, in its author's own words, stands only there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base64.h"
#include "cli/cli.h"
#include "error.h"
#include "json.h"
#include "kinds/odds/card/card.h"

static int cannot_write(const char *path)
{
    fprintf(stderr, "parley card: %s cannot be written: %s\n", path, strerror(errno));
    return CLI_FAILED;
}

/* path NULL: standard output. */
static int write_out(const struct cli *cli, const char *path, struct span png)
{
    FILE *out = path ? fopen(path, "we") : cli->out;

    if (!out)
        return cannot_write(path);
    bool written = fwrite(png.at, 1, png.n, out) == png.n;
    written = (path ? fclose(out) : fflush(out)) == 0 && written;
    return written ? CLI_OK : cannot_write(path ? path : "standard output");
}

static int draw(const struct cli *cli, const char *path, const struct json *record)
{
    const struct json *data = json_get(json_get(record, "payload"), "prediction_data");
    const struct card card = {.result = json_get(record, "result"),
                              .goal = json_get_string(data, "goal", ""),
                              .user_name = json_get_string(data, "user_name", "")};
    struct error error = {0};
    struct buf png;

    buf_init(&png, CARD_MAX_BYTES);
    bool refused = card_check(&card, &error) < 0;
    int r = CLI_OK;
    if (refused || card_draw(&card, &png, &error) < 0) {
        fprintf(stderr, "parley card: %s\n", error.message);
        r = refused ? CLI_REFUSED : CLI_FAILED;
    } else {
        r = write_out(cli, path, buf_span(&png));
    }
    buf_deinit(&png);
    return r;
}

static int take_out(const struct cli *cli, const char *path, const struct json *record)
{
    size_t n = 0;
    unsigned char *bytes =
        base64_bytes(json_get_string(json_get(record, "result"), "png_base64", "!"), &n);
    int r = CLI_FAILED;

    if (bytes)
        r = write_out(cli, path, (struct span){(const char *)bytes, n});
    else
        fprintf(stderr, "parley card: the job's result has no picture that can be read\n");
    free(bytes);
    return r;
}

static int make(const struct cli *cli, const char *id, const char *path, const struct json *record)
{
    struct span kind = json_get_string(record, "kind", "");
    bool is_odds = span_equal(kind, SPAN("odds"));

    if (!is_odds && !span_equal(kind, SPAN("predict"))) {
        fprintf(stderr,
                "parley card: %s is a job of the kind %.*s; only predict and odds have a card\n",
                id, (int)kind.n, kind.at);
        return CLI_REFUSED;
    }
    if (!json_is(json_get(record, "result"), JSON_OBJECT)) {
        fprintf(stderr, "parley card: job %s has no result; see parley show %s\n", id, id);
        return CLI_NOT_OK;
    }
    return is_odds ? take_out(cli, path, record) : draw(cli, path, record);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *id = arguments->operands[0], *path = arguments->values[CLI_OPTION_OUTPUT];
    CLEANUP(json_freep) struct json *record = NULL;

    if (!cli_is_id("card", id))
        return CLI_USAGE;
    if (!path && isatty(STDOUT_FILENO)) {
        fprintf(stderr, "parley card: a picture is nothing for a terminal: say -o FILE\n");
        return CLI_USAGE;
    }
    int r = cli_ask_record(cli, "card", id, &record);

    return r == CLI_OK ? make(cli, id, path, record) : r;
}

const struct command command_card = {
    .name = "card",
    .operands = "ID",
    .min_operands = 1,
    .max_operands = 1,
    .options = 1U << CLI_OPTION_OUTPUT,
    .summary = "Make the picture of a prediction",
    .help = "Writes a PNG of 1080x1080 pixels with the odds of a finished job of the kind predict "
            "or odds.\n"
            "Reads Redis itself (PARLEY_REDIS), as long as the job is kept. The same job gives the "
            "same bytes.\n"
            "No card is drawn of grade D, of health, death and self-harm, and of private people by "
            "name.\n\n"
            "  parley card 01JD2Z6K9Y3T5V7X8W0ABCDEFG -o card.png\n",
    .run = run,
};
