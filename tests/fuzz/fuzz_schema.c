/* A value against the requests of all our kinds; or, when the input begins with '!', the first line
 * is a schema and the rest the value. With and without a problem the answer is the same, and every
 * problem is JSON with pointers. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "embedded.h"
#include "json.h"
#include "problem.h"
#include "schema.h"

#define MAX_KINDS 64

static struct schema *requests[MAX_KINDS];

static void load_requests(void)
{
    static struct json *documents[MAX_KINDS];

    for (size_t i = 0; !requests[i] && schema_files[i].name && i + 1 < MAX_KINDS; i++) {
        int r = json_parse(schema_files[i].text, NULL, &documents[i], NULL);
        assert(r == 0);
        r = schema_new_at(documents[i], "/$defs/request", &requests[i], NULL);
        assert(r == 0);
    }
}

static void check(const struct schema *schema, const struct json *value)
{
    struct problem problem;
    struct buf out;
    struct json *json = NULL;

    problem_init(&problem, ERROR_INVALID);
    int r = schema_check(schema, value, &problem);
    assert(r == 0 || r == -EINVAL);
    assert((r == 0) == (problem.n_items == 0));
    bool gave_up = false;
    for (size_t i = 0; i < problem.n_items && i < PROBLEM_MAX_ITEMS; i++) {
        assert(problem.items[i].pointer[0] == '/' || problem.items[i].pointer[0] == '\0');
        gave_up |= strcmp(problem.items[i].message, "is too much to check") == 0;
    }
    assert(gave_up || problem.n_items > PROBLEM_MAX_ITEMS ||
           schema_check(schema, value, NULL) == r);
    buf_init(&out, 8 << 20);
    problem_write(&problem, NULL, &out);
    assert(json_parse(buf_span(&out), NULL, &json, NULL) == 0);
    json = json_free(json);
    buf_deinit(&out);
    problem_deinit(&problem);
}

static void check_given(struct span text)
{
    const char *end = memchr(text.at, '\n', text.n);
    struct json *document = NULL, *value = NULL;
    struct schema *schema = NULL;

    if (!end)
        return;
    struct span first = {text.at, (size_t)(end - text.at)};
    struct span rest = {end + 1, text.n - first.n - 1};
    if (json_parse(first, NULL, &document, NULL) == 0 && schema_new(document, &schema, NULL) == 0 &&
        json_parse(rest, NULL, &value, NULL) == 0)
        check(schema, value);
    schema = schema_free(schema);
    document = json_free(document);
    value = json_free(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct span text = {(const char *)data, n};
    struct json *value = NULL;

    if (n > 0 && data[0] == '!') {
        check_given((struct span){text.at + 1, n - 1});
        return 0;
    }
    load_requests();
    if (json_parse(text, NULL, &value, NULL) < 0)
        return 0;
    for (size_t i = 0; requests[i]; i++)
        check(requests[i], value);
    value = json_free(value);
    return 0;
}
