/* parley eval debate: puts a set of questions with known answers to debates, and says how often a
 * single model, a blind vote and the debate were right, at what cost.
 *
 * The set is a file of one JSON object a line: a request of /v1/debate and "expected". All jobs are
 * submitted first, then waited for in their order; the fleet decides how many run at once. With
 * --rehearsal the rehearsal provider is told the answers, how often its members know them, and how
 * often they join others without a reason: what the protocol makes of such members costs nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/eval_score.h"
#include "cli/page.h"
#include "clock.h"
#include "job.h"
#include "json.h"
#include "loop.h"
#include "text.h"

#define MAX_QUESTIONS 10000
#define POLL_MS 50
#define WAIT_S 900

struct question {
    struct json *request, *expected; /* owned */
    char id[ID_TEXT_BYTES];
};

struct eval {
    struct cli *cli;
    struct question *questions; /* owned */
    size_t n;
    struct score score;
};

static void eval_deinit(struct eval *eval)
{
    for (size_t i = 0; i < eval->n; i++) {
        json_free(eval->questions[i].request);
        json_free(eval->questions[i].expected);
    }
    free(eval->questions);
}

/* ---- the set ---- */

static bool copy_member(const char *key, const struct json *value, void *request)
{
    if (strcmp(key, "expected") != 0)
        json_set(request, key, json_copy(value));
    return true;
}

static int read_question(struct eval *eval, struct span line, size_t number)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct question *question = &eval->questions[eval->n];
    struct error error = {0};

    if (json_parse(line, NULL, &json, &error) != 0 || !json_is(json, JSON_OBJECT)) {
        fprintf(stderr, "parley eval: line %zu is no JSON object: %s\n", number, error.message);
        return CLI_USAGE;
    }
    if (json_type(json_get(json, "expected")) == JSON_NULL) {
        fprintf(stderr, "parley eval: line %zu has no \"expected\" answer\n", number);
        return CLI_USAGE;
    }
    *question = (struct question){json_object(), json_copy(json_get(json, "expected")), ""};
    json_each(json, copy_member, question->request);
    eval->n++;
    return CLI_OK;
}

static int read_set(struct eval *eval, struct span text)
{
    struct span line;
    size_t number = 0;
    int r = CLI_OK;

    eval->questions = xcalloc(MAX_QUESTIONS, sizeof(*eval->questions));
    while (r == CLI_OK && text_next(&text, '\n', &line)) {
        number++;
        if (text_trim(line).n == 0)
            continue;
        if (eval->n == MAX_QUESTIONS) {
            fprintf(stderr, "parley eval: more than %d questions\n", MAX_QUESTIONS);
            return CLI_USAGE;
        }
        r = read_question(eval, line, number);
    }
    if (r == CLI_OK && eval->n == 0) {
        fprintf(stderr, "parley eval: the file has no question\n");
        return CLI_USAGE;
    }
    return r;
}

/* ---- the rehearsal's script ---- */

static bool read_share(const struct arguments *arguments, enum cli_option option, double fallback,
                       double *ret_share)
{
    const char *text = arguments->values[option];
    char *end = NULL;

    *ret_share = text ? strtod(text, &end) : fallback;
    if (!text || (end != text && *end == '\0' && *ret_share >= 0 && *ret_share <= 1))
        return true;
    fprintf(stderr, "parley eval: \"%s\" is no share from 0 to 1\n", text);
    return false;
}

static struct json *rule_for(const struct question *question, double accuracy, double conformity)
{
    struct json *rule = json_object(), *member = json_object();

    json_set(rule, "contains", json_copy(json_get(question->request, "question")));
    json_set(member, "answer", json_copy(question->expected));
    json_set_number(member, "accuracy", accuracy);
    json_set_number(member, "conformity", conformity);
    json_set(rule, "member", member);
    return rule;
}

static int set_script(const struct eval *eval, const struct arguments *arguments)
{
    struct cli rehearsal = *eval->cli;
    struct json *script = json_object(), *rules = json_array();
    struct answer answer = {0};
    double accuracy, conformity;

    json_set(script, "rules", rules);
    if (!read_share(arguments, CLI_OPTION_ACCURACY, 0.6, &accuracy) ||
        !read_share(arguments, CLI_OPTION_CONFORMITY, 0.3, &conformity)) {
        json_free(script);
        return CLI_USAGE;
    }
    for (size_t i = 0; i < eval->n; i++)
        json_append(rules, rule_for(&eval->questions[i], accuracy, conformity));
    CLEANUP(charp_freep) char *body = json_text(script);
    json_free(script);
    rehearsal.url = arguments->values[CLI_OPTION_REHEARSAL];
    int r = cli_call(&rehearsal, &(struct call){"POST", "/script", span_of(body), NULL}, &answer);
    answer_deinit(&answer);
    return r;
}

