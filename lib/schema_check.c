/* Checking a value: one function a keyword, walked through the nodes of a loaded schema.
 *
 * A rule says nothing about values of a type it is not for. With a problem to fill every fault is
 * noted, each at the member it is about; without one the first fault ends the check. Messages are
 * whole phrases for a person and never repeat a text of the client. The table of keywords is at the
 * end: a new one is a row there and a line in schema.h. The keywords that combine schemas are in
 * schema_forms.c. */
#include "schema.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "problem.h"
#include "schema_node.h"
#include "text.h"

#define POINTER_MAX_BYTES 512
/* Our largest schemas need a few thousand steps for the largest body. */
#define MAX_STEPS 1000000

/* --- faults ---------------------------------------------------------------------------------- */

static void write_pointer(struct buf *out, const struct place *place)
{
    if (!place)
        return;
    write_pointer(out, place->up);
    if (!place->key) {
        buf_addf(out, "/%zu", place->index);
        return;
    }
    buf_add_char(out, '/');
    for (const char *c = place->key; *c; c++) {
        if (*c == '~' || *c == '/')
            buf_add_text(out, *c == '~' ? "~0" : "~1");
        else
            buf_add_char(out, *c);
    }
}

bool schema_fault(struct check *check, const struct place *place, const char *format, ...)
{
    struct buf pointer;
    va_list args;
    char *message = NULL;

    if (!check->problem)
        return false;
    /* A pointer longer than anybody reads gives way to the one of the member around it. */
    buf_init(&pointer, POINTER_MAX_BYTES);
    write_pointer(&pointer, place);
    for (; !buf_ok(&pointer); place = place->up) {
        buf_clear(&pointer);
        write_pointer(&pointer, place->up);
    }
    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        message = xstrdup(format);
    va_end(args);
    problem_add(check->problem, pointer.at ? pointer.at : "", "%s%s",
                check->prefix ? check->prefix : "", message);
    free(message);
    buf_deinit(&pointer);
    return false;
}

/* --- the walk -------------------------------------------------------------------------------- */

bool schema_node_fits(struct check *check, const struct schema_node *node, const struct json *value,
                      const struct place *place)
{
    bool fits = true;

    if (node->never)
        return schema_fault(check, place, "is not allowed here");
    if (check->n_steps > MAX_STEPS)
        return false;
    check->n_steps++;
    for (size_t i = 0; i < node->n_rules; i++) {
        const struct schema_rule *rule = &node->rules[i];

        if (!rule->keyword->fn || rule->keyword->fn(check, rule, value, place))
            continue;
        fits = false;
        if (!check->problem || rule->keyword->fn == schema_type)
            break;
    }
    return fits;
}

static bool check_ref(struct check *check, const struct schema_rule *rule, const struct json *value,
                      const struct place *place)
{
    return schema_node_fits(check, rule->branches[0].node, value, place);
}

int schema_check(const struct schema *schema, const struct json *value, struct problem *problem)
{
    /* No place of a value is this one: a base that never matches. */
    static const struct place nowhere;
    struct check check = {.problem = problem, .base = &nowhere};

    bool fits = schema_node_fits(&check, schema->root, value, NULL);
    if (check.n_steps > MAX_STEPS)
        fits = schema_fault(&check, NULL, "is too much to check");
    return fits ? 0 : -EINVAL;
}

// clang-format off
static const struct schema_keyword keywords[] = {
    {"$comment",             SHAPE_NOTE,    false, NULL},
    {"$defs",                SHAPE_MEMBERS, false, NULL},
    {"$id",                  SHAPE_NOTE,    false, NULL},
    {"$ref",                 SHAPE_REF,     true,  check_ref},
    {"$schema",              SHAPE_NOTE,    false, NULL},
    {"additionalProperties", SHAPE_SCHEMA,  false, schema_additional},
    {"allOf",                SHAPE_SCHEMAS, true,  schema_all_of},
    {"anyOf",                SHAPE_SCHEMAS, true,  schema_any_of},
    {"const",                SHAPE_ANY,     false, schema_const},
    {"default",              SHAPE_NOTE,    false, NULL},
    {"description",          SHAPE_NOTE,    false, NULL},
    {"else",                 SHAPE_SCHEMA,  true,  NULL},
    {"enum",                 SHAPE_VALUES,  false, schema_enum},
    {"examples",             SHAPE_NOTE,    false, NULL},
    {"exclusiveMaximum",     SHAPE_NUMBER,  false, schema_below},
    {"exclusiveMinimum",     SHAPE_NUMBER,  false, schema_above},
    {"format",               SHAPE_NOTE,    false, NULL},
    {"if",                   SHAPE_SCHEMA,  true,  schema_if},
    {"items",                SHAPE_SCHEMA,  false, schema_items},
    {"maxItems",             SHAPE_WHOLE,   false, schema_max_items},
    {"maxLength",            SHAPE_WHOLE,   false, schema_max_length},
    {"maxProperties",        SHAPE_WHOLE,   false, schema_max_members},
    {"maximum",              SHAPE_NUMBER,  false, schema_maximum},
    {"minItems",             SHAPE_WHOLE,   false, schema_min_items},
    {"minLength",            SHAPE_WHOLE,   false, schema_min_length},
    {"minProperties",        SHAPE_WHOLE,   false, schema_min_members},
    {"minimum",              SHAPE_NUMBER,  false, schema_minimum},
    {"not",                  SHAPE_SCHEMA,  true,  schema_not},
    {"oneOf",                SHAPE_SCHEMAS, true,  schema_one_of},
    {"pattern",              SHAPE_PATTERN, false, schema_pattern},
    {"properties",           SHAPE_MEMBERS, false, schema_properties},
    {"propertyNames",        SHAPE_SCHEMA,  false, schema_names},
    {"required",             SHAPE_STRINGS, false, schema_required},
    {"then",                 SHAPE_SCHEMA,  true,  NULL},
    {"title",                SHAPE_NOTE,    false, NULL},
    {"type",                 SHAPE_TYPE,    false, schema_type},
    {"uniqueItems",          SHAPE_BOOL,    false, schema_unique},
};
// clang-format on

const struct schema_keyword *schema_keyword_find(const char *name)
{
    static const struct schema_keyword extension = {"x-", SHAPE_NOTE, false, NULL};

    for (size_t i = 0; i < ARRAY_SIZE(keywords); i++)
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    return text_starts(span_of(name), "x-") ? &extension : NULL;
}
