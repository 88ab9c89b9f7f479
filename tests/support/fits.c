/* Results against the schemas that are compiled in. */
#include "fits.h"

#include <check.h>

#include "error.h"
#include "json.h"
#include "kinds.h"
#include "problem.h"
#include "schema.h"

void check_result(const char *kind, const struct json *result)
{
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(schema_freep) struct schema *schema = NULL;
    struct error error = {0};
    struct problem problem;

    ck_assert_int_eq(json_parse(kind_schema(span_of(kind))->text, NULL, &document, NULL), 0);
    ck_assert_msg(schema_new_at(document, "/$defs/result", &schema, &error) == 0, "%s",
                  error.message);
    problem_init(&problem, ERROR_INVALID);
    ck_assert_msg(schema_check(schema, result, &problem) == 0, "%s %s", problem.items[0].pointer,
                  problem.items[0].message);
    problem_deinit(&problem);
}
