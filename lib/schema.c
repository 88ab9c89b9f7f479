/* Loading a schema: the document becomes nodes (schema objects) and rules (keywords).
 *
 * Each schema object that can be reached is compiled once, whoever refers to it; so recursive
 * schemas are loops among nodes. The schema owns the nodes, nodes own their rules; keys and
 * arguments are borrowed from the document. A schema that refers to itself without going deeper
 * into the value would never end and does not load. A new keyword is a row in schema_check.c; a new
 * shape of argument is a row of shapes[]. */
#include "schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "json.h"
#include "schema_node.h"
#include "text.h"

struct loading {
    struct schema *schema;
    struct error *error;
};

static int compile(struct loading *loading, const struct json *json, const char *pointer,
                   struct schema_node **ret_node);

static int refuse(struct loading *loading, const char *pointer, const char *why)
{
    return error_set(loading->error, ERROR_CONFIG, -EINVAL, "schema #%s: %s", pointer, why);
}

const struct schema_rule *schema_node_rule(const struct schema_node *node, const char *keyword)
{
    for (size_t i = 0; i < node->n_rules; i++)
        if (strcmp(node->rules[i].keyword->name, keyword) == 0)
            return &node->rules[i];
    return NULL;
}

/* --- arguments: one function a shape --------------------------------------------------------- */

static int add_branch(struct loading *loading, struct schema_rule *rule, const char *key,
                      const struct json *json, const char *pointer)
{
    struct schema_node *node = NULL;
    int r = compile(loading, json, pointer, &node);

    if (r < 0)
        return r;
    rule->branches = xrealloc(rule->branches, (rule->n_branches + 1) * sizeof(*rule->branches));
    rule->branches[rule->n_branches++] = (struct schema_branch){key, node};
    return 0;
}

static int take_bool(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    return json_is(rule->argument, JSON_BOOL) ? 0
                                              : refuse(loading, pointer, "must be true or false");
}

static int take_whole(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    return json_is_whole(rule->argument) && json_integer(rule->argument) >= 0
               ? 0
               : refuse(loading, pointer, "must be a whole number, not negative");
}

static int take_number(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    return json_is(rule->argument, JSON_NUMBER) ? 0 : refuse(loading, pointer, "must be a number");
}

static int take_values(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    return json_is(rule->argument, JSON_ARRAY) ? 0 : refuse(loading, pointer, "must be a list");
}

static int take_strings(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    int r = take_values(loading, rule, pointer);

    for (size_t i = 0; r == 0 && i < json_length(rule->argument); i++)
        if (!json_is(json_at(rule->argument, i), JSON_STRING))
            r = refuse(loading, pointer, "must be a list of strings");
    return r;
}

static int take_type(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    bool one = json_is(rule->argument, JSON_STRING);
    int r = one ? 0 : take_strings(loading, rule, pointer);

    for (size_t i = 0; r == 0 && i < (one ? 1 : json_length(rule->argument)); i++)
        if (schema_type_find(json_string(one ? rule->argument : json_at(rule->argument, i))) < 0)
            r = refuse(loading, pointer, "names a type there is not");
    return r;
}

static int take_pattern(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    struct span text = json_string(rule->argument);

    if (!json_is(rule->argument, JSON_STRING) || memchr(text.at, '\0', text.n))
        return refuse(loading, pointer, "must be a string without U+0000");
    regex_t *pattern = xcalloc(1, sizeof(*pattern));
    if (regcomp(pattern, text.at, REG_EXTENDED | REG_NOSUB) != 0) {
        free(pattern);
        return refuse(loading, pointer, "is not a POSIX extended regular expression");
    }
    rule->pattern = pattern;
    return 0;
}

static int take_schema(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    return add_branch(loading, rule, NULL, rule->argument, pointer);
}

static int take_schemas(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    int r = take_values(loading, rule, pointer);

    if (r == 0 && json_length(rule->argument) == 0)
        r = refuse(loading, pointer, "must not be empty");
    for (size_t i = 0; r == 0 && i < json_length(rule->argument); i++) {
        CLEANUP(charp_freep) char *at = xprintf("%s/%zu", pointer, i);

        r = add_branch(loading, rule, NULL, json_at(rule->argument, i), at);
    }
    return r;
}

