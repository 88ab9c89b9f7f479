/* The keywords that combine schemas for one value: anyOf, oneOf, allOf, not, if/then/else.
 *
 * The hard part is what to say when no form of an anyOf fits. Each form is tried with a problem of
 * its own. Forms of another type, or told apart by another constant, are put aside ("foreign"); of
 * what is left the form with the fewest faults is taken for the one that was meant, and its faults
 * are reported. When all were put aside the types are named, and when the forms are only lists of
 * required members, the lists. */
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "problem.h"
#include "schema_node.h"

struct trial {
    struct problem problem;
    bool fits;
    enum schema_foreign foreign;
};

static void try_form(struct check *check, const struct schema_node *node, const struct json *value,
                     const struct place *place, struct trial *trial)
{
    struct check inside = *check;

    problem_init(&trial->problem, ERROR_INVALID);
    inside.problem = check->problem ? &trial->problem : NULL;
    inside.base = place;
    inside.foreign = FOREIGN_NOT;
    trial->fits = schema_node_fits(&inside, node, value, place);
    trial->foreign = inside.foreign;
    check->n_steps = inside.n_steps;
}

/* Whether the node asks for members and for nothing else. */
static bool only_requires(const struct schema_node *node)
{
    return node->n_rules == 1 && strcmp(node->rules[0].keyword->name, "required") == 0;
}

static bool all_only_require(const struct schema_rule *rule)
{
    for (size_t i = 0; i < rule->n_branches; i++)
        if (!only_requires(rule->branches[i].node))
            return false;
    return true;
}

/* "mu" and "sigma", or "mean" and "sd" */
static void add_required(struct buf *out, const struct schema_rule *rule)
{
    for (size_t i = 0; i < rule->n_branches; i++) {
        const struct json *names = rule->branches[i].node->rules[0].argument;

        buf_add_text(out, i > 0 ? ", or " : "");
        for (size_t j = 0; j < json_length(names); j++) {
            buf_add_text(out, j > 0 ? " and " : "");
            json_write(json_at(names, j), out);
        }
    }
}

static bool fault_required(struct check *check, const struct schema_rule *rule,
                           const struct place *place, const char *words)
{
    struct buf names;

    buf_init(&names, 2048);
    add_required(&names, rule);
    (void)schema_fault(check, place, "%s %s", words, names.at ? names.at : "");
    buf_deinit(&names);
    return false;
}

/* No form was meant: all are of other types, or none has that constant. */
static bool fault_foreign(struct check *check, const struct schema_rule *rule,
                          const struct json *value, const struct place *place,
                          const struct trial *trials)
{
    unsigned bits = 0;

    for (size_t i = 0; i < rule->n_branches; i++) {
        unsigned more = schema_node_types(rule->branches[i].node);

        if (!more || trials[i].foreign != FOREIGN_TYPE)
            return schema_fault(check, place, "has none of the forms that are allowed here");
        bits |= more;
    }
    CLEANUP(charp_freep) char *wanted = schema_type_words(bits);
    return schema_fault(check, place, "must be %s, not %s", wanted, schema_value_word(value));
}

static void copy_faults(struct check *check, const struct problem *from)
{
    for (size_t i = 0; i < from->n_items && i < PROBLEM_MAX_ITEMS; i++)
        problem_add(check->problem, from->items[i].pointer, "%s", from->items[i].message);
}

/* The form that was meant, NULL when there is no telling: the one with the fewest faults among
 * those that are not foreign, else the only one that has the right type. */
static const struct trial *meant_form(const struct trial *trials, size_t n)
{
    const struct trial *best = NULL, *same_type = NULL;
    size_t n_same_type = 0;

    for (size_t i = 0; i < n; i++) {
        const struct trial *trial = &trials[i];

        if (trial->foreign == FOREIGN_NOT &&
            (!best || trial->problem.n_items < best->problem.n_items))
            best = trial;
        if (trial->foreign == FOREIGN_CONSTANT) {
            same_type = trial;
            n_same_type++;
        }
    }
    return best || n_same_type != 1 ? best : same_type;
}

static bool fault_none(struct check *check, const struct schema_rule *rule,
                       const struct json *value, const struct place *place,
                       const struct trial *trials)
{
    const struct trial *meant = meant_form(trials, rule->n_branches);

    if (!check->problem)
        return false;
    if (all_only_require(rule))
        return fault_required(check, rule, place, "must have");
    if (!meant && rule->n_branches == 1)
        meant = trials;
    if (!meant)
        return fault_foreign(check, rule, value, place, trials);
    copy_faults(check, &meant->problem);
    return false;
}

/* Tries the forms until `enough` fit; returns how many do. */
static size_t count_fits(struct check *check, const struct schema_rule *rule,
                         const struct json *value, const struct place *place, size_t enough,
                         struct trial *trials)
{
    size_t n_fits = 0;

    for (size_t i = 0; i < rule->n_branches && n_fits < enough; i++) {
        try_form(check, rule->branches[i].node, value, place, &trials[i]);
        n_fits += trials[i].fits;
    }
    return n_fits;
}

static void free_trials(struct trial *trials, size_t n)
{
    for (size_t i = 0; i < n; i++)
        problem_deinit(&trials[i].problem);
    free(trials);
}

bool schema_any_of(struct check *check, const struct schema_rule *rule, const struct json *value,
                   const struct place *place)
{
    struct trial *trials = xcalloc(rule->n_branches, sizeof(*trials));
    bool fits = count_fits(check, rule, value, place, 1, trials) > 0 ||
                fault_none(check, rule, value, place, trials);

    free_trials(trials, rule->n_branches);
    return fits;
}

bool schema_one_of(struct check *check, const struct schema_rule *rule, const struct json *value,
                   const struct place *place)
{
    struct trial *trials = xcalloc(rule->n_branches, sizeof(*trials));
    size_t n_fits = count_fits(check, rule, value, place, 2, trials);
    bool fits = n_fits == 1;

    if (n_fits == 0)
        fits = fault_none(check, rule, value, place, trials);
    else if (!fits && all_only_require(rule))
        fits = fault_required(check, rule, place, "must have only one of these:");
    else if (!fits)
        fits = schema_fault(check, place, "fits several forms of which only one is allowed");
    free_trials(trials, rule->n_branches);
    return fits;
}

bool schema_all_of(struct check *check, const struct schema_rule *rule, const struct json *value,
                   const struct place *place)
{
    bool fits = true;

    for (size_t i = 0; i < rule->n_branches && (fits || check->problem); i++)
        fits &= schema_node_fits(check, rule->branches[i].node, value, place);
    return fits;
}

/* The answer alone, without noting faults. */
static bool would_fit(struct check *check, const struct schema_node *node, const struct json *value,
                      const struct place *place)
{
    struct check inside = *check;

    inside.problem = NULL;
    bool fits = schema_node_fits(&inside, node, value, place);
    check->n_steps = inside.n_steps;
    return fits;
}

bool schema_not(struct check *check, const struct schema_rule *rule, const struct json *value,
                const struct place *place)
{
    const struct schema_node *node = rule->branches[0].node;

    if (!would_fit(check, node, value, place))
        return true;
    if (only_requires(node))
        return fault_required(check, rule, place, "must not have");
    return schema_fault(check, place, "must not have this form");
}

bool schema_if(struct check *check, const struct schema_rule *rule, const struct json *value,
               const struct place *place)
{
    bool yes = would_fit(check, rule->branches[0].node, value, place);
    const struct schema_rule *next = schema_node_rule(rule->of, yes ? "then" : "else");

    return !next || schema_node_fits(check, next->branches[0].node, value, place);
}
