/* The official JSON-Schema-Test-Suite (Debian: json-schema-test-suite), its files of the keywords
 * we claim. Every group must load and every test must come out as the suite says; what we leave out
 * on purpose stands in `left_out` with its reason, and must still be refused at loading, not
 * misunderstood. Without the suite the test is skipped. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "main.h"
#include "schema.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/"
#define MAX_FILE_BYTES (4u << 20)

static const char *const drafts[] = {"draft7", "draft2020-12"};

static const char *const files[] = {
    "additionalProperties",
    "allOf",
    "anyOf",
    "boolean_schema",
    "const",
    "default",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "if-then-else",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "not",
    "oneOf",
    "pattern",
    "properties",
    "propertyNames",
    "ref",
    "required",
    "type",
    "uniqueItems",
};

/* A group is left out when its schema has this text. */
static const struct {
    const char *text, *why;
} left_out[] = {
    {"patternProperties", "not a keyword of ours"                                    },
    {"\"items\":[",       "a list of schemas: replaced by prefixItems in 2020-12"    },
    {"additionalItems",   "gone in 2020-12"                                          },
    {"prefixItems",       "not a keyword of ours"                                    },
    {"multipleOf",        "not a keyword of ours"                                    },
    {"dependentSchemas",  "not a keyword of ours"                                    },
    {"contains",          "not a keyword of ours"                                    },
    {"unevaluated",       "not a keyword of ours"                                    },
    {"$anchor",           "not a keyword of ours"                                    },
    {"$dynamic",          "not a keyword of ours"                                    },
    {"definitions",       "written $defs since 2019-09"                              },
    {"http://",           "references leave the document: ours never do"             },
    {"https://example",   "references leave the document: ours never do"             },
    {"urn:",              "references leave the document: ours never do"             },
    {"tilda~field",       "sub-schemas stand in $defs, not under names of no keyword"},
    {"\"$ref\":\"#foo\"", "names instead of pointers"                                },
};

static struct json *read_suite(const char *draft, const char *name)
{
    char *path CLEANUP(charp_freep) = xprintf(SUITE "%s/%s.json", draft, name);
    struct json *json = NULL;
    struct error error = {0};
    struct buf text;
    FILE *file = fopen(path, "re");

    if (!file)
        return NULL;
    buf_init(&text, MAX_FILE_BYTES);
    char *room = buf_room(&text, MAX_FILE_BYTES - 1);
    buf_grew(&text, fread(room, 1, MAX_FILE_BYTES - 1, file));
    (void)fclose(file);
    const struct json_limits limits = {MAX_FILE_BYTES, 64};
    ck_assert_msg(json_parse(buf_span(&text), &limits, &json, &error) == 0, "%s: %s", path,
                  error.message);
    buf_deinit(&text);
    return json;
}

static const char *excuse(const struct json *schema)
{
    char *text CLEANUP(charp_freep) = json_text(schema);

    for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
        if (strstr(text, left_out[i].text))
            return left_out[i].why;
    return NULL;
}

/* Adds a line for each difference; returns how many tests there were. */
static size_t check_group(const char *file, const struct json *group, struct buf *differences)
{
    const struct json *document = json_get(group, "schema"), *tests = json_get(group, "tests");
    const char *title = json_get_string(group, "description", "").at;
    CLEANUP(schema_freep) struct schema *schema = NULL;
    struct error error = {0};

    if (schema_new(document, &schema, &error) < 0) {
        if (!excuse(document))
            buf_addf(differences, "%s: \"%s\" does not load: %s\n", file, title, error.message);
        return 0;
    }
    for (size_t i = 0; i < json_length(tests); i++) {
        const struct json *test = json_at(tests, i);
        bool fits = schema_check(schema, json_get(test, "data"), NULL) == 0;

        if (fits != json_get_bool(test, "valid", false))
            buf_addf(differences, "%s: \"%s\", \"%s\" %s\n", file, title,
                     json_get_string(test, "description", "").at,
                     fits ? "fits, but should not" : "does not fit, but should");
    }
    return json_length(tests);
}

static size_t check_draft(const char *draft, size_t *n_files, struct buf *differences)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        CLEANUP(json_freep) struct json *groups = read_suite(draft, files[i]);

        for (size_t g = 0; g < json_length(groups); g++)
            n += check_group(files[i], json_at(groups, g), differences);
        *n_files += groups != NULL;
    }
    return n;
}

START_TEST(every_keyword_means_what_the_official_suite_says)
{
    size_t n = 0, n_files = 0;
    struct buf differences;

    buf_init(&differences, 1 << 20);
    /* Debian's release of the suite ends with draft 7; a newer one is used where it is. */
    for (size_t i = 0; i < ARRAY_SIZE(drafts); i++)
        n += check_draft(drafts[i], &n_files, &differences);
    ck_assert_msg(differences.n == 0, "\n%s", differences.at);
    buf_deinit(&differences);
    ck_assert_uint_ge(n_files, ARRAY_SIZE(files) - 1);
    ck_assert_uint_ge(n, 250);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {every_keyword_means_what_the_official_suite_says};

    if (access(SUITE, R_OK) == 0)
        return test_main("schema_suite", tests, ARRAY_SIZE(tests));
    puts("1..0 # SKIP json-schema-test-suite");
    return EXIT_SUCCESS;
}