struct members {
    struct loading *loading;
    struct schema_rule *rule;
    const char *pointer;
    int r;
};

static bool take_member(const char *key, const struct json *value, void *arg)
{
    struct members *members = arg;
    CLEANUP(charp_freep) char *at = xprintf("%s/%s", members->pointer, key);

    members->r = add_branch(members->loading, members->rule, key, value, at);
    return members->r == 0;
}

static int take_members(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    struct members members = {loading, rule, pointer, 0};

    if (!json_is(rule->argument, JSON_OBJECT))
        return refuse(loading, pointer, "must be an object");
    json_each(rule->argument, take_member, &members);
    return members.r;
}

/* One name of a pointer: "~1" stands for '/', "~0" for '~'. */
static char *pointer_name(struct span name)
{
    char *text = xspandup(name), *to = text;

    for (const char *from = text; *from; to++, from++) {
        bool escaped = from[0] == '~' && (from[1] == '0' || from[1] == '1');

        *to = escaped ? (from[1] == '0' ? '~' : '/') : *from;
        from += escaped;
    }
    *to = '\0';
    return text;
}

static const struct json *find(const struct json *json, struct span pointer)
{
    struct span name;

    if (pointer.n == 0)
        return json;
    if (pointer.at[0] != '/')
        return NULL;
    pointer = (struct span){pointer.at + 1, pointer.n - 1};
    while (json && text_next(&pointer, '/', &name)) {
        CLEANUP(charp_freep) char *key = pointer_name(name);
        uint64_t i;

        if (json_is(json, JSON_ARRAY))
            json = text_to_u64(name, SIZE_MAX, &i) == 0 ? json_at(json, (size_t)i) : NULL;
        else
            json = json_get(json, key);
    }
    return json;
}

static int take_ref(struct loading *loading, struct schema_rule *rule, const char *pointer)
{
    struct span target = json_string(rule->argument);

    if (!text_starts(target, "#"))
        return refuse(loading, pointer, "must begin with #: a reference inside this document");
    target = (struct span){target.at + 1, target.n - 1};
    const struct json *json = find(loading->schema->document, target);
    if (!json)
        return refuse(loading, pointer, "refers to nothing");
    return add_branch(loading, rule, NULL, json, target.at);
}

static int (*const shapes[SHAPE_COUNT_])(struct loading *, struct schema_rule *, const char *) = {
    [SHAPE_BOOL] = take_bool,       [SHAPE_WHOLE] = take_whole,   [SHAPE_NUMBER] = take_number,
    [SHAPE_STRINGS] = take_strings, [SHAPE_VALUES] = take_values, [SHAPE_TYPE] = take_type,
    [SHAPE_PATTERN] = take_pattern, [SHAPE_SCHEMA] = take_schema, [SHAPE_SCHEMAS] = take_schemas,
    [SHAPE_MEMBERS] = take_members, [SHAPE_REF] = take_ref,
};

/* --- nodes ----------------------------------------------------------------------------------- */

struct keywords {
    struct loading *loading;
    struct schema_node *node;
    int r;
};

static bool take_keyword(const char *name, const struct json *argument, void *arg)
{
    struct keywords *keywords = arg;
    struct schema_node *node = keywords->node;
    const struct schema_keyword *keyword = schema_keyword_find(name);
    CLEANUP(charp_freep) char *pointer = xprintf("%s/%s", node->pointer, name);

    if (!keyword)
        keywords->r = refuse(keywords->loading, pointer, "is a keyword that is not supported");
    if (!keyword || keyword->shape == SHAPE_NOTE)
        return keyword != NULL;
    node->rules = xrealloc(node->rules, (node->n_rules + 1) * sizeof(*node->rules));
    struct schema_rule *rule = &node->rules[node->n_rules++];
    *rule = (struct schema_rule){.keyword = keyword, .argument = argument, .of = node};
    if (shapes[keyword->shape])
        keywords->r = shapes[keyword->shape](keywords->loading, rule, pointer);
    return keywords->r == 0;
}

