/* parley simulate: runs a model of mc/1 here, without door, Redis or worker. It is the engine of
 * the workers, so the result is the very object a job would give, hash included, and every fault of
 * a model is found before it is submitted. */
#include <locale.h>
#include <sched.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/outline.h"
#include "cli/sim_page.h"
#include "error.h"
#include "json.h"
#include "sim/fault.h"
#include "sim/mc.h"
#include "sim/sim.h"

#define MAX_THREADS 256

struct desk {
    const struct cli *cli;
    const char *name; /* of the file */
    const struct json *document;
    unsigned n_threads;
};

static struct page page_on(const struct cli *cli, FILE *out)
{
    return (struct page){.out = out, .colour = cli->colour && out == stdout, .width = cli->width};
}

/* With --json as one object on standard error: what a script reads there is JSON too. */
static int refuse(const struct desk *desk, const struct faults *faults)
{
    CLEANUP(json_freep) struct json *object = json_object();
    struct page page = page_on(desk->cli, stderr);

    json_set(object, "errors", faults_json(faults));
    if (desk->cli->json) {
        CLEANUP(charp_freep) char *text = json_text(object);
        fprintf(stderr, "%s\n", text);
    } else {
        sim_page_faults(&page, desk->name, desk->document, json_get(object, "errors"));
    }
    return CLI_NOT_OK;
}

static void show(const struct desk *desk, const struct json *result)
{
    struct page page = page_on(desk->cli, desk->cli->out);

    if (desk->cli->json) {
        CLEANUP(charp_freep) char *text = json_text(result);
        fprintf(desk->cli->out, "%s\n", text);
    } else if (json_has(result, "outputs")) {
        sim_page_result(&page, result);
    } else {
        outline_value(&page, (struct margin){0}, result); /* the price of a dry run */
    }
}

static int simulate(const struct desk *desk, struct faults *faults)
{
    CLEANUP(mc_freep) struct mc *mc = mc_new(desk->document, faults);
    CLEANUP(sim_freep) struct sim *sim = NULL;
    CLEANUP(json_freep) struct json *result = NULL;

    if (!mc)
        return refuse(desk, faults);
    if (mc->dry_run) {
        result = mc_dry_run(mc);
        show(desk, result);
        return CLI_OK;
    }
    sim = sim_new(mc);
    if (!sim_run(sim, &(struct sim_how){.n_threads = desk->n_threads}, faults))
        return refuse(desk, faults);
    result = sim_result(sim);
    show(desk, result);
    return CLI_OK;
}

static unsigned n_processors(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static bool read_threads(const struct arguments *arguments, unsigned *ret_n)
{
    uint64_t n = n_processors();

    if (!arguments_number(arguments, CLI_OPTION_THREADS, &n))
        return false;
    if (n < 1 || n > MAX_THREADS) {
        fprintf(stderr, "parley simulate: --threads wants a number from 1 to %d\n", MAX_THREADS);
        return false;
    }
    *ret_n = (unsigned)n;
    return true;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    CLEANUP(json_freep) struct json *document = NULL;
    struct desk desk = {.cli = cli, .name = arguments->operands[0]};
    const char *file = desk.name;
    struct faults faults = {0};
    struct error error = {0};
    struct buf body;
    int r = CLI_USAGE;

    if (strcmp(file, "-") == 0)
        desk.name = "standard input";
    (void)setlocale(LC_CTYPE, ""); /* which characters the terminal has */
    buf_init(&body, CLI_MAX_BODY_BYTES);
    if (read_threads(arguments, &desk.n_threads) && cli_read("simulate", file, &body)) {
        r = CLI_NOT_OK;
        if (json_parse(buf_span(&body), NULL, &document, &error) < 0) {
            fprintf(stderr, "parley simulate: %s: %s\n", desk.name, error.message);
        } else {
            desk.document = document;
            r = simulate(&desk, &faults);
        }
    }
    faults_deinit(&faults);
    buf_deinit(&body);
    return r;
}

const struct command command_simulate = {
    .name = "simulate",
    .operands = "FILE|-",
    .min_operands = 1,
    .max_operands = 1,
    .options = 1U << CLI_OPTION_THREADS,
    .summary = "Run a Monte Carlo model here",
    .help =
        "Reads a model (the request of the kind montecarlo, schemas/montecarlo.json) and computes "
        "it in\n"
        "this process: neither a door nor Redis nor a worker is needed. Prints each output's mean, "
        "percentiles\n"
        "and probabilities, each with its interval, a histogram, and what drives it; with --json "
        "the result\n"
        "object that a job of this model gives, to the byte, whatever the number of threads.\n\n"
        "Every fault of a model is shown with its place, and the exit status is 1.\n\n"
        "  echo '{\"variables\":{\"a\":\"10 to 30\"},\"outputs\":{\"twice\":\"2*a\"}}' | parley "
        "simulate -\n",
    .run = run,
};
