/* Keeps the script and finds the rule for a call.
 *
 * A script is checked as a whole before it replaces the old one: an unknown member or a wrong type
 * is refused, since a mistyped rule that silently never matches would make a test pass for no
 * reason. The script owns its JSON and one counter a rule; a call gets a copy of its rule, so that
 * a script may be replaced while calls are under way. A new match or action is a row of `members`.
 */
#include "script.h"

#include <errno.h>
#include <stdlib.h>

#include "ask.h"
#include "error.h"
#include "json.h"

#define MAX_PROVIDERS 8

struct script {
    struct json *json;                    /* owned; {"rules":[…]} or NULL */
    uint64_t *n_used;                     /* owned; one a rule */
    const char *providers[MAX_PROVIDERS]; /* static names, with the calls counted so far */
    uint64_t n_calls[MAX_PROVIDERS];
};

static bool is_text(const struct json *value)
{
    return json_is(value, JSON_STRING);
}

static bool is_count(const struct json *value)
{
    return json_is(value, JSON_INTEGER) && json_integer(value) >= 0;
}

static bool is_rate(const struct json *value)
{
    return json_is(value, JSON_NUMBER) && json_number(value) >= 0;
}

static bool is_status(const struct json *value)
{
    return json_is(value, JSON_INTEGER) && json_integer(value) >= 200 && json_integer(value) <= 599;
}

static bool is_range(const struct json *value)
{
    return json_is(value, JSON_ARRAY) && json_length(value) == 2 && is_count(json_at(value, 0)) &&
           is_count(json_at(value, 1));
}

static bool is_bool(const struct json *value)
{
    return json_is(value, JSON_BOOL);
}

static bool is_bool_or_text(const struct json *value)
{
    return is_bool(value) || is_text(value);
}

static bool is_object(const struct json *value)
{
    return json_is(value, JSON_OBJECT);
}

static bool is_any(const struct json *value)
{
    (void)value;
    return true;
}

static const struct {
    const char *name;
    bool (*is_right)(const struct json *value);
    const char *expected;
} members[] = {
    {"provider",           is_text,         "a text"                  },
    {"model",              is_text,         "a text"                  },
    {"calls",              is_range,        "[from, to]"              },
    {"contains",           is_text,         "a text"                  },
    {"times",              is_count,        "a count"                 },
    {"first_byte_ms",      is_count,        "a count of milliseconds" },
    {"tokens_per_second",  is_rate,         "a number"                },
    {"status",             is_status,       "a status from 200 to 599"},
    {"headers",            is_object,       "an object of texts"      },
    {"body",               is_any,          "a text or JSON"          },
    {"text",               is_text,         "a text"                  },
    {"content_type",       is_text,         "a text"                  },
    {"flood_bytes",        is_count,        "a count"                 },
    {"garbage",            is_bool_or_text, "true, or a text"         },
    {"hang",               is_bool,         "true or false"           },
    {"hang_after_chunks",  is_count,        "a count"                 },
    {"cut_after_chunks",   is_count,        "a count"                 },
    {"error_after_chunks", is_count,        "a count"                 },
    {"member",             is_object,       "an object"               },
};

struct check {
    struct error *error;
    size_t rule;
    int result;
};

static bool check_member(const char *key, const struct json *value, void *arg)
{
    struct check *check = arg;

    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        if (strcmp(members[i].name, key) != 0)
            continue;
        if (members[i].is_right(value))
            return true;
        check->result = error_set(check->error, ERROR_INVALID, -EINVAL, "/rules/%zu/%s must be %s",
                                  check->rule, key, members[i].expected);
        return false;
    }
    check->result = error_set(check->error, ERROR_INVALID, -EINVAL, "/rules/%zu/%s is not known",
                              check->rule, key);
    return false;
}

static int check_rules(const struct json *json, struct error *error)
{
    const struct json *rules = json_get(json, "rules");

    if (!json_is(rules, JSON_ARRAY) || json_length(json) != 1)
        return error_set(error, ERROR_INVALID, -EINVAL,
                         "A script is an object with one member, \"rules\", an array");
    for (size_t i = 0; i < json_length(rules); i++) {
        struct check check = {.error = error, .rule = i};
        if (!is_object(json_at(rules, i)))
            return error_set(error, ERROR_INVALID, -EINVAL, "/rules/%zu must be an object", i);
        json_each(json_at(rules, i), check_member, &check);
        if (check.result < 0)
            return check.result;
    }
    return 0;
}

/* The number of this call at its provider, from 1. */
static uint64_t count_call(struct script *script, const char *provider)
{
    size_t i = 0;

    while (i < MAX_PROVIDERS - 1 && script->providers[i] &&
           strcmp(script->providers[i], provider) != 0)
        i++;
    script->providers[i] = provider;
    return ++script->n_calls[i];
}

static bool text_member_holds(const struct json *rule, const char *key, struct span actual)
{
    return !json_get(rule, key) || span_equal(json_get_string(rule, key, ""), actual);
}

static bool rule_matches(const struct json *rule, const struct ask *ask, struct span body,
                         uint64_t n_call, uint64_t n_used)
{
    const struct json *calls = json_get(rule, "calls");
    struct span contains = json_get_string(rule, "contains", "");

    if (!text_member_holds(rule, "provider", span_of(ask->provider)) ||
        !text_member_holds(rule, "model", ask->model))
        return false;
    if (calls && (n_call < (uint64_t)json_integer(json_at(calls, 0)) ||
                  n_call > (uint64_t)json_integer(json_at(calls, 1))))
        return false;
    if (contains.n && (!body.n || !memmem(body.at, body.n, contains.at, contains.n)))
        return false;
    return !json_get(rule, "times") || n_used < (uint64_t)json_get_integer(rule, "times", 0);
}

struct script *script_new(void)
{
    return xcalloc(1, sizeof(struct script));
}

struct script *script_free(struct script *script)
{
    if (script)
        script_clear(script);
    free(script);
    return NULL;
}

void script_clear(struct script *script)
{
    json_free(script->json);
    free(script->n_used);
    *script = (struct script){0};
}

int script_set(struct script *script, struct span text, struct error *error)
{
    CLEANUP(json_freep) struct json *json = NULL;
    int r = json_parse(text, NULL, &json, error);

    if (r >= 0)
        r = check_rules(json, error);
    if (r < 0)
        return r;
    script_clear(script);
    script->n_used = xcalloc(json_length(json_get(json, "rules")) + 1, sizeof(*script->n_used));
    script->json = STEAL(json);
    return 0;
}

struct json *script_rule(struct script *script, const struct ask *ask, struct span body)
{
    const struct json *rules = json_get(script->json, "rules");
    uint64_t n_call = count_call(script, ask->provider);

    for (size_t i = 0; i < json_length(rules); i++) {
        const struct json *rule = json_at(rules, i);
        if (!rule_matches(rule, ask, body, n_call, script->n_used[i]))
            continue;
        script->n_used[i]++;
        return json_copy(rule);
    }
    return NULL;
}

const struct json *script_json(const struct script *script)
{
    return script->json;
}
