/* What the door knows of each kind. Everything comes from schemas/<kind>.json: a new kind changes
 * nothing here. All schemas are loaded at start; one that does not load stops the start. */
#include "policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "common.h"
#include "embedded.h"
#include "error.h"
#include "json.h"
#include "schema.h"

#define REQUEST_POINTER "/$defs/request"
#define WAIT_DEFAULT_S 30
#define DEADLINE_S 600 /* as workers/worker.c has it */
#define NAMES_MAX_BYTES 4096

struct entry {
    struct policy policy;
    struct json *json; /* outlives the schema */
    struct schema *schema;
};

struct policies {
    size_t n;
    struct buf names;
    struct common_schema *common;
    struct entry entries[];
};

static int load(struct entry *entry, const struct embedded *file,
                const struct common_schema *common, struct error *error)
{
    struct error reason = {0};
    int r = json_parse(file->text, NULL, &entry->json, &reason);

    if (r == 0)
        r = schema_new_at(entry->json, REQUEST_POINTER, &entry->schema, &reason);
    if (r < 0)
        return error_set(error, ERROR_CONFIG, -EINVAL, "schemas/%s.json: %.400s", file->name,
                         reason.message);
    r = common_admit(common, file->name, entry->json, error);
    if (r < 0)
        return r;
    entry->policy = (struct policy){
        .kind = file->name,
        .schema = entry->schema,
        .deadline_ms = json_get_integer(entry->json, "x-deadline_s", DEADLINE_S) * 1000,
        .wait_default_s = json_get_integer(entry->json, "x-wait_default_s", WAIT_DEFAULT_S),
        .max_body_bytes =
            (size_t)json_get_integer(entry->json, "x-max_body_bytes", POLICY_MAX_BODY_BYTES),
    };
    return 0;
}

int policies_new(struct policies **ret_policies, struct error *error)
{
    CLEANUP(policies_freep) struct policies *policies = NULL;
    size_t n = 0;

    while (schema_files[n].name)
        n++;
    policies = xcalloc(1, sizeof(*policies) + n * sizeof(policies->entries[0]));
    buf_init(&policies->names, NAMES_MAX_BYTES);
    int r = common_new(&policies->common, error);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        policies->n = i + 1;
        r = load(&policies->entries[i], &schema_files[i], policies->common, error);
        if (r < 0)
            return r;
        buf_addf(&policies->names, "%s%s", i ? ", " : "", schema_files[i].name);
    }
    *ret_policies = STEAL(policies);
    return 0;
}

struct policies *policies_free(struct policies *policies)
{
    if (!policies)
        return NULL;
    for (size_t i = 0; i < policies->n; i++) {
        schema_free(policies->entries[i].schema);
        json_free(policies->entries[i].json);
    }
    buf_deinit(&policies->names);
    common_free(policies->common);
    free(policies);
    return NULL;
}

const struct policy *policy_find(const struct policies *policies, struct span kind)
{
    for (size_t i = 0; i < policies->n; i++)
        if (span_equal(kind, span_of(policies->entries[i].policy.kind)))
            return &policies->entries[i].policy;
    return NULL;
}

const struct common_schema *policy_common(const struct policies *policies)
{
    return policies->common;
}

const char *policy_names(const struct policies *policies)
{
    return buf_span(&policies->names).at;
}
