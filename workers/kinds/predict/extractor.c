/* The ladder of extraction: what is stored for this text; a language model, or several personas of
 * it at once (ensemble.c); its second try when the first was no extraction; what another job has
 * stored meanwhile; rules; refusal.
 *
 * The first valid extraction of a text is recorded in Redis and used by everybody, so that all
 * spellings and all jobs give the same bytes although models answer differently each time. What
 * rules read is never recorded: it cannot take the place of a model's. The record is named by the
 * hash of the normalised texts and of the versions of extractor and registry. */
#include "extractor.h"

#include <stdlib.h>

#include "buf.h"
#include "ensemble.h"
#include "error.h"
#include "json.h"
#include "llm.h"
#include "run.h"
#include "sha256.h"

#define STORED_S (180LL * 86400)
#define STORED_PART_S 3600 /* where personas are missing */
#define PATIENCE_MS 20000  /* after that rules answer */
#define MAX_TOKENS 2000

void extractor_init(struct extractor *extractor, struct span goal, struct span context,
                    bool rules_only, unsigned n_personas)
{
    char hash[SHA256_TEXT_BYTES];
    struct buf all;

    buf_init(&all, 3 * PREDICT_TEXT_MAX_BYTES);
    buf_addf(&all, "%s\x1f%s\x1f", PREDICT_LLM, registry()->version);
    if (n_personas > 1)
        buf_addf(&all, "ensemble/%u\x1f", n_personas);
    buf_add_span(&all, goal);
    buf_add_char(&all, '\x1f');
    buf_add_span(&all, context);
    sha256_text(buf_span(&all), hash);
    buf_deinit(&all);
    *extractor = (struct extractor){
        .goal = goal,
        .context = context,
        .rules_only = rules_only,
        .n_personas = n_personas,
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
    int r = ensemble_read(json_get(extractor->answer, "readings"), extractor->goal,
                          extractor->context, ret_extraction, &error);
    if (r < 0 && error.code != ERROR_UNPREDICTABLE)
        return false;
    *ret_result = r < 0 ? run_fail(run, error.code, "%s", error.message) : STEP_NEXT;
    return true;
}

/* ---- the model ---- */

/* What one call is for. */
struct question {
    const struct extractor *extractor;
    const struct member *member; /* NULL = nobody in particular */
};

static void ask(struct run *run, struct llm_question *question, const void *arg)
{
    const struct question *what = arg;
    const struct extractor *extractor = what->extractor;
    const struct prompt prompt = {extractor->goal, extractor->context, extractor->wrong,
                                  extractor->why};

    (void)run;
    question->system = prompt_system(what->member);
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
static struct json *reading_of(const struct extractor *extractor, const struct member *member,
                               const struct run_answer *answer, struct error *why)
{
    CLEANUP(json_freep) struct json *output = json_in(answer->text);
    struct extraction extraction;

    if (predict_read_llm(output, extractor->goal, extractor->context, &extraction, why) < 0 &&
        why->code != ERROR_UNPREDICTABLE)
        return NULL;
    return ensemble_record(member, json_get_string(answer->json, "provider", ""),
                           json_get_string(answer->json, "model", ""), STEAL(output));
}

static const char *reason_of(const struct run_answer *answer)
{
    struct span code = json_get_string(json_get(answer->json, "error"), "code", "");

    return span_equal(code, span_of(error_name(ERROR_BUDGET))) ? "budget" : "llm_unreachable";
}

/* Asks the model, twice if need be. STEP_NEXT: readings, or *ret_reason why there are none. */
static enum step_result by_model(struct extractor *extractor, struct run *run,
                                 struct json *readings, const char **ret_reason)
{
    static const char *const keys[] = {"extract", "extract/repair"};
    const struct question question = {extractor, NULL};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const struct run_answer *answer =
            run_ask(run, keys[i], i == 0 ? "Reading the goal" : "Reading it again", ask, &question);
        if (!answer)
            return STEP_WAIT;
        if (answer->failed) {
            *ret_reason = reason_of(answer);
            return STEP_NEXT;
        }
        struct error why = {0};
        struct json *reading = reading_of(extractor, &(struct member){0}, answer, &why);
        if (reading) {
            json_append(readings, reading);
            return STEP_NEXT;
        }
        if (!extractor->why) {
            extractor->why = xstrdup(why.message);
            extractor->wrong = answer->text;
        }
    }
    *ret_reason = "llm_invalid";
    return STEP_NEXT;
}

/* ---- personas ---- */

static const char *member_key(const struct member *member)
{
    return run_key("ensemble/%s%s", ensemble_persona(member->persona),
                   member->opposite ? "/opposite" : "");
}

/* The i-th of 2 x n_personas. */
static struct member member_at(unsigned i)
{
    return (struct member){.persona = i / 2, .opposite = i % 2 == 1};
}

/* Asks all at once; who gives no extraction is missing. */
static enum step_result by_personas(struct extractor *extractor, struct run *run,
                                    struct json *readings, const char **ret_reason)
{
    const struct run_answer *answers[2 * PREDICT_PERSONAS];
    unsigned n = 2 * extractor->n_personas, n_known = 0;

    for (unsigned i = 0; i < n; i++) {
        const struct member member = member_at(i);
        CLEANUP(charp_freep)
        char *title = xprintf("Reading the goal: %s%s", ensemble_persona(member.persona),
                              member.opposite ? ", the opposite" : "");
        answers[i] =
            run_ask(run, member_key(&member), title, ask, &(struct question){extractor, &member});
        n_known += answers[i] != NULL;
    }
    if (n_known < n)
        return STEP_WAIT;
    for (unsigned i = 0; i < n; i++) {
        const struct member member = member_at(i);
        struct error why = {0};
        struct json *reading =
            answers[i]->failed ? NULL : reading_of(extractor, &member, answers[i], &why);
        if (reading)
            json_append(readings, reading);
        else if (!*ret_reason)
            *ret_reason = answers[i]->failed ? reason_of(answers[i]) : "llm_invalid";
    }
    return STEP_NEXT;
}

static void withdraw(const struct extractor *extractor, struct run *run)
{
    static const char why[] = "it took too long";

    if (extractor->n_personas == 1)
        (void)run_withdraw(run, extractor->why ? "extract/repair" : "extract", ERROR_CANCELLED,
                           why);
    for (unsigned i = 0; extractor->n_personas > 1 && i < 2 * extractor->n_personas; i++) {
        const struct member member = member_at(i);
        (void)run_withdraw(run, member_key(&member), ERROR_CANCELLED, why);
    }
}

/* ---- the ladder ---- */

static struct json *record_of(struct json *readings)
{
    struct json *record = json_object();

    json_set_text(record, "extractor", PREDICT_LLM);
    json_set(record, "readings", readings);
    return record;
}

/* What counts for everybody: these readings, unless somebody was first. A set with gaps is kept for
 * a shorter time; with half of them missing it is not, nobody else shall be served so badly. */
static const struct run_answer *keep(const struct extractor *extractor, struct run *run,
                                     const struct json *record)
{
    size_t n_asked = extractor->n_personas > 1 ? 2 * (size_t)extractor->n_personas : 1;
    size_t n = json_length(json_get(record, "readings"));

    if (2 * n <= n_asked)
        return run_recall(run, "stored/again", extractor->name);
    return run_record(run, "record", extractor->name, record,
                      n == n_asked ? STORED_S : STORED_PART_S);
}

/* Nothing is stored: asks, and takes what counts then. */
static enum step_result by_asking(struct extractor *extractor, struct run *run,
                                  struct extraction *ret_extraction)
{
    struct json *readings = json_array();
    CLEANUP(json_freep) struct json *record = record_of(readings);
    bool late = run_sleep(run, "patience", PATIENCE_MS);
    const char *reason = NULL;
    enum step_result result = extractor->n_personas > 1
                                  ? by_personas(extractor, run, readings, &reason)
                                  : by_model(extractor, run, readings, &reason);

    if (result == STEP_WAIT) {
        if (late)
            withdraw(extractor, run);
        return STEP_WAIT;
    }
    const struct run_answer *stored = keep(extractor, run, record);
    if (!stored)
        return STEP_WAIT;
    if (by_record(extractor, run, stored->json, &result, ret_extraction) ||
        by_record(extractor, run, record, &result, ret_extraction))
        return result;
    return by_rules(extractor, run, reason ? reason : "llm_unreachable", ret_extraction);
}

enum step_result extractor_step(struct extractor *extractor, struct run *run,
                                struct extraction *ret_extraction)
{
    enum step_result result = STEP_NEXT;

    if (extractor->rules_only || !run_has_model(run))
        return by_rules(extractor, run, "rules_only", ret_extraction);
    const struct run_answer *stored = run_recall(run, "stored", extractor->name);
    if (!stored)
        return STEP_WAIT;
    if (by_record(extractor, run, stored->json, &result, ret_extraction))
        return result;
    return by_asking(extractor, run, ret_extraction);
}

void extractor_pool(const struct extractor *extractor, const struct macro *macro,
                    struct extraction *extraction)
{
    if (extractor->n_personas > 1 && extractor->answer &&
        strcmp(extraction->extractor, PREDICT_LLM) == 0)
        ensemble_pool(json_get(extractor->answer, "readings"), extractor->n_personas,
                      extractor->goal, extractor->context, macro, extraction);
}
