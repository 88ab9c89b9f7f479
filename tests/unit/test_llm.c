/* The life of a call over its tries, against a scripted server: what the caller is told and in
 * which order, what is repeated, what is counted, and that no key leaves the one header it belongs
 * into. */
#include "llm.h"

#include <check.h>
#include <errno.h>

#include "all_providers.h"
#include "fetch.h"
#include "json.h"
#include "main.h"
#include "script_server.h"

#define STREAM "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
#define JSON_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define FAILED(status, headers, body)                                                              \
    "HTTP/1.1 " status " x\r\n" headers "Connection: close\r\n\r\n" body
#define TEXT_CHUNK(text)                                                                           \
    "data: {\"model\":\"gpt-6-luna\",\"choices\":[{\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define LAST_CHUNK(reason)                                                                         \
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"" reason "\"}]}\n\n"                    \
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":10}}\n\n"         \
    "data: [DONE]\n\n"
#define GOOD STREAM TEXT_CHUNK("Hel") TEXT_CHUNK("lo") LAST_CHUNK("stop")
#define SOON "retry-after-ms: 1\r\n"

static struct loop *loop;
static struct fetcher *fetcher;
static struct llm *llm;
static struct script_server server;

/* What the caller was told, as one line: "start1 +Hel retry start2 …". */
struct told {
    struct llm_call *call;
    struct buf story;
    int n_done;
    struct llm_answer answer; /* spans copied below */
    char text[100], stop[20], model[40];
    bool cancel_at_delta;
    double worst_usd; /* as on_price said last */
};

static void on_price(double worst_usd, void *arg)
{
    struct told *told = arg;

    told->worst_usd = worst_usd;
    buf_add_text(&told->story, "price ");
}

static void on_start(const char *name, const char *model, int attempt, int64_t waited_ms, void *arg)
{
    struct told *told = arg;

    ck_assert_str_eq(name, "openai");
    ck_assert_str_eq(model, "gpt-6-luna");
    ck_assert_int_ge(waited_ms, 0);
    buf_addf(&told->story, "start%d ", attempt);
}

static void on_delta(struct span text, void *arg)
{
    struct told *told = arg;

    buf_addf(&told->story, "+%.*s ", (int)text.n, text.at);
    if (told->cancel_at_delta)
        told->call = llm_cancel(told->call);
}

static void on_retry(const struct error *error, int64_t ms, void *arg)
{
    struct told *told = arg;

    ck_assert(error->message[0]);
    ck_assert_ptr_null(strstr(error->message, SECRET_KEY));
    ck_assert_int_ge(ms, 0);
    buf_add_text(&told->story, "retry ");
}

static void copy(char *out, size_t size, struct span text)
{
    (void)snprintf(out, size, "%.*s", (int)text.n, text.at);
}

static void on_done(const struct llm_answer *answer, void *arg)
{
    struct told *told = arg;

    told->n_done++;
    told->answer = *answer;
    copy(told->text, sizeof(told->text), answer->text);
    copy(told->stop, sizeof(told->stop), answer->stop);
    copy(told->model, sizeof(told->model), answer->model);
    told->call = llm_cancel(told->call);
}

static const struct llm_ops ops = {NULL, NULL, on_start, on_delta, on_retry, on_done};
static const struct llm_ops priced_ops = {NULL, on_price, on_start, on_delta, on_retry, on_done};

static void serve(const struct script_answer *answers, size_t n_answers)
{
    char url[60];

    loop = loop_new();
    script_server_init(&server, loop, answers, n_answers);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    (void)setenv("PARLEY_OPENAI_BASE_URL", url, 1);
    set_up();
    fetcher = fetcher_new(loop);
    llm = llm_new(loop, fetcher, providers, NULL);
}

static void end(struct told *told)
{
    buf_deinit(&told->story);
    llm = llm_free(llm);
    fetcher = fetcher_free(fetcher);
    script_server_deinit(&server);
    tear_down();
    loop = loop_free(loop);
}

static void ask_with(struct told *told, const struct llm_ops *with, const char *name,
                     struct json *schema)
{
    struct llm_question question = {.temperature = 0.5, .max_tokens = 50, .schema = schema};

    question.provider = xstrdup(name);
    question.prompt = xstrdup("Say hello.");
    buf_init(&told->story, 100000);
    told->call = llm_ask(llm, &question, "flow", with, told);
    llm_question_clear(&question); /* it was copied */
    ck_assert_uint_eq(told->story.n, 0);
    ck_assert_int_eq(told->n_done, 0);
}

