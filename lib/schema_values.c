/* The keywords about one value: its type, what it may be, how large, how long, how written.
 *
 * A rule says nothing about values of a type it is not for. Messages are whole phrases for a person
 * and never repeat a text of the client. Each function is a row of the table in schema_check.c. */
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "schema_node.h"
#include "text.h"

/* --- type ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum json_type type;
    const char *words;
} types[] = {
    {"null",    JSON_NULL,    "null"          },
    {"boolean", JSON_BOOL,    "true or false" },
    {"integer", JSON_INTEGER, "a whole number"},
    {"number",  JSON_NUMBER,  "a number"      },
    {"string",  JSON_STRING,  "a string"      },
    {"array",   JSON_ARRAY,   "an array"      },
    {"object",  JSON_OBJECT,  "an object"     },
};

int schema_type_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (span_equal(name, span_of(types[i].name)))
            return (int)i;
    return -1;
}

unsigned schema_node_types(const struct schema_node *node)
{
    const struct schema_rule *type = schema_node_rule(node, "type");
    const struct schema_rule *ref = schema_node_rule(node, "$ref");
    unsigned bits = 0;

    if (!type)
        return ref ? schema_node_types(ref->branches[0].node) : 0;
    if (json_is(type->argument, JSON_STRING))
        return 1U << schema_type_find(json_string(type->argument));
    for (size_t i = 0; i < json_length(type->argument); i++)
        bits |= 1U << schema_type_find(json_string(json_at(type->argument, i)));
    return bits;
}

char *schema_type_words(unsigned bits)
{
    struct buf out;

    buf_init(&out, 256);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
        unsigned rest = bits >> i;

        if (!(rest & 1))
            continue;
        if (out.n > 0)
            buf_add_text(&out, rest == 1 ? " or " : ", ");
        buf_add_text(&out, types[i].words);
    }
    return buf_steal(&out);
}

const char *schema_value_word(const struct json *value)
{
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if (types[i].type == json_type(value))
            return types[i].type == JSON_INTEGER ? "a number" : types[i].words;
    return "something else";
}

static bool is_type(const struct json *value, size_t i)
{
    return types[i].type == JSON_INTEGER ? json_is_whole(value) : json_is(value, types[i].type);
}

bool schema_type(struct check *check, const struct schema_rule *rule, const struct json *value,
                 const struct place *place)
{
    unsigned bits = schema_node_types(rule->of);

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        if ((bits >> i & 1) && is_type(value, i))
            return true;
    if (place == check->base)
        check->foreign = FOREIGN_TYPE;
    if (!check->problem)
        return false;
    CLEANUP(charp_freep) char *wanted = schema_type_words(bits);
    CLEANUP(charp_freep) char *number = json_is(value, JSON_NUMBER) ? json_text(value) : NULL;
    bool whole = bits >> schema_type_find(SPAN("integer")) & 1;
    return schema_fault(check, place, "must be %s, not %s", wanted,
                        whole && number ? number : schema_value_word(value));
}

/* --- values ---------------------------------------------------------------------------------- */

/* A constant at the form's own place or of one of its members (its "kind") tells forms apart. */
static void note_constant(struct check *check, const struct place *place)
{
    if (place == check->base || (place && place->up == check->base))
        check->foreign = FOREIGN_CONSTANT;
}

bool schema_const(struct check *check, const struct schema_rule *rule, const struct json *value,
                  const struct place *place)
{
    if (json_equal(value, rule->argument))
        return true;
    note_constant(check, place);
    CLEANUP(charp_freep) char *wanted = json_text(rule->argument);
    return schema_fault(check, place, "must be %s", wanted);
}

