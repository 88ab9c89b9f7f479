/* parley fred: has the figures of the economy read, as the daily timer does. The submission is
 * named after the day (UTC), so that all hosts of a fleet together make one job of it. */
#include "cli/cli.h"
#include "clock.h"

#define KEY_BYTES sizeof("fred-2026-11-21")

static int run(struct cli *cli, const struct arguments *arguments)
{
    const char *key = arguments->values[CLI_OPTION_KEY];
    char now[CLOCK_TEXT_BYTES], of_the_day[KEY_BYTES];

    clock_text(clock_wall_ms(), now);
    (void)snprintf(of_the_day, sizeof(of_the_day), "fred-%.10s", now);
    return cli_follow(cli, &(struct follow){.kind = "fred",
                                            .body = SPAN("{}"),
                                            .idempotency_key = key ? key : of_the_day});
}

const struct command command_fred = {
    .name = "fred",
    .operands = "",
    .options = 1U << CLI_OPTION_KEY,
    .summary = "Read the figures of the economy",
    .help =
        "Has a worker read from FRED what shifts the odds of predictions, and follows it to its\n"
        "end. The submission is named after the day, so however many hosts do this, it is one "
        "job;\n"
        "one that failed is tried again by itself for hours, and at once with another name:\n\n"
        "  parley fred --idempotency-key again-1\n\n"
        "The workers of predictions need FRED_API_KEY for it. Without the figures of the day,\n"
        "predictions go on with the last ones, and say of what day they are.\n",
    .run = run,
};
