/* Time steps: how many, the states that go from one to the next, and which variables are drawn anew
 * in each. */
#include "fault.h"
#include "json.h"
#include "mc_parts.h"

static void read_count(struct reading *reading, const struct json *value)
{
    int64_t count = json_integer(value);

    if (!json_is_whole(value) || count < 1)
        read_refuse(reading, "a whole number from 1", value);
    else if (count > MC_STEPS_MAX)
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "at most %d steps, not %lld", MC_STEPS_MAX, (long long)count);
    else
        reading->mc->n_steps = (unsigned)count;
}

static void read_init(struct reading *reading, const struct json *value)
{
    struct mc_state *state = &reading->mc->states[reading->mc->n_states - 1];

    state->init_good = read_expression(reading, value, reading->path, &state->init);
}

static void read_next(struct reading *reading, const struct json *value)
{
    struct mc_state *state = &reading->mc->states[reading->mc->n_states - 1];

    state->next_good = read_expression(reading, value, reading->path, &state->next);
}

static const struct member state_members[] = {
    {"init", read_init, true },
    {"next", read_next, true },
    {NULL,   NULL,      false},
};

static bool on_state(const char *key, const struct json *value, void *arg)
{
    struct reading *reading = arg;
    struct mc *mc = reading->mc;
    CLEANUP(charp_freep) char *path = pointer_join(reading->path, key);
    struct reading inside = *reading;

    if (mc->n_states == MC_STATES_MAX) {
        fault_add(reading->faults, FAULT_LIMIT, (struct place){reading->path, 0, 0}, NULL,
                  "more than %d states", MC_STATES_MAX);
        return false;
    }
    if (!read_name(reading, key, path))
        return true;
    mc->states[mc->n_states++] = (struct mc_state){.name = xstrdup(key)};
    inside.path = path;
    read_members(&inside, value, state_members);
    return true;
}

static void read_state(struct reading *reading, const struct json *value)
{
    if (json_is(value, JSON_OBJECT))
        json_each(value, on_state, reading);
    else
        read_refuse(reading, "an object", value);
}

static void redraw(struct reading *reading, const struct json *value)
{
    struct mc *mc = reading->mc;
    const char *names[MC_VARIABLES_MAX];

    if (!json_is(value, JSON_STRING)) {
        read_refuse(reading, "the name of a variable", value);
        return;
    }
    for (size_t i = 0; i < mc->n_variables; i++) {
        names[i] = mc->variables[i].name;
        if (!span_equal(json_string(value), span_of(names[i])))
            continue;
        if (mc->variables[i].redrawn)
            fault_add(reading->faults, FAULT_NAME, (struct place){reading->path, 0, 0}, NULL,
                      "'%s' is in the list already", names[i]);
        mc->variables[i].redrawn = true;
        return;
    }
    CLEANUP(charp_freep) char *hint = fault_guess(json_string(value), names, mc->n_variables);
    fault_add(reading->faults, FAULT_NAME, (struct place){reading->path, 0, 0}, hint,
              "there is no such variable");
}

static void read_redraw(struct reading *reading, const struct json *value)
{
    if (!json_is(value, JSON_ARRAY)) {
        read_refuse(reading, "an array of names", value);
        return;
    }
    for (size_t i = 0; i < json_length(value); i++) {
        CLEANUP(charp_freep) char *path = xprintf("%s/%zu", reading->path, i);
        struct reading inside = *reading;
        inside.path = path;
        redraw(&inside, json_at(value, i));
    }
}

static const struct member steps_members[] = {
    {"count",  read_count,  true },
    {"state",  read_state,  false},
    {"redraw", read_redraw, false},
    {NULL,     NULL,        false},
};

void read_steps(struct reading *reading, const struct json *value)
{
    read_members(reading, value, steps_members);
}
