/* A document of mc/1: whatever it is, it is a model or there are faults, never both; the faults are
 * JSON; and a model can be drawn from and run, a trial at a time, within its price. Expressions are
 * the greater part of the language, so an input that begins with '=' is one. */
#include <assert.h>
#include <math.h>

#include "../support/mc_try.h"
#include "buf.h"
#include "json.h"
#include "sim/fault.h"

#define UNITS 4

static const double units[UNITS] = {0x1p-53, 0.3, 0.75, 1 - 0x1p-53};

static void check_distribution(const struct dist *dist)
{
    double last = -__builtin_inf();

    for (size_t i = 0; i < UNITS; i++) {
        double x = dist_quantile(dist, units[i]);
        assert(x != x || !(x < last - 1e-9 * fabs(last)));
        last = x;
    }
}

static void check_model(const struct mc *mc)
{
    double middles[MC_VARIABLES_MAX];
    uint64_t cost = program_cost(mc->initial) + program_cost(mc->program) +
                    mc->n_steps * program_cost(mc->step);

    assert(mc->cost_units >= mc->trials * cost);
    for (size_t i = 0; i < mc->n_variables; i++) {
        check_distribution(&mc->variables[i].dist);
        middles[i] = 0.5;
    }
    struct mc_try at = mc_try_new(mc, middles);
    mc_try_free(&at);
    struct json *json = mc_dry_run(mc);
    json = json_free(json);
}

static void check(const struct json *document)
{
    struct faults faults = {0};
    struct mc *mc = mc_new(document, &faults);

    assert((mc == NULL) == (faults.n > 0));
    if (mc)
        check_model(mc);
    struct json *list = faults_json(&faults);
    for (size_t i = 0; i < json_length(list); i++)
        assert(json_has(json_at(list, i), "code") && json_has(json_at(list, i), "path"));
    list = json_free(list);
    faults_deinit(&faults);
    mc = mc_free(mc);
}

static void check_expression(struct span text)
{
    static const char model[] = "{\"variables\":{\"a\":\"1 to 2\",\"b\":3},"
                                "\"let\":{\"c\":\"a+b\"},\"outputs\":{}}";
    struct json *json = NULL, *outputs = json_object();
    int r = json_parse(span_of(model), NULL, &json, NULL);

    assert(r == 0);
    json_set_string(outputs, "x", text);
    json_set(json, "outputs", outputs);
    check(json);
    json = json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span text = {(const char *)data, n};
    struct json *json = NULL;

    if (n > 0 && data[0] == '=') {
        check_expression((struct span){text.at + 1, n - 1});
        return 0;
    }
    if (json_parse(text, NULL, &json, NULL) < 0)
        return 0;
    check(json);
    json = json_free(json);
    return 0;
}
