/* parley dead: jobs that were given up: because their workers died with them too often, or because
 * every attempt failed. All of it is asked of Redis itself, so that it works without a door.
 *
 * A letter and the job's log and answers are kept until it is retried or dropped (at most 10,000 a
 * kind, parley.lua). Those named by their ids are done one after the other; with --all page by
 * page, from the newest on, so that letters which come meanwhile are left for the next time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/outline.h"
#include "cli/page.h"
#include "clock.h"
#include "job.h"
#include "json.h"
#include "kinds.h"
#include "redis.h"

#define DEFAULT_LIMIT 20
#define PAGE_LETTERS 200
#define N_BEFORE_IDS 2 /* operands: verb, kind */

struct dead {
    struct cli *cli;
    struct redis *redis;
    const struct arguments *arguments;
    char *stream; /* <kind>.dead */
};

/* ---- looking ---- */

static int ask_page(const struct dead *dead, const char *before, uint64_t n, struct json **ret_page)
{
    CLEANUP(charp_freep) char *count = xprintf("%" PRIu64, n);
    const char *const words[] = {"FCALL_RO", "parley1_dead_list", "1", dead->stream, before, count,
                                 NULL};

    return cli_ask(dead->cli, dead->redis, words, ret_page);
}

static void print_letter(const struct page *page, const struct json *letter)
{
    const struct json *error = json_get(letter, "error");
    char at[CLOCK_TEXT_BYTES];
    struct buf row;

    clock_text(json_get_integer(letter, "at_ms", 0), at);
    buf_init(&row, 8192);
    buf_addf(&row, "%-26s %.19s %5" PRId64 "  ", json_get_string(letter, "job", "").at, at,
             json_get_integer(letter, "tries", 0));
    buf_addf(&row, "%-12s %-8s %-16s ", json_get_string(letter, "reason", "").at,
             json_get_string(letter, "signal", "").at, json_get_string(letter, "step", "").at);
    buf_addf(&row, "%s: %s", json_get_string(error, "code", "").at,
             json_get_string(error, "message", "").at);
    page_row(page, (struct margin){0}, PAGE_PLAIN, buf_span(&row));
    buf_deinit(&row);
}

static void print_page(const struct dead *dead, const struct json *letters)
{
    const struct page page = {dead->cli->out, dead->cli->colour, dead->cli->width};
    char head[128];

    if (!dead->cli->json) {
        (void)snprintf(head, sizeof(head), "%-26s %-19s %5s  %-12s %-8s %-16s %s", "JOB", "SINCE",
                       "TRIES", "REASON", "SIGNAL", "STEP", "ERROR");
        page_row(&page, (struct margin){0}, PAGE_BOLD, span_of(head));
    }
    for (size_t i = 0; i < json_length(letters); i++) {
        if (!dead->cli->json) {
            print_letter(&page, json_at(letters, i));
            continue;
        }
        CLEANUP(charp_freep) char *text = json_text(json_at(letters, i));
        fprintf(dead->cli->out, "%s\n", text);
    }
}

static int list(struct dead *dead)
{
    CLEANUP(json_freep) struct json *page = NULL;
    uint64_t limit = DEFAULT_LIMIT;

    if (!arguments_number(dead->arguments, CLI_OPTION_LIMIT, &limit))
        return CLI_USAGE;
    int r = ask_page(dead, "", limit, &page);
    if (r == CLI_OK)
        print_page(dead, json_get(page, "letters"));
    return r;
}

static int no_letter(const struct dead *dead, const char *id)
{
    fprintf(stderr, "parley dead: %s is not among the dead letters of %s\n", id,
            dead->arguments->operands[1]);
    return CLI_REFUSED;
}

static int show_one(struct dead *dead, const char *id)
{
    const struct page page = {dead->cli->out, dead->cli->colour, dead->cli->width};
    CLEANUP(json_freep) struct json *letter = NULL;
    char key[JOB_KEY_BYTES];

    job_key(id, key);
    const char *const words[] = {"FCALL_RO", "parley1_dead_show", "2", dead->stream, key, NULL};
    int r = cli_ask(dead->cli, dead->redis, words, &letter);
    if (r != CLI_OK)
        return r;
    if (!letter)
        return no_letter(dead, id);
    if (dead->cli->json) {
        CLEANUP(charp_freep) char *text = json_text(letter);
        fprintf(dead->cli->out, "%s\n", text);
    } else {
        outline_value(&page, (struct margin){0}, letter);
    }
    return CLI_OK;
}

/* ---- doing ---- */

/* function: parley1_dead_retry or parley1_dead_drop. *done: whether there was such a letter. */
static int act(struct dead *dead, const char *function, const char *id, bool *done)
{
    CLEANUP(json_freep) struct json *answer = NULL;
    char key[JOB_KEY_BYTES], at[CLOCK_TEXT_BYTES];

    job_key(id, key);
    clock_text(clock_wall_ms(), at);
    const char *const words[] = {"FCALL", function, "2", dead->stream, key, "", at, NULL};
    int r = cli_ask(dead->cli, dead->redis, words, &answer);
    *done = json_bool(answer);
    return r;
}

