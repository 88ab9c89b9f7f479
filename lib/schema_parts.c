/* The keywords about what a value holds: items of an array, members of an object.
 *
 * With a problem to fill each walk goes on after a fault, without one it stops there. A fault
 * stands at the item or member it is about, also when that member is missing. Each function is a
 * row of the table in schema_check.c. */
#include <stdlib.h>

#include "json.h"
#include "schema_node.h"
#include "text.h"

/* --- arrays ---------------------------------------------------------------------------------- */

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static bool fault_count(struct check *check, const struct place *place, const char *words,
                        int64_t bound, const char *noun, size_t n)
{
    return schema_fault(check, place, "must have %s %lld %s%s, not %zu", words, (long long)bound,
                        noun, plural(bound), n);
}

bool schema_min_items(struct check *check, const struct schema_rule *rule, const struct json *value,
                      const struct place *place)
{
    int64_t least = json_integer(rule->argument);
    size_t n = json_length(value);

    if (!json_is(value, JSON_ARRAY) || (int64_t)n >= least)
        return true;
    if (n == 0 && least == 1)
        return schema_fault(check, place, "must not be empty");
    return fault_count(check, place, "at least", least, "item", n);
}

bool schema_max_items(struct check *check, const struct schema_rule *rule, const struct json *value,
                      const struct place *place)
{
    int64_t most = json_integer(rule->argument);

    return !json_is(value, JSON_ARRAY) || (int64_t)json_length(value) <= most ||
           fault_count(check, place, "at most", most, "item", json_length(value));
}

bool schema_items(struct check *check, const struct schema_rule *rule, const struct json *value,
                  const struct place *place)
{
    bool fits = true;

    if (!json_is(value, JSON_ARRAY))
        return true;
    for (size_t i = 0; i < json_length(value) && (fits || check->problem); i++) {
        struct place item = {place, NULL, i};

        fits &= schema_node_fits(check, rule->branches[0].node, json_at(value, i), &item);
    }
    return fits;
}

