/* Command lines of parley: what is taken, what is refused. */
#include <check.h>

#include "cli/cli.h"
#include "main.h"

static int run_nothing(struct cli *cli, const struct arguments *arguments)
{
    (void)cli;
    (void)arguments;
    return CLI_OK;
}

static const struct command command = {
    .name = "do",
    .operands = "WHAT [WHERE]",
    .min_operands = 1,
    .max_operands = 2,
    .options = 1U << CLI_OPTION_AFTER,
    .summary = "Do it",
    .help = "",
    .run = run_nothing,
};

#define MAX_WORDS 6

START_TEST(operands_and_options_stand_in_any_order)
{
    static char w_a[] = "a", w_b[] = "b", w_after[] = "--after", w_after_5[] = "--after=5",
                w_5[] = "5", w_json[] = "--json", w_json_1[] = "--json=1", w_stream[] = "--stream",
                w_end[] = "--", w_dash[] = "-", w_help[] = "--help", w_o[] = "-o";
    static const struct {
        const char *name;
        char *words[MAX_WORDS];
        bool taken;
        const char *first, *second, *after;
        bool json;
    } rows[] = {
        {"one operand",                   {w_a},                 true,  "a",      NULL, NULL, false},
        {"a value behind its option",     {w_after, w_5, w_a},   true,  "a",      NULL, "5",  false},
        {"a value inside its option",     {w_a, w_after_5, w_b}, true,  "a",      "b",  "5",  false},
        {"an option behind operands",     {w_a, w_b, w_json},    true,  "a",      "b",  NULL, true },
        {"a letter is another's option",  {w_a, w_o, w_b},       false, NULL,     NULL, NULL, false},
        {"a dash is an operand",          {w_a, w_dash},         true,  "a",      "-",  NULL, false},
        {"what follows -- is an operand", {w_end, w_json},       true,  "--json", NULL, NULL, false},
        {"--help needs nothing else",     {w_help},              true,  NULL,     NULL, NULL, false},
        {"too few operands",              {w_json},              false, NULL,     NULL, NULL, false},
        {"too many operands",             {w_a, w_b, w_a},       false, NULL,     NULL, NULL, false},
        {"a value is missing",            {w_a, w_after},        false, NULL,     NULL, NULL, false},
        {"a value too much",              {w_a, w_json_1},       false, NULL,     NULL, NULL, false},
        {"an option of another command",  {w_a, w_stream},       false, NULL,     NULL, NULL, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct arguments got = {0};
        char *words[MAX_WORDS + 1] = {NULL};

        memcpy(words, rows[i].words, sizeof(rows[i].words));
        ck_assert_msg(arguments_read(&command, words, &got) == rows[i].taken, "%s", rows[i].name);
        ck_assert_pstr_eq(got.operands[0], rows[i].first);
        ck_assert_pstr_eq(got.operands[1], rows[i].second);
        ck_assert_pstr_eq(got.values[CLI_OPTION_AFTER], rows[i].after);
        ck_assert_msg((got.values[CLI_OPTION_JSON] != NULL) == rows[i].json, "%s", rows[i].name);
    }
}
END_TEST

START_TEST(a_letter_stands_for_its_option)
{
    static const struct command picture = {
        .name = "picture", .max_operands = 1, .options = 1U << CLI_OPTION_OUTPUT};
    static char w_o[] = "-o", w_file[] = "file", w_id[] = "id", w_end[] = "--";
    char *words[] = {w_o, w_file, w_id, NULL}, *ended[] = {w_end, w_o, NULL};
    struct arguments got;

    ck_assert(arguments_read(&picture, words, &got));
    ck_assert_str_eq(got.values[CLI_OPTION_OUTPUT], "file");
    ck_assert_str_eq(got.operands[0], "id");
    ck_assert(arguments_read(&picture, ended, &got));
    ck_assert_str_eq(got.operands[0], "-o");
}
END_TEST

START_TEST(a_number_is_a_number)
{
    struct arguments arguments = {0};
    uint64_t value = 7;

    ck_assert(arguments_number(&arguments, CLI_OPTION_AFTER, &value));
    ck_assert_uint_eq(value, 7);
    arguments.values[CLI_OPTION_AFTER] = "12";
    ck_assert(arguments_number(&arguments, CLI_OPTION_AFTER, &value));
    ck_assert_uint_eq(value, 12);
    arguments.values[CLI_OPTION_AFTER] = "-1";
    ck_assert(!arguments_number(&arguments, CLI_OPTION_AFTER, &value));
}
END_TEST

TEST_MAIN("cli_arguments", operands_and_options_stand_in_any_order, a_number_is_a_number,
          a_letter_stands_for_its_option)