bool schema_enum(struct check *check, const struct schema_rule *rule, const struct json *value,
                 const struct place *place)
{
    const struct json *list = rule->argument;
    struct text_guess guess = {.word = json_string(value)};
    struct buf wanted;

    for (size_t i = 0; i < json_length(list); i++) {
        if (json_equal(value, json_at(list, i)))
            return true;
        if (json_is(json_at(list, i), JSON_STRING))
            text_guess_offer(&guess, json_string(json_at(list, i)).at);
    }
    note_constant(check, place);
    if (!check->problem)
        return false;
    buf_init(&wanted, 4096);
    for (size_t i = 0; i < json_length(list); i++) {
        buf_add_text(&wanted, i > 0 ? ", " : "");
        json_write(json_at(list, i), &wanted);
    }
    if (guess.best)
        buf_addf(&wanted, "; did you mean \"%s\"?", guess.best);
    (void)schema_fault(check, place, "must be %s%s", json_length(list) > 1 ? "one of " : "",
                       wanted.at ? wanted.at : "");
    buf_deinit(&wanted);
    return false;
}

/* Fits when value minus bound has the right sign; bound and value go into the message as written.
 */
static bool fault_bound(struct check *check, const struct schema_rule *rule,
                        const struct json *value, const struct place *place, const char *words)
{
    CLEANUP(charp_freep) char *bound = json_text(rule->argument);
    CLEANUP(charp_freep) char *found = json_text(value);

    return schema_fault(check, place, "must be %s %s, not %s", words, bound, found);
}

bool schema_minimum(struct check *check, const struct schema_rule *rule, const struct json *value,
                    const struct place *place)
{
    return !json_is(value, JSON_NUMBER) || json_number(value) >= json_number(rule->argument) ||
           fault_bound(check, rule, value, place, "at least");
}

bool schema_maximum(struct check *check, const struct schema_rule *rule, const struct json *value,
                    const struct place *place)
{
    return !json_is(value, JSON_NUMBER) || json_number(value) <= json_number(rule->argument) ||
           fault_bound(check, rule, value, place, "at most");
}

bool schema_above(struct check *check, const struct schema_rule *rule, const struct json *value,
                  const struct place *place)
{
    return !json_is(value, JSON_NUMBER) || json_number(value) > json_number(rule->argument) ||
           fault_bound(check, rule, value, place, "more than");
}

bool schema_below(struct check *check, const struct schema_rule *rule, const struct json *value,
                  const struct place *place)
{
    return !json_is(value, JSON_NUMBER) || json_number(value) < json_number(rule->argument) ||
           fault_bound(check, rule, value, place, "less than");
}

static int64_t n_characters(struct span text)
{
    int64_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return n;
}

bool schema_min_length(struct check *check, const struct schema_rule *rule,
                       const struct json *value, const struct place *place)
{
    int64_t least = json_integer(rule->argument), n = n_characters(json_string(value));

    if (!json_is(value, JSON_STRING) || n >= least)
        return true;
    if (n == 0)
        return schema_fault(check, place, "must not be empty");
    return schema_fault(check, place, "must be at least %lld characters long, not %lld",
                        (long long)least, (long long)n);
}

bool schema_max_length(struct check *check, const struct schema_rule *rule,
                       const struct json *value, const struct place *place)
{
    int64_t most = json_integer(rule->argument), n = n_characters(json_string(value));

    return !json_is(value, JSON_STRING) || n <= most ||
           schema_fault(check, place, "must be at most %lld character%s long, not %lld",
                        (long long)most, most == 1 ? "" : "s", (long long)n);
}

/* The length is given apart: a string may hold U+0000. An empty string that has a minLength is left
 * to that rule's clearer words. */
bool schema_pattern(struct check *check, const struct schema_rule *rule, const struct json *value,
                    const struct place *place)
{
    struct span text = json_string(value);
    regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)text.n};

    if (!json_is(value, JSON_STRING) ||
        regexec(rule->pattern, text.at, 1, &range, REG_STARTEND) == 0)
        return true;
    if (text.n == 0 && json_get_integer(rule->of->json, "minLength", 0) > 0)
        return false;
    struct span words = json_get_string(rule->of->json, "x-pattern_message", NULL);
    if (words.at)
        return schema_fault(check, place, "%s", words.at);
    return schema_fault(check, place, "must match the pattern %s", json_string(rule->argument).at);
}