/* ---- jobs ---- */

static int submit(struct eval *eval, struct question *question)
{
    CLEANUP(charp_freep) char *body = json_text(question->request);
    struct answer answer;
    int r = cli_call(eval->cli, &(struct call){"POST", "/v1/debate", span_of(body), NULL}, &answer);

    if (r == CLI_OK)
        (void)snprintf(question->id, sizeof(question->id), "%.*s", ID_TEXT_BYTES - 1,
                       json_get_string(answer.json, "id", "").at);
    answer_deinit(&answer);
    return r;
}

static void on_time(void *arg)
{
    *(bool *)arg = true;
}

static void pause_for(struct loop *loop, int64_t ms)
{
    struct loop_timer timer;
    bool over = false;

    loop_timer_init(&timer, loop, on_time, &over);
    loop_timer_set(&timer, ms);
    while (!over)
        loop_turn(loop, -1);
}

static bool has_ended(const struct json *job)
{
    enum job_state state;

    return job_state_parse(json_get_string(job, "status", ""), &state) == 0 &&
           job_state_finished(state);
}

static int wait_for(struct eval *eval, const struct question *question)
{
    CLEANUP(charp_freep) char *path = xprintf("/v1/jobs/%s", question->id);
    int64_t until_ms = clock_monotonic_ms() + (int64_t)WAIT_S * 1000;

    for (;;) {
        struct answer answer;
        int r = cli_call(eval->cli, &(struct call){.method = "GET", .path = path}, &answer);
        bool over = r != CLI_OK || has_ended(answer.json) || clock_monotonic_ms() > until_ms;
        const struct json *result = r == CLI_OK ? json_get(answer.json, "result") : NULL;

        if (over && result && json_get_bool(result, "conclusive", false))
            score_add(&eval->score, result, question->expected);
        else if (over)
            eval->score.n_lost++;
        answer_deinit(&answer);
        if (over)
            return r;
        pause_for(eval->cli->loop, POLL_MS);
    }
}

static int measure(struct eval *eval)
{
    int r = CLI_OK;

    for (size_t i = 0; r == CLI_OK && i < eval->n; i++)
        r = submit(eval, &eval->questions[i]);
    for (size_t i = 0; r == CLI_OK && i < eval->n; i++)
        r = wait_for(eval, &eval->questions[i]);
    return r;
}

static void print(const struct eval *eval)
{
    const struct page page = {eval->cli->out, eval->cli->colour, eval->cli->width};
    CLEANUP(json_freep) struct json *json = score_json(&eval->score);
    CLEANUP(charp_freep) char *text = json_text(json);

    if (eval->cli->json)
        fprintf(eval->cli->out, "%s\n", text);
    else
        score_print(&page, &eval->score);
}

static int run(struct cli *cli, const struct arguments *arguments)
{
    struct eval eval = {.cli = cli};
    struct buf text;
    int r;

    if (strcmp(arguments->operands[0], "debate") != 0) {
        fprintf(stderr, "parley eval: only debates can be evaluated, not \"%s\"\n",
                arguments->operands[0]);
        return CLI_USAGE;
    }
    buf_init(&text, CLI_MAX_BODY_BYTES);
    r = cli_read("eval", arguments->operands[1], &text) ? CLI_OK : CLI_USAGE;
    if (r == CLI_OK)
        r = read_set(&eval, buf_span(&text));
    if (r == CLI_OK && arguments->values[CLI_OPTION_REHEARSAL])
        r = set_script(&eval, arguments);
    if (r == CLI_OK)
        r = measure(&eval);
    if (r == CLI_OK)
        print(&eval);
    buf_deinit(&text);
    eval_deinit(&eval);
    return r;
}

const struct command command_eval = {
    .name = "eval",
    .operands = "debate FILE|-",
    .min_operands = 2,
    .max_operands = 2,
    .options = 1U << CLI_OPTION_REHEARSAL | 1U << CLI_OPTION_ACCURACY | 1U << CLI_OPTION_CONFORMITY,
    .summary =
        "Measure whether debating pays: single model, blind vote and debate on known answers",
    .help =
        "FILE has one JSON object a line: a request of /v1/debate, and \"expected\", its answer.\n"
        "Every question is one debate; each member's blind answer stands for a single model.\n"
        "With --rehearsal URL nothing is paid: the rehearsal's members know the answer to a\n"
        "choice with --accuracy and follow others with --conformity.\n",
    .run = run,
};
