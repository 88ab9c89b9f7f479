/* odds: the card of a prediction (domain.md D6). The prediction is a job of its own, a child of
 * this one with the same request, so the numbers are those of POST /api/predict, byte for byte. The
 * picture is drawn on a thread (labour), from the prediction's answer, which nobody changes.
 *
 * Both are pure functions of the request: another attempt finds the answer remembered, and draws
 * the same bytes again. */
#include <errno.h>

#include "base64.h"
#include "buf.h"
#include "card/card.h"
#include "error.h"
#include "json.h"
#include "kind.h"
#include "run.h"

#define PREDICT_KIND "predict"

struct odds {
    const struct json *request; /* borrowed, as long as the run */
    struct card card;           /* its result is the child's answer, which lives as long */
    /* The thread's, until it is over. */
    struct buf png;
    struct error error;
    int outcome;
};

static int prepare(struct run *run, const struct json *request, void **ret_state,
                   struct error *error)
{
    struct odds *odds = xcalloc(1, sizeof(*odds));
    const struct json *data = json_get(request, "prediction_data");

    (void)run;
    (void)error;
    odds->request = request;
    odds->card.goal = json_get_string(data, "goal", "");
    odds->card.user_name = json_get_string(data, "user_name", "");
    buf_init(&odds->png, CARD_MAX_BYTES);
    *ret_state = odds;
    return 0;
}

static void free_state(void *arg)
{
    struct odds *odds = arg;

    if (!odds)
        return;
    buf_deinit(&odds->png);
    free(odds);
}

/* ---- the prediction ---- */

static struct json *same_request(struct run *run, const void *arg)
{
    const struct odds *odds = arg;

    (void)run;
    return json_copy(odds->request);
}

static enum step_result fail_as(struct run *run, const struct json *error)
{
    enum error_code code = ERROR_INTERNAL;

    if (error_parse(json_get_string(error, "code", ""), &code) < 0)
        code = ERROR_INTERNAL;
    return run_fail(run, code, "%s", json_get_string(error, "message", error_title(code)).at);
}

static enum step_result predict(struct run *run)
{
    struct odds *odds = run_state(run);
    const struct run_answer *answer =
        run_spawn(run, PREDICT_KIND, PREDICT_KIND, same_request, odds);

    if (!answer)
        return STEP_WAIT;
    if (answer->failed)
        return fail_as(run, json_get(answer->json, "error"));
    odds->card.result = json_get(answer->json, "result");
    return STEP_NEXT;
}

/* ---- the picture ---- */

static void work(struct labour *labour, void *arg)
{
    struct odds *odds = arg;

    (void)labour;
    odds->outcome = card_check(&odds->card, &odds->error);
    if (odds->outcome == 0)
        odds->outcome = card_draw(&odds->card, &odds->png, &odds->error);
}

/* A picture is a matter of some ten milliseconds: it is not broken off. */
static void stop(void *arg)
{
    (void)arg;
}

static struct json *result_of(const struct odds *odds)
{
    struct json *result = json_object();
    CLEANUP(charp_freep) char *text = base64_text(buf_span(&odds->png));
    struct buf alt;

    buf_init(&alt, CARD_ALT_MAX_BYTES);
    card_alt(&odds->card, &alt);
    json_set_text(result, "schema", "odds/1");
    json_set_string(result, "alt", buf_span(&alt));
    json_set_integer(result, "width", CARD_PIXELS);
    json_set_integer(result, "height", CARD_PIXELS);
    json_set(result, "prediction", json_copy(odds->card.result));
    json_set_text(result, "png_base64", text);
    buf_deinit(&alt);
    return result;
}

/* The steps of the reasoning, for an animation beside the picture. */
static void tell_steps(struct run *run, const struct json *steps)
{
    for (size_t i = 0; i < json_length(steps); i++) {
        const struct json *step = json_at(steps, i);
        struct json *members = json_object();
        json_set_string(members, "step", json_get_string(step, "id", ""));
        json_set_string(members, "title", json_get_string(step, "title", ""));
        json_set(members, "output", json_copy(step));
        run_emit(run, run_key("completed/%zu", i + 1), EVENT_STEP_COMPLETED, members);
    }
}

static enum step_result draw(struct run *run)
{
    struct odds *odds = run_state(run);

    if (!run_labour(run, "draw", &(struct run_labour){work, stop, odds}))
        return STEP_WAIT;
    if (odds->outcome < 0)
        return run_fail(run, odds->error.code, "%s", odds->error.message);
    tell_steps(run, json_get(odds->card.result, "steps"));
    run_set_result(run, result_of(odds));
    return STEP_NEXT;
}

static const struct step steps[] = {
    {"predict", predict},
    {"draw",    draw   },
    {NULL,      NULL   },
};

const struct kind kind_odds = {"odds", steps, prepare, free_state, .also = PREDICT_KIND};