/* A value of the wrong type is told so before anything else. */
static void put_type_first(struct schema_node *node)
{
    const struct schema_rule *type = schema_node_rule(node, "type");

    if (!type)
        return;
    size_t i = (size_t)(type - node->rules);
    struct schema_rule first = *type;
    memmove(node->rules + 1, node->rules, i * sizeof(first));
    node->rules[0] = first;
}

static struct schema_node *add_node(struct schema *schema, const struct json *json,
                                    const char *pointer)
{
    struct schema_node *node = xcalloc(1, sizeof(*node));

    if (schema->n_nodes == schema->n_nodes_allocated) {
        schema->n_nodes_allocated = schema->n_nodes ? schema->n_nodes * 2 : 64;
        schema->nodes =
            xrealloc(schema->nodes, schema->n_nodes_allocated * sizeof(struct schema_node *));
    }
    *node = (struct schema_node){.json = json, .pointer = xstrdup(pointer)};
    schema->nodes[schema->n_nodes++] = node;
    return node;
}

static int compile(struct loading *loading, const struct json *json, const char *pointer,
                   struct schema_node **ret_node)
{
    struct schema *schema = loading->schema;

    for (size_t i = 0; json && i < schema->n_nodes; i++) {
        if (schema->nodes[i]->json == json) {
            *ret_node = schema->nodes[i];
            return 0;
        }
    }
    if (!json_is(json, JSON_OBJECT) && !json_is(json, JSON_BOOL))
        return refuse(loading, pointer, "must be a schema: an object, true or false");
    struct schema_node *node = add_node(schema, json, pointer);
    struct keywords keywords = {loading, node, 0};
    node->never = json_is(json, JSON_BOOL) && !json_bool(json);
    json_each(json, take_keyword, &keywords);
    put_type_first(node);
    *ret_node = node;
    return keywords.r;
}

/* Depth-first over the references that stay at the same value; meeting an open node is a circle. */
static int check_endless(struct loading *loading, struct schema_node *node)
{
    int r = 0;

    if (node->mark == MARK_OPEN)
        return refuse(loading, node->pointer, "refers to itself without end");
    if (node->mark == MARK_DONE)
        return 0;
    node->mark = MARK_OPEN;
    for (size_t i = 0; r == 0 && i < node->n_rules; i++) {
        const struct schema_rule *rule = &node->rules[i];

        for (size_t j = 0; r == 0 && rule->keyword->in_place && j < rule->n_branches; j++)
            r = check_endless(loading, rule->branches[j].node);
    }
    node->mark = MARK_DONE;
    return r;
}

int schema_new_at(const struct json *document, const char *pointer, struct schema **ret_schema,
                  struct error *error)
{
    CLEANUP(schema_freep) struct schema *schema = xcalloc(1, sizeof(*schema));
    struct loading loading = {schema, error};
    const struct json *json = find(document, span_of(pointer));
    int r;

    schema->document = document;
    if (!json)
        return refuse(&loading, pointer, "is not there");
    r = compile(&loading, json, pointer, &schema->root);
    for (size_t i = 0; r == 0 && i < schema->n_nodes; i++)
        r = check_endless(&loading, schema->nodes[i]);
    if (r < 0)
        return r;
    *ret_schema = STEAL(schema);
    return 0;
}

int schema_new(const struct json *document, struct schema **ret_schema, struct error *error)
{
    return schema_new_at(document, "", ret_schema, error);
}

static void rule_deinit(struct schema_rule *rule)
{
    if (rule->pattern)
        regfree(rule->pattern);
    free(rule->pattern);
    free(rule->branches);
}

struct schema *schema_free(struct schema *schema)
{
    if (!schema)
        return NULL;
    for (size_t i = 0; i < schema->n_nodes; i++) {
        struct schema_node *node = schema->nodes[i];

        for (size_t j = 0; j < node->n_rules; j++)
            rule_deinit(&node->rules[j]);
        free(node->rules);
        free(node->pointer);
        free(node);
    }
    free(schema->nodes);
    free(schema);
    return NULL;
}
