#pragma once
/* A loaded schema as schema.c builds it and schema_check.c walks it. Nobody else includes this. */

#include <regex.h>
#include <stdbool.h>

#include "base.h"

struct check;
struct json;
struct place;
struct schema_node;
struct schema_rule;

/* Whether value fits the rule; says why not when the check collects faults. */
typedef bool schema_rule_fn(struct check *check, const struct schema_rule *rule,
                            const struct json *value, const struct place *place);

/* What the argument of a keyword must look like. */
enum schema_shape {
    SHAPE_NOTE, /* an annotation: anything */
    SHAPE_ANY,
    SHAPE_BOOL,
    SHAPE_WHOLE, /* whole and not negative */
    SHAPE_NUMBER,
    SHAPE_STRINGS,
    SHAPE_VALUES,
    SHAPE_TYPE, /* a type's name or several */
    SHAPE_PATTERN,
    SHAPE_SCHEMA,
    SHAPE_SCHEMAS, /* a list */
    SHAPE_MEMBERS, /* an object of schemas */
    SHAPE_REF,
    SHAPE_COUNT_
};

struct schema_keyword {
    const char *name;
    enum schema_shape shape;
    bool in_place;      /* its sub-schemas see the same value, not a part of it */
    schema_rule_fn *fn; /* NULL: checks nothing of its own */
};

struct schema_branch {
    const char *key;          /* borrowed from the document; NULL in a list */
    struct schema_node *node; /* borrowed from the schema */
};

/* One keyword of a schema object with its argument made ready. */
struct schema_rule {
    const struct schema_keyword *keyword;
    const struct json *argument;    /* borrowed from the document */
    const struct schema_node *of;   /* the node it stands in */
    struct schema_branch *branches; /* SHAPE_SCHEMA and SHAPE_REF: one */
    size_t n_branches;
    regex_t *pattern;
};

/* One schema object, or true (no rules), or false (never fits). */
struct schema_node {
    const struct json *json;   /* borrowed from the document: also the node's identity */
    char *pointer;             /* where it stands in the document */
    struct schema_rule *rules; /* `type` first */
    size_t n_rules;
    bool never;
    enum { MARK_NEW, MARK_OPEN, MARK_DONE } mark; /* of the search for endless references */
};

/* Where a value stands: a chain on the stack, rendered only when something is wrong with it. */
struct place {
    const struct place *up; /* NULL: the whole value */
    const char *key;        /* NULL: an item of an array */
    size_t index;
};

/* One run of schema_check(). */
struct check {
    struct problem *problem;  /* NULL: only yes or no, so the first fault ends it */
    size_t n_steps;           /* nodes looked at: bounds the work a crafted value can cause */
    const char *prefix;       /* before each message: "its name " */
    const struct place *base; /* of the form being tried */
    /* Whether its faults say that another form was meant: one with another constant or enum in it,
     * or of another type. */
    enum schema_foreign { FOREIGN_NOT, FOREIGN_CONSTANT, FOREIGN_TYPE } foreign;
};

struct schema {
    const struct json *document; /* borrowed */
    struct schema_node **nodes;  /* owned, one for every schema object reached */
    size_t n_nodes, n_nodes_allocated;
    struct schema_node *root; /* one of nodes */
};

bool schema_node_fits(struct check *check, const struct schema_node *node, const struct json *value,
                      const struct place *place);
/* Notes a fault and returns false. */
bool schema_fault(struct check *check, const struct place *place, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* The keywords: about one value (schema_values.c), about items and members (schema_parts.c), and
 * trying sub-schemas as forms of the same value (schema_forms.c). */
schema_rule_fn schema_type, schema_const, schema_enum, schema_minimum, schema_maximum, schema_above,
    schema_below, schema_min_length, schema_max_length, schema_pattern;
schema_rule_fn schema_min_items, schema_max_items, schema_items, schema_unique, schema_required,
    schema_properties, schema_additional, schema_names, schema_min_members, schema_max_members;
schema_rule_fn schema_any_of, schema_one_of, schema_all_of, schema_not, schema_if;

/* "a number, a string or an object" for a set of bits 1 << schema_type_find(). */
char *schema_type_words(unsigned types);
/* The bits of a node's `type`, through $ref; 0 when it has none. */
unsigned schema_node_types(const struct schema_node *node);
/* How a value is called: "a number". */
const char *schema_value_word(const struct json *value);

/* NULL when the name is no keyword of ours. */
const struct schema_keyword *schema_keyword_find(const char *name);
const struct schema_rule *schema_node_rule(const struct schema_node *node, const char *keyword);
/* Index in the types' table, -1 when there is no such type. */
int schema_type_find(struct span name);