static int act_on_named(struct dead *dead, const char *function, const char *did)
{
    int status = CLI_OK;

    for (size_t i = N_BEFORE_IDS; i < dead->arguments->n_operands; i++) {
        const char *id = dead->arguments->operands[i];
        bool done = false;
        int r = act(dead, function, id, &done);
        if (r != CLI_OK)
            return r;
        if (done)
            fprintf(dead->cli->out, "%s %s\n", id, did);
        else
            status = no_letter(dead, id);
    }
    return status;
}

static int act_on_page(struct dead *dead, const char *function, const struct json *letters,
                       size_t *n_done)
{
    for (size_t i = 0; i < json_length(letters); i++) {
        bool done = false;
        int r = act(dead, function, json_get_string(json_at(letters, i), "job", "").at, &done);
        if (r != CLI_OK)
            return r;
        *n_done += done;
    }
    return CLI_OK;
}

static int act_on_all(struct dead *dead, const char *function, const char *did)
{
    CLEANUP(charp_freep) char *before = xstrdup("");
    size_t n_done = 0;
    int r;

    for (;;) {
        CLEANUP(json_freep) struct json *page = NULL;
        r = ask_page(dead, before, PAGE_LETTERS, &page);
        const struct json *letters = json_get(page, "letters");
        size_t n = json_length(letters);
        if (r == CLI_OK)
            r = act_on_page(dead, function, letters, &n_done);
        if (r != CLI_OK || n == 0)
            break;
        free(before);
        before = xspandup(json_get_string(json_at(letters, n - 1), "entry", ""));
    }
    fprintf(dead->cli->out, "%zu %s\n", n_done, did);
    return r;
}

static int show(struct dead *dead)
{
    int r = CLI_OK;

    for (size_t i = N_BEFORE_IDS; r == CLI_OK && i < dead->arguments->n_operands; i++)
        r = show_one(dead, dead->arguments->operands[i]);
    return r;
}

static int retry(struct dead *dead)
{
    return dead->arguments->values[CLI_OPTION_ALL]
               ? act_on_all(dead, "parley1_dead_retry", "queued again")
               : act_on_named(dead, "parley1_dead_retry", "is queued again");
}

static int drop(struct dead *dead)
{
    return dead->arguments->values[CLI_OPTION_ALL]
               ? act_on_all(dead, "parley1_dead_drop", "dropped")
               : act_on_named(dead, "parley1_dead_drop", "is dropped");
}

static const struct verb {
    const char *name;
    bool takes_ids, takes_all;
    int (*run)(struct dead *dead);
} verbs[] = {
    {"ls",    false, false, list },
    {"show",  true,  false, show },
    {"retry", true,  true,  retry},
    {"drop",  true,  true,  drop },
};

/* false after saying what is wrong. */
static bool check_operands(const struct verb *verb, const struct arguments *arguments)
{
    bool all = arguments->values[CLI_OPTION_ALL] != NULL,
         ids = arguments->n_operands > N_BEFORE_IDS;

    for (size_t i = N_BEFORE_IDS; i < arguments->n_operands; i++)
        if (!cli_is_id("dead", arguments->operands[i]))
            return false;
    if (!kind_schema(span_of(arguments->operands[1])))
        fprintf(stderr, "parley dead: there is no kind \"%s\"\n", arguments->operands[1]);
    else if (all && (ids || !verb->takes_all))
        fprintf(stderr, "parley dead %s: --all does not fit here\n", verb->name);
    else if (verb->takes_ids && !ids && !all)
        fprintf(stderr, "parley dead %s: which? Name jobs%s\n", verb->name,
                verb->takes_all ? ", or say --all" : "");
    else if (!verb->takes_ids && ids)
        fprintf(stderr, "parley dead %s: too many operands\n", verb->name);
    else
        return true;
    return false;
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    const struct verb *verb = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (strcmp(verbs[i].name, arguments->operands[0]) == 0)
            verb = &verbs[i];
    if (!verb) {
        fprintf(stderr, "parley dead: ls, show, retry or drop, not \"%s\"\n",
                arguments->operands[0]);
        return CLI_USAGE;
    }
    if (!check_operands(verb, arguments))
        return CLI_USAGE;
    CLEANUP(charp_freep) char *stream = xprintf("%s.dead", arguments->operands[1]);
    struct dead dead = {cli, redis_new(cli->loop, cli->redis), arguments, stream};
    int r = verb->run(&dead);
    redis_free(dead.redis);
    return r;
}

const struct command command_dead = {
    .name = "dead",
    .operands = "ls|show|retry|drop KIND [ID...]",
    .min_operands = 2,
    .max_operands = CLI_MAX_OPERANDS,
    .options = 1U << CLI_OPTION_LIMIT | 1U << CLI_OPTION_ALL,
    .summary = "Look at jobs that were given up, and try them again",
    .help =
        "ls     the newest dead letters of a kind: tries, reason, signal, last step, last error\n"
        "show   all that is known of them, with the request and the last events\n"
        "retry  back to the queue with all attempts before them; the log goes on, and what was\n"
        "       answered already is not asked again\n"
        "drop   forget them; their logs go as those of all ended jobs\n",
    .run = run,
};