static void ask(struct told *told, const char *name, struct json *schema)
{
    ask_with(told, &ops, name, schema);
}

#define ROW_ANSWERS 4

START_TEST(calls_end_as_they_should)
{
    // clang-format off
    static const struct {
        const char *name;
        struct script_answer answers[ROW_ANSWERS];
        const char *story, *text, *stop;
        int outcome;
        enum error_code code;
        int64_t input, output;
        bool estimated;
        int64_t retry_after_ms;
    } rows[] = {
        {"a good answer", {{GOOD, true}}, "start1 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"429, then good", {{FAILED("429", SOON, "{\"error\":{\"code\":\"rate_limit_exceeded\"}}"), true}, {GOOD, true}},
         "start1 retry start2 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"529 and 503, then good", {{FAILED("529", SOON, ""), true}, {FAILED("503", SOON, "<html>"), true}, {GOOD, true}},
         "start1 retry start2 retry start3 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"three times 500 is enough", {{FAILED("500", SOON, ""), true}, {FAILED("500", SOON, ""), true}, {FAILED("500", SOON, ""), true}},
         "start1 retry start2 retry start3 ", "", "cut", -EPROTO, ERROR_PROVIDER, 0, 0, false, 1},
        {"the quota is used up", {{FAILED("429", SOON, "{\"error\":{\"code\":\"insufficient_quota\"}}"), true}},
         "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER_REFUSED, 0, 0, false, 1},
        {"our own fault", {{FAILED("400", "", "{\"error\":{\"message\":\"no\"}}"), true}}, "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER_REFUSED, 0, 0, false, 0},
        {"our own fault, but the server wants it again", {{FAILED("400", SOON "x-should-retry: true\r\n", ""), true}, {GOOD, true}},
         "start1 retry start2 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"the server does not want it again", {{FAILED("500", "x-should-retry: false\r\n", ""), true}}, "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER, 0, 0, false, 0},
        {"a wait longer than we have", {{FAILED("429", "retry-after: 61\r\n", ""), true}}, "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER, 0, 0, false, 61000},
        {"cut after text: restarted visibly, once", {{STREAM TEXT_CHUNK("Hel"), true}, {GOOD, true}},
         "start1 +Hel retry start2 +Hel +lo ", "Hello", "end", 0, 0, 23, 11, true, 0},
        {"cut after text twice", {{STREAM TEXT_CHUNK("Hel"), true}, {STREAM TEXT_CHUNK("Hel") TEXT_CHUNK("l"), true}},
         "start1 +Hel retry start2 +Hel +l ", "Hell", "cut", -ECONNRESET, ERROR_PROVIDER, 6, 2, true, 0},
        {"an error event after text", {{STREAM TEXT_CHUNK("Hel") "data: {\"error\":{\"type\":\"server_error\"}}\n\n", false}, {GOOD, true}},
         "start1 +Hel retry start2 +Hel +lo ", "Hello", "end", 0, 0, 23, 11, true, 0},
        {"nothing came", {{"", true}, {GOOD, true}}, "start1 retry start2 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"a whole answer instead of a stream",
         {{JSON_HEAD "{\"choices\":[{\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}],"
                            "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}",
           true}},
         "start1 +Hello ", "Hello", "end", 0, 0, 3, 2, false, 0},
        {"an error with status 200", {{JSON_HEAD "{\"code\":\"no\",\"error\":\"never\"}", true}}, "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER_REFUSED, 0, 0, false, 0},
        {"a page from a proxy", {{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n" SOON "\r\n<>", true}, {GOOD, true}},
         "start1 retry start2 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"a redirect", {{"HTTP/1.1 302 x\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", true}}, "start1 ", "", "cut", -EPROTO, ERROR_PROVIDER, 0, 0, false, 0},
        {"a refusal", {{STREAM TEXT_CHUNK("I") LAST_CHUNK("content_filter"), true}}, "start1 +I ", "", "refusal", -EPERM, ERROR_PROVIDER_REFUSED, 20, 10, false, 0},
        {"no text because of the limit", {{STREAM LAST_CHUNK("length"), true}}, "start1 ", "", "length", -ENODATA, ERROR_PROVIDER_REFUSED, 20, 10, false, 0},
        {"an empty answer is an answer", {{STREAM LAST_CHUNK("stop"), true}}, "start1 ", "", "end", 0, 0, 20, 10, false, 0},
        {"text up to the limit", {{STREAM TEXT_CHUNK("He") LAST_CHUNK("length"), true}}, "start1 +He ", "He", "length", 0, 0, 20, 10, false, 0},
        {"the connection stays open after the end", {{GOOD, false}}, "start1 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
        {"an option the server does not know is left out", {{FAILED("400", "", "{\"error\":{\"message\":\"unknown field stream_options\"}}"), true}, {GOOD, true}},
         "start1 retry start2 +Hel +lo ", "Hello", "end", 0, 0, 20, 10, false, 0},
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct told told = {0};
        size_t n_answers = 0;

        while (n_answers < ROW_ANSWERS && rows[i].answers[n_answers].bytes)
            n_answers++;
        serve(rows[i].answers, n_answers);
        ask(&told, "openai", NULL);
        TURN_UNTIL(loop, told.n_done > 0);
        ck_assert_msg(strcmp(told.story.at, rows[i].story) == 0, "%s: %s", rows[i].name,
                      told.story.at);
        ck_assert_msg(told.answer.outcome == rows[i].outcome, "%s: %d %s", rows[i].name,
                      told.answer.outcome, told.answer.error.message);
        ck_assert_msg(strcmp(told.text, rows[i].text) == 0, "%s: %s", rows[i].name, told.text);
        ck_assert_msg(strcmp(told.stop, rows[i].stop) == 0, "%s: %s", rows[i].name, told.stop);
        ck_assert_msg(told.answer.error.code == rows[i].code, "%s: %d", rows[i].name,
                      (int)told.answer.error.code);
        ck_assert_msg(told.answer.usage.input_tokens == rows[i].input, "%s: %lld", rows[i].name,
                      (long long)told.answer.usage.input_tokens);
        ck_assert_msg(told.answer.usage.output_tokens == rows[i].output, "%s: %lld", rows[i].name,
                      (long long)told.answer.usage.output_tokens);
        ck_assert_msg(told.answer.usage.estimated == rows[i].estimated, "%s", rows[i].name);
        ck_assert_msg(told.answer.retry_after_ms == rows[i].retry_after_ms, "%s", rows[i].name);
        ck_assert_str_eq(told.model, "gpt-6-luna");
        ck_assert_uint_eq(server.n_requests, n_answers);
        ck_assert_uint_eq((size_t)told.answer.tries, n_answers);
        end(&told);
    }
}
END_TEST

START_TEST(the_key_is_in_its_header_and_nowhere_else)
{
    static const struct script_answer answers[] = {
        {FAILED("401", "",
         "{\"error\":{\"message\":\"Incorrect API key provided: " SECRET_KEY "\"}}"),
         true},
    };
    struct told told = {0};

    serve(answers, 1);
    ask(&told, "openai", NULL);
    TURN_UNTIL(loop, told.n_done > 0);
    ck_assert(
        text_contains(buf_span(&server.requests), "\r\nauthorization: Bearer " SECRET_KEY "\r\n"));
    ck_assert_str_eq(told.answer.error.message, "openai: status 401");
    ck_assert_int_eq(told.answer.outcome, -EPROTO);
    end(&told);
}
END_TEST

START_TEST(what_a_server_refused_once_is_not_sent_to_it_again)
{
    static const struct script_answer answers[] = {
        {FAILED("400", "", "unknown field stream_options"), true},
        {GOOD,        true         },
        {GOOD, true},
    };
    struct told first = {0}, second = {0};

    serve(answers, 3);
    ask(&first, "openai", NULL);
    TURN_UNTIL(loop, first.n_done > 0);
    buf_clear(&server.requests);
    ask(&second, "openai", NULL);
    TURN_UNTIL(loop, second.n_done > 0);
    ck_assert_str_eq(second.story.at, "start1 +Hel +lo ");
    ck_assert(text_contains(buf_span(&server.requests), "\"stream\":true"));
    ck_assert(!text_contains(buf_span(&server.requests), "stream_options"));
    buf_deinit(&first.story);
    end(&second);
}
END_TEST

START_TEST(a_cancelled_call_closes_its_connection_and_calls_back_no_more)
{
    static const struct script_answer answers[] = {
        {STREAM TEXT_CHUNK("Hel") TEXT_CHUNK("lo"), false}
    };
    struct told told = {.cancel_at_delta = true};

    serve(answers, 1);
    ask(&told, "openai", NULL);
    TURN_UNTIL(loop, server.n_closed_by_client == 1);
    ck_assert_str_eq(told.story.at, "start1 +Hel ");
    ck_assert_int_eq(told.n_done, 0);
    ck_assert_ptr_null(told.call);
    end(&told);
}
END_TEST

START_TEST(a_call_can_be_cancelled_before_it_began_and_while_it_waits)
{
    static const struct script_answer answers[] = {
        {FAILED("503", "retry-after: 30\r\n", ""), true}
    };
    struct told early = {0}, waiting = {0};

    serve(answers, 1);
    ask(&early, "openai", NULL);
    early.call = llm_cancel(early.call);
    ask(&waiting, "openai", NULL);
    TURN_UNTIL(loop, waiting.story.n > 0 && strcmp(waiting.story.at, "start1 retry ") == 0);
    waiting.call = llm_cancel(waiting.call);
    loop_turn(loop, 20);
    ck_assert_uint_eq(early.story.n, 0);
    ck_assert_int_eq(waiting.n_done, 0);
    buf_deinit(&early.story);
    end(&waiting);
}
END_TEST

START_TEST(a_provider_that_is_not_there_fails_the_call)
{
    struct told told = {0};

    serve(NULL, 0);
    ask(&told, "acme", NULL);
    TURN_UNTIL(loop, told.n_done > 0);
    ck_assert_int_eq(told.answer.outcome, -ENOENT);
    ck_assert_str_eq(told.answer.error.message, "there is no provider \"acme\"");
    ck_assert_uint_eq(told.story.n, 0);
    end(&told);
}
END_TEST

START_TEST(every_try_waits_for_its_price_to_be_granted)
{
    static const struct script_answer answers[] = {
        {STREAM TEXT_CHUNK("Hel"), true},
        {GOOD,                     true},
    };
    struct llm_usage spent;
    struct told told = {0};

    serve(answers, 2);
    ask_with(&told, &priced_ops, "openai", NULL);
    TURN_UNTIL(loop, strcmp(told.story.at ? told.story.at : "", "price ") == 0);
    double first_usd = told.worst_usd;
    /* 50 tokens of answer at 0.5 dollars a million, the prompt and what stands around it at 0.125.
     */
    ck_assert_double_ge(first_usd, 50 * 0.5e-6 + 3 * 0.125e-6);
    ck_assert_double_le(first_usd, 50 * 0.5e-6 + 50 * 0.125e-6);

    llm_hold(told.call);
    llm_send(told.call); /* nothing is asked any more */
    loop_turn(loop, 20);
    ck_assert_uint_eq(server.n_requests, 0);
    ck_assert(!llm_spent(told.call, &spent));
    llm_again(told.call);
    llm_again(told.call);
    ck_assert_str_eq(told.story.at, "price price ");

    llm_send(told.call);
    TURN_UNTIL(loop, text_contains(buf_span(&told.story), "retry price "));
    ck_assert(llm_spent(told.call, &spent));
    ck_assert_double_eq(told.worst_usd, first_usd + spent.cost_usd);
    ck_assert_double_gt(spent.cost_usd, 0);
    ck_assert_int_eq(told.n_done, 0);
    llm_send(told.call);
    TURN_UNTIL(loop, told.n_done > 0);
    ck_assert_str_eq(told.story.at, "price price start1 +Hel retry price start2 +Hel +lo ");
    ck_assert_uint_eq(server.n_requests, 2);
    end(&told);
}
END_TEST

START_TEST(freeing_the_llm_ends_its_calls_silently)
{
    static const struct script_answer answers[] = {
        {STREAM, false}
    };
    struct told told = {0};

    serve(answers, 1);
    ask(&told, "openai", NULL);
    TURN_UNTIL(loop, server.n_requests == 1);
    llm = llm_free(llm);
    TURN_UNTIL(loop, server.n_closed_by_client == 1);
    ck_assert_int_eq(told.n_done, 0);
    end(&told);
}
END_TEST

TEST_MAIN("llm", calls_end_as_they_should, the_key_is_in_its_header_and_nowhere_else,
          what_a_server_refused_once_is_not_sent_to_it_again,
          a_cancelled_call_closes_its_connection_and_calls_back_no_more,
          a_call_can_be_cancelled_before_it_began_and_while_it_waits,
          a_provider_that_is_not_there_fails_the_call, every_try_waits_for_its_price_to_be_granted,
          freeing_the_llm_ends_its_calls_silently)
