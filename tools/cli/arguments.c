/* Command lines: operands and --options in any order, "--option value" or "--option=value", "--"
 * ends the options, a few options have a letter. What exists stands in two tables: CLI_OPTIONS and
 * the command's own row; the help is printed from the same two. */
#include <stdio.h>

#include "cli/cli.h"
#include "id.h"
#include "text.h"

#define COMMON_OPTIONS (1U << CLI_OPTION_JSON | 1U << CLI_OPTION_HELP)

struct option_row {
    const char *name, *value, *help;
};

static const struct option_row option_rows[] = {
#define X(name, text, value, help) [CLI_OPTION_##name] = {text, value, help},
    CLI_OPTIONS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(option_rows) == CLI_OPTION_COUNT_, "every option has a row");

static const struct {
    const char *letter, *word;
} letters[] = {
    {"-o", "--output"},
};

static const char *spelt_out(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
        if (strcmp(word, letters[i].letter) == 0)
            return letters[i].word;
    return word;
}

static bool has_option(const struct command *command, size_t option)
{
    return ((command->options | COMMON_OPTIONS) & 1U << option) != 0;
}

static bool complain(const struct command *command, const char *what, const char *word)
{
    fprintf(stderr, "parley %s: %s%s%s\nTry: parley %s --help\n", command->name, what,
            *word ? ": " : "", word, command->name);
    return false;
}

/* word begins with "--". Advances *argv past a value that stands apart. */
static bool read_option(const struct command *command, const char *word, char ***argv,
                        struct arguments *arguments)
{
    const char *equals = strchr(word, '=');
    struct span name = span_of(word + 2);

    if (equals)
        name.n = (size_t)(equals - name.at);
    for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
        const struct option_row *row = &option_rows[i];

        if (!has_option(command, i) || !span_equal(name, span_of(row->name)))
            continue;
        if (!row->value && equals)
            return complain(command, "this option takes no value", word);
        if (row->value && !equals && !(*argv)[1])
            return complain(command, "this option needs a value", word);
        if (!row->value)
            arguments->values[i] = "";
        else if (equals)
            arguments->values[i] = equals + 1;
        else
            arguments->values[i] = *++*argv;
        return true;
    }
    return complain(command, "unknown option", word);
}

bool arguments_read(const struct command *command, char **argv, struct arguments *ret_arguments)
{
    struct arguments arguments = {0};
    bool options_end = false;

    for (; *argv; argv++) {
        const char *word = options_end ? *argv : spelt_out(*argv);

        if (!options_end && strcmp(word, "--") == 0) {
            options_end = true;
        } else if (!options_end && text_starts(span_of(word), "--")) {
            if (!read_option(command, word, &argv, &arguments))
                return false;
        } else if (arguments.n_operands == command->max_operands) {
            return complain(command, "too many operands", word);
        } else {
            arguments.operands[arguments.n_operands++] = word;
        }
    }
    if (arguments.n_operands < command->min_operands && !arguments.values[CLI_OPTION_HELP])
        return complain(command, "something is missing", command->operands);
    *ret_arguments = arguments;
    return true;
}

bool arguments_number(const struct arguments *arguments, enum cli_option option, uint64_t *value)
{
    const char *text = arguments->values[option];

    if (!text || text_to_u64(span_of(text), INT64_MAX, value) == 0)
        return true;
    fprintf(stderr, "parley: --%s wants a number, not \"%s\"\n", option_rows[option].name, text);
    return false;
}

bool cli_is_id(const char *command, const char *text)
{
    if (id_valid(span_of(text)))
        return true;
    fprintf(stderr, "parley %s: \"%s\" is no job's id: these have 26 letters and digits\n", command,
            text);
    return false;
}

void arguments_help(const struct command *command)
{
    printf("Usage: parley %s%s%s [OPTION...]\n\n%s.\n\n%s\nOptions:\n", command->name,
           *command->operands ? " " : "", command->operands, command->summary, command->help);
    for (size_t i = 0; i < ARRAY_SIZE(option_rows); i++) {
        const struct option_row *row = &option_rows[i];
        char left[40];

        if (!has_option(command, i))
            continue;
        (void)snprintf(left, sizeof(left), "--%s%s%s", row->name, row->value ? " " : "",
                       row->value ? row->value : "");
        printf("  %-22s %s\n", left, row->help);
    }
}
