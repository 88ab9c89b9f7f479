/* parley company: the canonical key of company names, so that lists from two places can be joined.
 * It reads the same tables as the worker's predictions, in this process. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "json.h"
#include "kinds/predict/names/company.h"
#include "text.h"

#define KEY_MAX_BYTES (1U << 20) /* of a name; a line is no longer either */

static void print_json(FILE *out, struct span name, struct span key, const struct company *company,
                       const char *guess)
{
    CLEANUP(json_freep) struct json *json = json_object();

    json_set_string(json, "name", name);
    json_set_string(json, "key", key);
    json_set_bool(json, "known", company != NULL);
    if (company)
        json_set_text(json, "company", company_name(company));
    if (guess)
        json_set_text(json, "did_you_mean", guess);
    CLEANUP(charp_freep) char *text = json_text(json);
    fprintf(out, "%s\n", text);
}

/* guessing takes a look at every known name: for names typed by hand, not for lists. */
static void print_key(const struct cli *cli, struct span name, bool guessing)
{
    struct buf key;

    buf_init(&key, KEY_MAX_BYTES);
    const struct company *company = company_key(name, &key);
    const char *guess = guessing && !company ? company_guess(name) : NULL;
    if (cli->json) {
        print_json(cli->out, name, buf_span(&key), company, guess);
    } else {
        fprintf(cli->out, "%s\n", key.at ? key.at : "");
        if (guess)
            fprintf(stderr, "parley company: %.*s is not known; did you mean %s?\n", (int)name.n,
                    name.at, guess);
    }
    buf_deinit(&key);
}

static int read_names(const struct cli *cli)
{
    CLEANUP(charp_freep) char *line = NULL;
    size_t n_allocated = 0;
    ssize_t n;

    while ((n = getline(&line, &n_allocated, stdin)) >= 0) {
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            n--;
        print_key(cli, (struct span){line, (size_t)n}, false);
    }
    if (ferror(stdin)) {
        fprintf(stderr, "parley company: standard input cannot be read\n");
        return CLI_USAGE;
    }
    return CLI_OK;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    if (arguments->n_operands == 0)
        return read_names(cli);
    for (size_t i = 0; i < arguments->n_operands; i++)
        print_key(cli, span_of(arguments->operands[i]), true);
    return CLI_OK;
}

const struct command command_company = {
    .name = "company",
    .operands = "[NAME...]",
    .max_operands = CLI_MAX_OPERANDS,
    .summary = "Print the canonical key of company names",
    .help = "Prints one line for each name: the key that all spellings of one company share. "
            "Without a NAME,\n"
            "names are read from standard input, one a line. \"Apple Inc.\", \"APPLE INC\" and "
            "\"Apple Computer\"\n"
            "have one key; \"Target Corp\" and \"Target Group\" have two. A name that is only "
            "like a known one is\n"
            "not taken for it: \"did you mean\" is said on standard error, for names given as "
            "operands.\n\n"
            "  parley company 'Goldman Sachs Group, Inc.' Goldmann\n"
            "  cut -f1 names.tsv | parley company --json\n",
    .run = run,
};
