/* What the door knows of each kind. Everything comes from schemas/<kind>.json: a new kind changes
 * nothing here. All schemas are loaded at start; one that does not load stops the start. A kind
 * whose schema says x-internal has jobs that only other jobs spawn: for the door there is none of
 * that name. */
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
#define MAX_PER_S 100000

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

static int load_rates(struct entry *entry, struct error *error)
{
    const struct json *rates = json_get(entry->json, "x-rates");
    struct policy *policy = &entry->policy;

    for (size_t i = 0; i < json_length(rates); i++) {
        const struct json *rate = json_at(rates, i);
        struct policy_rate *row = &policy->rates[i];

        if (i < POLICY_MAX_RATES)
            *row = (struct policy_rate){
                .name = json_get_string(rate, "name", "").at,
                .when = json_get(rate, "when"),
                .per_s = json_get_integer(rate, "per_s", 0),
                .burst = json_get_integer(rate, "burst", 0),
            };
        if (i >= POLICY_MAX_RATES || !row->name[0] || row->per_s <= 0 || row->per_s > MAX_PER_S ||
            row->burst <= 0 || row->burst > MAX_PER_S)
            return error_set(error, ERROR_CONFIG, -EINVAL,
                             "schemas/%s.json: x-rates: number %zu has no name, per_s or burst",
                             policy->kind, i + 1);
        policy->n_rates = i + 1;
    }
    return 0;
}

static void load_large_member(struct entry *entry)
{
    const struct json *large = json_get(entry->json, "x-large_member");
    struct policy *policy = &entry->policy;

    if (!large)
        return;
    policy->large_member = json_get_string(large, "name", "").at;
    policy->max_large_bytes = (size_t)json_get_integer(large, "max_bytes", 0);
    policy->max_body_bytes += policy->max_large_bytes;
}

static int load_media(struct entry *entry, struct error *error)
{
    const struct json *media = json_get(entry->json, "x-media");
    struct policy_media *row = &entry->policy.media;

    if (!media)
        return 0;
    *row = (struct policy_media){
        .type = json_get_string(media, "type", "").at,
        .member = json_get_string(media, "member", "").at,
        .alt = json_get_string(media, "alt", "").at,
    };
    if (strchr(row->type, '/') && row->member[0] && row->alt[0])
        return 0;
    return error_set(error, ERROR_CONFIG, -EINVAL,
                     "schemas/%s.json: x-media wants type, member and alt", entry->policy.kind);
}

static int load(struct entry *entry, const struct embedded *file,
                const struct common_schema *common, struct error *error)
{
    struct error reason = {0};
    CLEANUP(schema_freep) struct schema *whole = NULL;
    int r = json_parse(file->text, NULL, &entry->json, &reason);

    /* Also what no request reaches must be a schema that we understand. */
    if (r == 0)
        r = schema_new(entry->json, &whole, &reason);
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
        .internal = json_get_bool(entry->json, "x-internal", false),
        .schema = entry->schema,
        .deadline_ms = json_get_integer(entry->json, "x-deadline_s", DEADLINE_S) * 1000,
        .max_log_bytes = json_get_integer(entry->json, "x-max_log_bytes", 0),
        .wait_default_s = json_get_integer(entry->json, "x-wait_default_s", WAIT_DEFAULT_S),
        .max_body_bytes =
            (size_t)json_get_integer(entry->json, "x-max_body_bytes", POLICY_MAX_BODY_BYTES),
    };
    load_large_member(entry);
    r = load_media(entry, error);
    return r < 0 ? r : load_rates(entry, error);
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
        if (!policies->entries[i].policy.internal)
            buf_addf(&policies->names, "%s%s", policies->names.n ? ", " : "", schema_files[i].name);
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
        if (!policies->entries[i].policy.internal &&
            span_equal(kind, span_of(policies->entries[i].policy.kind)))
            return &policies->entries[i].policy;
    return NULL;
}

struct fit {
    const struct json *request;
    bool fits;
};

static bool compare_member(const char *name, const struct json *value, void *arg)
{
    struct fit *fit = arg;

    fit->fits = json_equal(json_get(fit->request, name), value);
    return fit->fits;
}

const struct policy_rate *policy_rate_of(const struct policy *policy, const struct json *request)
{
    for (size_t i = 0; i < policy->n_rates; i++) {
        struct fit fit = {request, true};

        if (policy->rates[i].when)
            json_each(policy->rates[i].when, compare_member, &fit);
        if (fit.fits)
            return &policy->rates[i];
    }
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
