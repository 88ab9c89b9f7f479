#pragma once
/* JSON and models written with ' for ", to be readable in C, and the faults of those that are none.
 */

#include <check.h>
#include <stdbool.h>

#include "base.h"
#include "embedded.h"
#include "error.h"
#include "json.h"
#include "schema.h"
#include "sim/fault.h"
#include "sim/mc.h"

static inline struct json *json_of(const char *text)
{
    CLEANUP(charp_freep) char *copy = xstrdup(text);
    struct json *json = NULL;
    struct error error;

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    ck_assert_msg(json_parse(span_of(copy), NULL, &json, &error) == 0, "%s", copy);
    return json;
}

/* What the language takes, the door's schema must take too. */
static inline void check_schema(const struct json *request)
{
    struct json *document = NULL;
    struct schema *schema = NULL;
    size_t i = 0;

    while (strcmp(schema_files[i].name, "montecarlo") != 0)
        i++;
    ck_assert(json_parse(schema_files[i].text, NULL, &document, NULL) == 0);
    ck_assert(schema_new_at(document, "/$defs/request", &schema, NULL) == 0);
    CLEANUP(charp_freep) char *text = json_text(request);
    ck_assert_msg(schema_check(schema, request, NULL) == 0, "the schema refuses %s", text);
    schema = schema_free(schema);
    document = json_free(document);
}

static inline struct mc *mc_of(const char *text)
{
    CLEANUP(json_freep) struct json *json = json_of(text);
    struct faults faults = {0};
    struct mc *mc = mc_new(json, &faults);

    ck_assert_msg(mc != NULL, "%s: %s", text, faults.n > 0 ? faults.at[0].message : "");
    faults_deinit(&faults);
    return mc;
}

/* A text that is refused, and the fault that must be among those found. */
struct refused {
    const char *text, *code, *path;
    int from, to; /* equal: no span */
};

static inline void check_found(const struct faults *faults, const struct refused *row)
{
    CLEANUP(json_freep) struct json *list = faults_json(faults);
    CLEANUP(charp_freep) char *text = json_text(list);
    bool found = false;

    for (size_t i = 0; i < json_length(list); i++) {
        const struct json *fault = json_at(list, i), *span = json_get(fault, "span");
        found = found || (span_equal(json_get_string(fault, "code", ""), span_of(row->code)) &&
                          span_equal(json_get_string(fault, "path", ""), span_of(row->path)) &&
                          json_integer(json_at(span, 0)) == row->from &&
                          json_integer(json_at(span, 1)) == row->to);
    }
    ck_assert_msg(found, "%s: %s", row->text, text);
}
