/* Members that a request of every kind may have.
 *
 * Their names and forms stand in schemas/job.json; here they get a meaning. A new one is a property
 * there, a member of struct common, and a line in read_members(). What one of them means to a kind
 * cannot be asked: the kind never sees it. */
#include "common.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "embedded.h"
#include "error.h"
#include "json.h"
#include "problem.h"
#include "schema.h"

#define REQUEST_POINTER "/$defs/request"
#define MAX_AHEAD_MS (366LL * 24 * 3600 * 1000)

struct common_schema {
    struct json *document; /* outlives the schema */
    struct schema *schema;
    const struct json *members; /* borrowed from the document: name -> its schema */
};

static const struct json *request_members(const struct json *document)
{
    return json_get(json_get(json_get(document, "$defs"), "request"), "properties");
}

int common_new(struct common_schema **ret_schema, struct error *error)
{
    struct common_schema *schema = xcalloc(1, sizeof(*schema));
    int r = json_parse(common_files[0].text, NULL, &schema->document, error);

    if (r == 0)
        r = schema_new_at(schema->document, REQUEST_POINTER, &schema->schema, error);
    if (r < 0) {
        common_free(schema);
        return r;
    }
    schema->members = request_members(schema->document);
    *ret_schema = schema;
    return 0;
}

struct common_schema *common_free(struct common_schema *schema)
{
    if (!schema)
        return NULL;
    schema_free(schema->schema);
    json_free(schema->document);
    free(schema);
    return NULL;
}

struct clash {
    const struct json *members;
    char *name; /* of the first */
};

static bool find_clash(const char *name, const struct json *value, void *arg)
{
    struct clash *clash = arg;

    (void)value;
    if (json_has(clash->members, name))
        clash->name = xstrdup(name);
    return !clash->name;
}

int common_admit(const struct common_schema *schema, const char *kind, const struct json *document,
                 struct error *error)
{
    struct clash clash = {schema->members, NULL};
    const struct json *members = request_members(document);

    if (members)
        json_each(members, find_clash, &clash);
    if (!clash.name)
        return 0;
    int r =
        error_set(error, ERROR_CONFIG, -EINVAL,
                  "schemas/%s.json: the member \"%s\" belongs to every request (schemas/job.json)",
                  kind, clash.name);
    free(clash.name);
    return r;
}

static int64_t read_time(const struct json *value, struct problem *problem)
{
    int64_t ms = 0;

    if (json_is(value, JSON_STRING) && clock_parse(json_string(value), &ms) < 0)
        problem_add(problem, "/not_before",
                    "must be a time like 2026-11-21T08:00:00Z, or milliseconds");
    else if (!json_is(value, JSON_STRING))
        ms = json_integer(value);
    if (ms > clock_wall_ms() + MAX_AHEAD_MS)
        problem_add(problem, "/not_before", "must be at most a year ahead");
    return ms;
}

static const char *read_priority(struct span text)
{
    static const char *const priorities[] = {"high", "normal", "low"};

    for (size_t i = 0; i < ARRAY_SIZE(priorities); i++)
        if (span_equal(text, span_of(priorities[i])))
            return priorities[i];
    return "normal";
}

static void read_members(const struct json *request, struct common *common, struct problem *problem)
{
    const struct json *not_before = json_get(request, "not_before");

    common->priority = read_priority(json_get_string(request, "priority", "normal"));
    common->cancel_on_disconnect =
        span_equal(json_get_string(request, "on_disconnect", "continue"), SPAN("cancel"));
    if (not_before)
        common->not_before_ms = read_time(not_before, problem);
}

/* Two objects, walked by the first one's members. */
struct pair {
    const struct json *other;
    struct json *copy;
    bool found;
};

static bool find_member(const char *name, const struct json *value, void *arg)
{
    struct pair *pair = arg;

    (void)value;
    pair->found = json_has(pair->other, name);
    return !pair->found;
}

static bool copy_unless_member(const char *name, const struct json *value, void *arg)
{
    struct pair *pair = arg;

    if (!json_has(pair->other, name))
        json_set(pair->copy, name, json_copy(value));
    return true;
}

struct json *common_take(const struct common_schema *schema, const struct json *request,
                         struct common *ret_common, struct problem *problem)
{
    struct pair has = {.other = request}, rest = {.other = schema->members};

    *ret_common = (struct common){.priority = "normal"};
    if (!json_is(request, JSON_OBJECT))
        return NULL;
    json_each(schema->members, find_member, &has);
    if (!has.found)
        return NULL;
    if (schema_check(schema->schema, request, problem) == 0)
        read_members(request, ret_common, problem);
    rest.copy = json_object();
    json_each(request, copy_unless_member, &rest);
    return rest.copy;
}