static uint64_t mix(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_value(const struct json *value);

static bool hash_member(const char *key, const struct json *value, void *arg)
{
    uint64_t *sum = arg;

    *sum += mix(hash_value(value), key, strlen(key)); /* a sum: members have no order */
    return true;
}

/* Equal values have equal hashes, 3 and 3.0 too. */
static uint64_t hash_value(const struct json *value)
{
    bool number = json_is(value, JSON_NUMBER);
    unsigned char type = (unsigned char)(number ? JSON_NUMBER : json_type(value));
    uint64_t hash = mix(0xcbf29ce484222325, &type, 1);
    double plain = json_number(value) + 0.0; /* -0 becomes 0 */

    if (number)
        return mix(hash, &plain, sizeof(plain));
    if (json_is(value, JSON_OBJECT)) {
        json_each(value, hash_member, &hash);
        return hash;
    }
    for (size_t i = 0; json_is(value, JSON_ARRAY) && i < json_length(value); i++) {
        uint64_t item = hash_value(json_at(value, i));

        hash = mix(hash, &item, sizeof(item));
    }
    struct span text = json_string(value);
    return mix(hash, text.at, text.n) + json_bool(value);
}

struct item {
    uint64_t hash;
    size_t index;
};

static int compare_items(const void *a, const void *b)
{
    const struct item *left = a, *right = b;

    if (left->hash != right->hash)
        return left->hash < right->hash ? -1 : 1;
    return (left->index > right->index) - (left->index < right->index);
}

/* Sorting by hash keeps the comparisons few when all items differ. */
bool schema_unique(struct check *check, const struct schema_rule *rule, const struct json *value,
                   const struct place *place)
{
    size_t n = json_is(value, JSON_ARRAY) ? json_length(value) : 0;
    bool fits = true;

    if (!json_bool(rule->argument) || n < 2)
        return true;
    struct item *items = xcalloc(n, sizeof(*items));
    for (size_t i = 0; i < n; i++)
        items[i] = (struct item){hash_value(json_at(value, i)), i};
    qsort(items, n, sizeof(*items), compare_items);
    for (size_t i = 1; i < n && (fits || check->problem); i++) {
        struct place place_of_item = {place, NULL, items[i].index};

        for (size_t j = i; j > 0 && items[j - 1].hash == items[i].hash; j--) {
            if (!json_equal(json_at(value, items[j - 1].index), json_at(value, items[i].index)))
                continue;
            fits = schema_fault(check, &place_of_item, "repeats an earlier item");
            break;
        }
    }
    free(items);
    return fits;
}

/* --- objects --------------------------------------------------------------------------------- */

bool schema_required(struct check *check, const struct schema_rule *rule, const struct json *value,
                     const struct place *place)
{
    bool fits = true;

    if (!json_is(value, JSON_OBJECT))
        return true;
    for (size_t i = 0; i < json_length(rule->argument); i++) {
        const char *key = json_string(json_at(rule->argument, i)).at;
        struct place member = {place, key, 0};

        if (!json_has(value, key))
            fits = schema_fault(check, &member, "is required");
    }
    return fits;
}

bool schema_properties(struct check *check, const struct schema_rule *rule,
                       const struct json *value, const struct place *place)
{
    bool fits = true;

    for (size_t i = 0; i < rule->n_branches && (fits || check->problem); i++) {
        const struct schema_branch *branch = &rule->branches[i];
        struct place member = {place, branch->key, 0};

        if (json_has(value, branch->key))
            fits &= schema_node_fits(check, branch->node, json_get(value, branch->key), &member);
    }
    return fits;
}

struct walk {
    struct check *check;
    const struct schema_rule *rule;
    const struct place *place;
    const struct schema_rule *properties; /* NULL: none */
    const struct json *value;
    bool fits;
};

/* The nearest known name that is not there already: that one was hardly meant. */
static bool fault_unknown(const struct walk *walk, const struct place *place)
{
    struct text_guess guess = {.word = span_of(place->key)};

    for (size_t i = 0; walk->properties && i < walk->properties->n_branches; i++)
        if (!json_has(walk->value, walk->properties->branches[i].key))
            text_guess_offer(&guess, walk->properties->branches[i].key);
    if (guess.best)
        return schema_fault(walk->check, place, "is not known here; did you mean \"%s\"?",
                            guess.best);
    return schema_fault(walk->check, place, "is not known here");
}

static bool check_additional_member(const char *key, const struct json *value, void *arg)
{
    struct walk *walk = arg;
    const struct schema_node *node = walk->rule->branches[0].node;
    struct place place = {walk->place, key, 0};

    if (walk->properties && json_has(walk->properties->argument, key))
        return true;
    if (node->never)
        walk->fits = fault_unknown(walk, &place);
    else
        walk->fits &= schema_node_fits(walk->check, node, value, &place);
    return walk->fits || walk->check->problem;
}

bool schema_additional(struct check *check, const struct schema_rule *rule,
                       const struct json *value, const struct place *place)
{
    struct walk walk = {check, rule, place, schema_node_rule(rule->of, "properties"), value, true};

    json_each(value, check_additional_member, &walk);
    return walk.fits;
}

static bool check_name(const char *key, const struct json *value, void *arg)
{
    struct walk *walk = arg;
    struct place place = {walk->place, key, 0};
    CLEANUP(json_freep) struct json *name = json_new_string(span_of(key));

    (void)value;
    walk->fits &= schema_node_fits(walk->check, walk->rule->branches[0].node, name, &place);
    return walk->fits || walk->check->problem;
}

bool schema_names(struct check *check, const struct schema_rule *rule, const struct json *value,
                  const struct place *place)
{
    struct walk walk = {check, rule, place, NULL, value, true};
    const char *prefix = check->prefix;

    check->prefix = "its name ";
    json_each(value, check_name, &walk);
    check->prefix = prefix;
    return walk.fits;
}

bool schema_min_members(struct check *check, const struct schema_rule *rule,
                        const struct json *value, const struct place *place)
{
    int64_t least = json_integer(rule->argument);
    size_t n = json_length(value);

    if (!json_is(value, JSON_OBJECT) || (int64_t)n >= least)
        return true;
    if (n == 0 && least == 1)
        return schema_fault(check, place, "must not be empty");
    return fault_count(check, place, "at least", least, "member", n);
}

bool schema_max_members(struct check *check, const struct schema_rule *rule,
                        const struct json *value, const struct place *place)
{
    int64_t most = json_integer(rule->argument);

    return !json_is(value, JSON_OBJECT) || (int64_t)json_length(value) <= most ||
           fault_count(check, place, "at most", most, "member", json_length(value));
}
