/* The ladder of extraction: what is stored for this text; a language model; its second try when the
 * first was no extraction; what another job has stored meanwhile; rules; refusal.
 *
 * The first valid extraction of a text is recorded in Redis and used by everybody, so that all
 * spellings and all jobs give the same bytes although models answer differently each time. What
 * rules read is never recorded: it cannot take the place of a model's. The record is named by the
 * hash of the normalised texts and of the versions of extractor and registry. */
#include "extractor.h"

#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "llm.h"
#include "run.h"
#include "sha256.h"

#define STORED_S (180LL * 86400)
#define PATIENCE_MS 20000 /* after that rules answer */
#define MAX_TOKENS 2000

void extractor_init(struct extractor *extractor, struct span goal, struct span context,
                    bool rules_only)
{
    char hash[SHA256_TEXT_BYTES];
    struct buf all;

    buf_init(&all, 3 * PREDICT_TEXT_MAX_BYTES);
    buf_addf(&all, "%s\x1f%s\x1f", PREDICT_LLM, registry()->version);
    buf_add_span(&all, goal);
    buf_add_char(&all, '\x1f');
    buf_add_span(&all, context);
    sha256_text(buf_span(&all), hash);
    buf_deinit(&all);
    *extractor = (struct extractor){
        .goal = goal,
        .context = context,
        .rules_only = rules_only,
        .name = xprintf("extraction:%s", hash),
    };
}

void extractor_deinit(struct extractor *extractor)
{
    extractor->answer = json_free(extractor->answer);
    free(extractor->name);
    free(extractor->why);
    *extractor = (struct extractor){0};
}

static enum step_result by_rules(struct extractor *extractor, struct run *run, const char *reason,
                                 struct extraction *ret_extraction)
{
    struct error error = {0};

    if (predict_extract(extractor->goal, extractor->context, ret_extraction, &error) < 0)
        return run_fail(run, error.code, "%s", error.message);
    ret_extraction->degraded = reason;
    return STEP_NEXT;
}

/* The recorded extraction; it was valid when it was recorded. false: it is not, under this version.
 */
static bool by_record(struct extractor *extractor, struct run *run, const struct json *record,
                      enum step_result *ret_result, struct extraction *ret_extraction)
{
    struct error error = {0};

    if (!record)
        return false;
    json_free(extractor->answer);
    extractor->answer = json_copy(record);
    int r = predict_read_llm(json_get(extractor->answer, "output"), extractor->goal,
                             extractor->context, ret_extraction, &error);
    if (r < 0 && error.code != ERROR_UNPREDICTABLE)
        return false;
    ret_extraction->provider = json_get_string(extractor->answer, "provider", "");
    ret_extraction->model = json_get_string(extractor->answer, "model", "");
    *ret_result = r < 0 ? run_fail(run, error.code, "%s", error.message) : STEP_NEXT;
    return true;
}

/* ---- the model ---- */

static void ask(struct run *run, struct llm_question *question, const void *arg)
{
    const struct extractor *extractor = arg;
    const struct prompt prompt = {extractor->goal, extractor->context, extractor->wrong,
                                  extractor->why};

    (void)run;
    question->system = prompt_system();
    question->prompt = prompt_text(&prompt);
    question->schema = prompt_schema();
    question->max_tokens = MAX_TOKENS;
    question->temperature = 0;
}

/* The JSON in an answer; a server without structured output may put words or fences around it. */
static struct json *json_in(struct span text)
{
    const char *open = text.n > 0 ? memchr(text.at, '{', text.n) : NULL;
    const char *close = text.n > 0 ? memrchr(text.at, '}', text.n) : NULL;
    struct json *json = NULL;

    if (!open || !close || close < open ||
        json_parse((struct span){open, (size_t)(close - open) + 1}, NULL, &json, NULL) < 0)
        return NULL;
    return json;
}

/* What is to be recorded of an answer; NULL: it is no extraction, `why` says what is wrong. */
static struct json *record_of(const struct extractor *extractor, const struct run_answer *answer,
                              char **ret_why)
{
    CLEANUP(json_freep) struct json *output = json_in(answer->text);
    struct extraction extraction;
    struct error error = {0};

    if (predict_read_llm(output, extractor->goal, extractor->context, &extraction, &error) < 0 &&
        error.code != ERROR_UNPREDICTABLE) {
        *ret_why = xstrdup(error.message);
        return NULL;
    }
    struct json *record = json_object();
    json_set_text(record, "extractor", PREDICT_LLM);
    json_set_string(record, "provider", json_get_string(answer->json, "provider", ""));
    json_set_string(record, "model", json_get_string(answer->json, "model", ""));
    json_set(record, "output", STEAL(output));
    return record;
}

static const char *reason_of(const struct run_answer *answer)
{
    struct span code = json_get_string(json_get(answer->json, "error"), "code", "");

    return span_equal(code, span_of(error_name(ERROR_BUDGET))) ? "budget" : "llm_unreachable";
}

/* Asks the model, twice if need be. STEP_NEXT: *ret_record, or *ret_reason why there is none. */
static enum step_result by_model(struct extractor *extractor, struct run *run,
                                 struct json **ret_record, const char **ret_reason)
{
    static const char *const keys[] = {"extract", "extract/repair"};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct run_answer *answer =
            run_ask(run, keys[i], i == 0 ? "Reading the goal" : "Reading it again", ask, extractor);
        if (!answer)
            return STEP_WAIT;
        if (answer->failed) {
            *ret_reason = reason_of(answer);
            return STEP_NEXT;
        }
        CLEANUP(charp_freep) char *why = NULL;
        *ret_record = record_of(extractor, answer, &why);
        if (*ret_record)
            return STEP_NEXT;
        if (!extractor->why) {
            extractor->why = STEAL(why);
            extractor->wrong = answer->text;
        }
    }
    *ret_reason = "llm_invalid";
    return STEP_NEXT;
}

enum step_result extractor_step(struct extractor *extractor, struct run *run,
                                struct extraction *ret_extraction)
{
    CLEANUP(json_freep) struct json *record = NULL;
    const char *reason = NULL;
    enum step_result result = STEP_NEXT;

    if (extractor->rules_only || !run_has_model(run))
        return by_rules(extractor, run, "rules_only", ret_extraction);
    const struct run_answer *stored = run_recall(run, "stored", extractor->name);
    if (!stored)
        return STEP_WAIT;
    if (by_record(extractor, run, stored->json, &result, ret_extraction))
        return result;
    bool late = run_sleep(run, "patience", PATIENCE_MS);
    result = by_model(extractor, run, &record, &reason);
    if (result == STEP_WAIT) {
        if (late)
            (void)run_withdraw(run, extractor->why ? "extract/repair" : "extract", ERROR_CANCELLED,
                               "it took too long");
        return STEP_WAIT;
    }
    stored = record ? run_record(run, "record", extractor->name, record, STORED_S)
                    : run_recall(run, "stored/again", extractor->name);
    if (!stored)
        return STEP_WAIT;
    if (by_record(extractor, run, stored->json, &result, ret_extraction))
        return result;
    return by_rules(extractor, run, reason ? reason : "llm_unreachable", ret_extraction);
}
