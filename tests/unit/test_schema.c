/* Each keyword with values that fit and that do not, with the words a client reads; and our own
 * schemas. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "embedded.h"
#include "error.h"
#include "json.h"
#include "main.h"
#include "problem.h"
#include "schema.h"

static struct json *parse(struct span text)
{
    struct json *json = NULL;
    struct error error = {0};

    ck_assert_msg(json_parse(text, NULL, &json, &error) == 0, "%.*s: %s", (int)text.n, text.at,
                  error.message);
    return json;
}

/* Every fault as a line "pointer: message"; empty when the value fits. */
static char *faults_of(const struct schema *schema, struct span text)
{
    CLEANUP(json_freep) struct json *value = parse(text);
    struct problem problem;
    struct buf out;

    buf_init(&out, 1 << 20);
    problem_init(&problem, ERROR_INVALID);
    int r = schema_check(schema, value, &problem);
    ck_assert_int_eq(r, problem.n_items == 0 ? 0 : -EINVAL);
    ck_assert_int_eq(schema_check(schema, value, NULL), r);
    for (size_t i = 0; i < problem.n_items && i < PROBLEM_MAX_ITEMS; i++)
        buf_addf(&out, "%s%s: %s", i > 0 ? "\n" : "", problem.items[i].pointer,
                 problem.items[i].message);
    problem_deinit(&problem);
    return buf_steal(&out);
}

// clang-format off
static const struct row {
    const char *schema, *value, *faults;
} rows[] = {
    {"true", "1", ""},
    {"false", "1", ": is not allowed here"},
    {"{}", "null", ""},
    {"{\"title\":1,\"x-anything\":[]}", "null", ""},

    {"{\"type\":\"string\"}", "\"a\"", ""},
    {"{\"type\":\"string\"}", "1", ": must be a string, not a number"},
    {"{\"type\":\"string\"}", "null", ": must be a string, not null"},
    {"{\"type\":\"integer\"}", "3", ""},
    {"{\"type\":\"integer\"}", "3.0", ""},
    {"{\"type\":\"integer\"}", "3.5", ": must be a whole number, not 3.5"},
    {"{\"type\":\"integer\"}", "1e300", ": must be a whole number, not 1e+300"},
    {"{\"type\":\"number\"}", "3", ""},
    {"{\"type\":\"number\"}", "true", ": must be a number, not true or false"},
    {"{\"type\":[\"number\",\"array\",\"null\"]}", "null", ""},
    {"{\"type\":[\"number\",\"array\",\"null\"]}", "{}", ": must be null, a number or an array, not an object"},
    {"{\"minLength\":1,\"type\":\"string\"}", "1", ": must be a string, not a number"},

    {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":null,\"b\":1}", ""},
    {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":1}", "/a: must be null, not a number"},
    {"{\"properties\":{\"a\":{\"type\":\"null\"}}}", "7", ""},
    {"{\"required\":[\"a\",\"b\"]}", "{\"a\":null}", "/b: is required"},
    {"{\"required\":[\"a/b\",\"c~d\"]}", "{}", "/a~1b: is required\n/c~0d: is required"},
    {"{\"properties\":{\"question\":{}},\"additionalProperties\":false}", "{\"question\":1}", ""},
    {"{\"properties\":{\"question\":{}},\"additionalProperties\":false}", "{\"qestion\":1}",
     "/qestion: is not known here; did you mean \"question\"?"},
    {"{\"properties\":{\"question\":{}},\"additionalProperties\":false}", "{\"zebra\":1}", "/zebra: is not known here"},
    {"{\"properties\":{\"a1\":{},\"a2\":{}},\"additionalProperties\":false}", "{\"a1\":1,\"a3\":1}",
     "/a3: is not known here; did you mean \"a2\"?"},
    {"{\"additionalProperties\":{\"type\":\"number\"}}", "{\"x\":\"y\"}", "/x: must be a number, not a string"},
    {"{\"propertyNames\":{\"maxLength\":2}}", "{\"abc\":1}", "/abc: its name must be at most 2 characters long, not 3"},
    {"{\"minProperties\":1}", "{}", ": must not be empty"},
    {"{\"minProperties\":2}", "{\"a\":1}", ": must have at least 2 members, not 1"},
    {"{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", ": must have at most 1 member, not 2"},

    {"{\"items\":{\"type\":\"string\"}}", "[\"a\",1,\"b\",2]",
     "/1: must be a string, not a number\n/3: must be a string, not a number"},
    {"{\"items\":{\"type\":\"string\"}}", "\"no array\"", ""},
    {"{\"minItems\":2}", "[1]", ": must have at least 2 items, not 1"},
    {"{\"minItems\":1}", "[]", ": must not be empty"},
    {"{\"maxItems\":1}", "[1,2]", ": must have at most 1 item, not 2"},
    {"{\"uniqueItems\":true}", "[1,\"1\",[1],{\"a\":1},null,true]", ""},
    {"{\"uniqueItems\":true}", "[1,2,1.0]", "/2: repeats an earlier item"},
    {"{\"uniqueItems\":true}", "[0,-0]", "/1: repeats an earlier item"},
    {"{\"uniqueItems\":true}", "[{\"a\":1,\"b\":2},{\"b\":2,\"a\":1}]", "/1: repeats an earlier item"},
    {"{\"uniqueItems\":false}", "[1,1]", ""},

    {"{\"minLength\":1}", "\"\"", ": must not be empty"},
    {"{\"minLength\":3}", "\"\\u00e9\\ud83d\\ude00\"", ": must be at least 3 characters long, not 2"},
    {"{\"maxLength\":2}", "\"\\u00e9\\ud83d\\ude00\"", ""},
    {"{\"maxLength\":2}", "\"abc\"", ": must be at most 2 characters long, not 3"},
    {"{\"pattern\":\"^a+$\"}", "\"aaa\"", ""},
    {"{\"pattern\":\"^a+$\"}", "\"aab\"", ": must match the pattern ^a+$"},
    {"{\"pattern\":\"^a+$\"}", "\"a\\u0000b\"", ": must match the pattern ^a+$"},
    {"{\"pattern\":\"\\\\S\",\"x-pattern_message\":\"must not be blank\"}", "\" \\n \"", ": must not be blank"},
    {"{\"pattern\":\"\\\\S\",\"minLength\":1}", "\"\"", ": must not be empty"},

    {"{\"minimum\":0}", "-1", ": must be at least 0, not -1"},
    {"{\"minimum\":0}", "0", ""},
    {"{\"maximum\":0.5}", "0.75", ": must be at most 0.5, not 0.75"},
    {"{\"exclusiveMinimum\":0}", "0", ": must be more than 0, not 0"},
    {"{\"exclusiveMaximum\":100}", "100", ": must be less than 100, not 100"},
    {"{\"minimum\":5}", "\"3\"", ""},

    {"{\"enum\":[\"standard\",\"boardroom\"]}", "\"boardroom\"", ""},
    {"{\"enum\":[\"standard\",\"boardroom\"]}", "\"bordroom\"",
     ": must be one of \"standard\", \"boardroom\"; did you mean \"boardroom\"?"},
    {"{\"enum\":[1,null]}", "2", ": must be one of 1, null"},
    {"{\"const\":\"mc/1\"}", "\"mc/1\"", ""},
    {"{\"const\":\"mc/1\"}", "\"mc/2\"", ": must be \"mc/1\""},
    {"{\"const\":1}", "1.0", ""},

    {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", ": must be at most 2, not 3"},
    {"{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\"}]}", "\"a\"", ""},
    {"{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\"}]}", "[]", ": must be a number or a string, not an array"},
    {"{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"object\",\"required\":[\"max\"]}]}", "{}", "/max: is required"},
    {"{\"anyOf\":[{\"properties\":{\"k\":{\"const\":\"a\"},\"v\":{\"type\":\"number\"}}},"
     "{\"properties\":{\"k\":{\"const\":\"b\"},\"v\":{\"type\":\"string\"}}}]}", "{\"k\":\"b\",\"v\":1}",
     "/v: must be a string, not a number"},
    {"{\"anyOf\":[{\"required\":[\"mu\",\"sigma\"]},{\"required\":[\"p5\",\"p95\"]}]}", "{\"mu\":1}",
     ": must have \"mu\" and \"sigma\", or \"p5\" and \"p95\""},
    {"{\"anyOf\":[{\"const\":1},{\"const\":2}]}", "3", ": has none of the forms that are allowed here"},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1", ""},
    {"{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "2", ": fits several forms of which only one is allowed"},
    {"{\"oneOf\":[{\"required\":[\"rate\"]},{\"required\":[\"mean\"]}]}", "{\"rate\":1,\"mean\":1}",
     ": must have only one of these: \"rate\", or \"mean\""},
    {"{\"oneOf\":[{\"type\":\"null\"}]}", "1", ": must be null, not a number"},
    {"{\"not\":{\"required\":[\"a\",\"b\"]}}", "{\"a\":1,\"b\":1}", ": must not have \"a\" and \"b\""},
    {"{\"not\":{\"type\":\"null\"}}", "null", ": must not have this form"},
    {"{\"not\":{\"type\":\"null\"}}", "1", ""},
    {"{\"if\":{\"type\":\"number\"},\"then\":{\"minimum\":1},\"else\":{\"minLength\":1}}", "0", ": must be at least 1, not 0"},
    {"{\"if\":{\"type\":\"number\"},\"then\":{\"minimum\":1},\"else\":{\"minLength\":1}}", "\"\"", ": must not be empty"},
    {"{\"if\":{\"type\":\"number\"},\"then\":{\"minimum\":1}}", "\"\"", ""},

    {"{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"type\":\"null\"}}}", "1", ": must be null, not a number"},
    {"{\"$defs\":{\"tree\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/tree\"}}},\"$ref\":\"#/$defs/tree\"}",
     "{\"a\":{\"b\":{\"c\":1}}}", "/a/b/c: must be an object, not a number"},
    {"{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"}", "[[],[[1]]]", "/1/0/0: must be an array, not a number"},
};
// clang-format on

START_TEST(keywords_say_what_is_wrong_and_where)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *document = parse(span_of(rows[i].schema));
        CLEANUP(schema_freep) struct schema *schema = NULL;
        struct error error = {0};

        ck_assert_msg(schema_new(document, &schema, &error) == 0, "%s: %s", rows[i].schema,
                      error.message);
        CLEANUP(charp_freep) char *faults = faults_of(schema, span_of(rows[i].value));
        ck_assert_msg(strcmp(faults, rows[i].faults) == 0, "%s of %s: \"%s\"", rows[i].schema,
                      rows[i].value, faults);
    }
}
END_TEST

START_TEST(a_schema_we_cannot_check_does_not_load)
{
    // clang-format off
    static const struct {
        const char *schema, *message;
    } bad[] = {
        {"1", "schema #: must be a schema: an object, true or false"},
        {"{\"properties\":{\"a\":{\"patternProperties\":{}}}}",
         "schema #/properties/a/patternProperties: is a keyword that is not supported"},
        {"{\"type\":\"text\"}", "schema #/type: names a type there is not"},
        {"{\"minItems\":-1}", "schema #/minItems: must be a whole number, not negative"},
        {"{\"minimum\":\"1\"}", "schema #/minimum: must be a number"},
        {"{\"required\":[1]}", "schema #/required: must be a list of strings"},
        {"{\"enum\":1}", "schema #/enum: must be a list"},
        {"{\"anyOf\":[]}", "schema #/anyOf: must not be empty"},
        {"{\"items\":null}", "schema #/items: must be a schema: an object, true or false"},
        {"{\"pattern\":\"(\"}", "schema #/pattern: is not a POSIX extended regular expression"},
        {"{\"uniqueItems\":1}", "schema #/uniqueItems: must be true or false"},
        {"{\"$ref\":\"#/$defs/none\"}", "schema #/$ref: refers to nothing"},
        {"{\"$ref\":\"other.json\"}", "schema #/$ref: must begin with #: a reference inside this document"},
        {"{\"$ref\":\"#\"}", "schema #: refers to itself without end"},
        {"{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"anyOf\":[{\"$ref\":\"#/$defs/b\"}]},\"b\":{\"not\":{\"$ref\":\"#/$defs/a\"}}}}",
         "schema #/$defs/a: refers to itself without end"},
    };
    // clang-format on

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        CLEANUP(json_freep) struct json *document = parse(span_of(bad[i].schema));
        struct schema *schema = NULL;
        struct error error = {0};

        ck_assert_msg(schema_new(document, &schema, &error) == -EINVAL, "%s", bad[i].schema);
        ck_assert_str_eq(error.message, bad[i].message);
        ck_assert_ptr_null(schema);
    }
}
END_TEST

START_TEST(a_crafted_value_cannot_make_the_check_endless)
{
    CLEANUP(json_freep)
    struct json *document =
        parse(SPAN("{\"$defs\":{\"t\":{\"allOf\":[{\"items\":{\"$ref\":\"#/$defs/t\"}},"
                   "{\"items\":{\"$ref\":\"#/$defs/t\"}},{\"items\":{\"$ref\":\"#/$defs/t\"}}]}},"
                   "\"$ref\":\"#/$defs/t\"}"));
    CLEANUP(schema_freep) struct schema *schema = NULL;

    ck_assert_int_eq(schema_new(document, &schema, NULL), 0);
    CLEANUP(charp_freep) char *shallow = faults_of(schema, SPAN("[[[[[[[[1]]]]]]]]"));
    ck_assert_str_eq(shallow, "");
    CLEANUP(charp_freep)
    char *deep =
        faults_of(schema, SPAN("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"));
    ck_assert_str_eq(deep, ": is too much to check");
}
END_TEST

START_TEST(a_pointer_nobody_reads_gives_way_to_the_one_around_it)
{
    CLEANUP(json_freep)
    struct json *document =
        parse(SPAN("{\"properties\":{\"a\":{\"additionalProperties\":false}}}"));
    CLEANUP(schema_freep) struct schema *schema = NULL;
    struct buf text;

    buf_init(&text, 10000);
    buf_add_text(&text, "{\"a\":{\"");
    for (int i = 0; i < 1000; i++)
        buf_add_char(&text, 'k');
    buf_add_text(&text, "\":1}}");
    ck_assert_int_eq(schema_new(document, &schema, NULL), 0);
    CLEANUP(charp_freep) char *faults = faults_of(schema, buf_span(&text));
    ck_assert_str_eq(faults, "/a: is not known here");
    buf_deinit(&text);
}
END_TEST

/* --- our own schemas ------------------------------------------------------------------------- */

static struct span kind_text(const char *kind)
{
    for (const struct embedded *file = schema_files; file->name; file++)
        if (strcmp(file->name, kind) == 0)
            return file->text;
    ck_abort_msg("no schema of %s", kind);
}

START_TEST(every_schema_loads_as_a_whole_and_has_its_policy)
{
    size_t n = 0;

    for (const struct embedded *file = schema_files; file->name; file++, n++) {
        static const char *const parts[] = {"", "/$defs/request", "/$defs/result"};
        CLEANUP(json_freep) struct json *document = parse(file->text);

        for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
            CLEANUP(schema_freep) struct schema *schema = NULL;
            struct error error = {0};

            ck_assert_msg(schema_new_at(document, parts[i], &schema, &error) == 0, "%s: %s",
                          file->name, error.message);
        }
        ck_assert_msg(json_get_integer(document, "x-deadline_s", 0) > 0, "%s", file->name);
        ck_assert_msg(json_get_integer(document, "x-max_attempts", 0) > 0, "%s", file->name);
        ck_assert_msg(json_get_integer(document, "x-max_body_bytes", 0) > 0, "%s", file->name);
    }
    ck_assert_uint_ge(n, 4);
}
END_TEST

static struct json *read_schema(const char *name)
{
    CLEANUP(charp_freep) char *path = xprintf("%s/%s.json", SCHEMAS, name);
    FILE *file = fopen(path, "rb");
    struct buf text;

    ck_assert_msg(file != NULL, "%s", path);
    buf_init(&text, 1 << 20);
    size_t n = fread(buf_room(&text, 1 << 19), 1, 1 << 19, file);
    buf_grew(&text, n);
    (void)fclose(file);
    struct json *json = parse(buf_span(&text));
    buf_deinit(&text);
    return json;
}

START_TEST(problems_and_events_fit_their_schemas)
{
    static const struct {
        const char *schema, *value, *faults;
    } cases[] = {
        {"event",
         "{\"type\":\"job.queued\",\"seq\":1,\"job\":\"j\",\"at\":\"t\",\"attempt\":0,"
         "\"queue\":\"probe.requests\",\"priority\":\"normal\"}",                                   ""                },
        {"event",   "{\"type\":\"job.started\",\"job\":\"j\",\"at\":\"t\",\"attempt\":1}",
         "/seq: is required"                                                                                          },
        {"event",   "{\"type\":\"stream.closed\",\"reason\":\"lagged\"}",                           ""                },
        {"event",   "{\"type\":\"stream.gap\",\"from\":1}",                                         "/to: is required"},
        {"event",   "{\"type\":\"job.failed\",\"seq\":9,\"job\":\"j\",\"at\":\"t\",\"attempt\":1}",
         "/error: is required"                                                                                        },
        {"problem", "{\"type\":\"about:blank\"}",
         "/title: is required\n/status: is required\n/detail: is required\n/code: is required\n"
         "/retryable: is required"                                                                                    },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP(json_freep) struct json *document = read_schema(cases[i].schema);
        CLEANUP(schema_freep) struct schema *schema = NULL;
        struct error error = {0};

        ck_assert_msg(schema_new(document, &schema, &error) == 0, "%s", error.message);
        CLEANUP(charp_freep) char *faults = faults_of(schema, span_of(cases[i].value));
        ck_assert_msg(strcmp(faults, cases[i].faults) == 0, "%s: %s", cases[i].value, faults);
    }
}
END_TEST

START_TEST(our_own_problems_fit_the_problem_schema)
{
    CLEANUP(json_freep) struct json *document = read_schema("problem");
    CLEANUP(schema_freep) struct schema *schema = NULL;
    struct problem problem;
    struct buf out;

    ck_assert_int_eq(schema_new(document, &schema, NULL), 0);
    for (int code = 0; code < ERROR_CODE_COUNT_; code++) {
        problem_init(&problem, (enum error_code)code);
        problem_add(&problem, "/a", "is wrong");
        buf_init(&out, 10000);
        problem_write(&problem, "r", &out);
        CLEANUP(charp_freep) char *faults = faults_of(schema, buf_span(&out));
        ck_assert_str_eq(faults, "");
        buf_deinit(&out);
        problem_deinit(&problem);
    }
}
END_TEST

// clang-format off
static const struct request {
    const char *kind, *body, *faults;
} requests[] = {
    {"probe", "{}", ""},
    {"probe", "{\"events\":10000,\"delay_ms\":60000}", ""},
    {"probe", "{\"events\":10001}", "/events: must be at most 10000, not 10001"},
    {"probe", "{\"events\":\"5\"}", "/events: must be a whole number, not a string"},
    {"probe", "{\"event\":5}", "/event: is not known here; did you mean \"events\"?"},
    {"probe", "[]", ": must be an object, not an array"},
    {"probe", "null", ": must be an object, not null"},

    {"predict", "{\"prediction_data\":{\"goal\":\"a job at OpenAI\",\"context\":\"\",\"user_name\":\"Ada\"},\"seed\":\"x\"}", ""},
    {"predict", "{\"prediction_data\":{\"goal\":\"\"}}", "/prediction_data/goal: must not be empty"},
    {"predict", "{\"prediction_data\":{\"goal\":\" \\t\"}}", "/prediction_data/goal: must not be blank"},
    {"predict", "{\"prediction_data\":{\"goal\":7}}", "/prediction_data/goal: must be a string, not a number"},
    {"predict", "{}", "/prediction_data: is required"},
    {"predict", "{\"goal\":\"x\"}", "/goal: is not known here\n/prediction_data: is required"},

    {"debate", "{\"question\":\"Spain next year?\"}", ""},
    {"debate", "{\"question\":\"Which?\",\"context\":\"c\",\"format\":\"boardroom\",\"personas\":[{\"id\":\"cfo\",\"name\":\"CFO\",\"role\":\"money\","
     "\"stance\":\"careful\",\"expertise\":\"tax\",\"provider\":\"groq\",\"model\":\"m\",\"temperature\":0.5},"
     "{\"id\":\"cto\",\"name\":\"CTO\",\"role\":\"machines\"}],\"rounds\":{\"max\":2,\"min\":0},\"exchange\":\"named\",\"top_k\":3,"
     "\"corpus\":[\"one\",{\"id\":\"D2\",\"text\":\"two\"}],\"answer\":{\"kind\":\"choice\",\"choices\":[\"yes\",\"no\"]},\"devil\":0,"
     "\"synthesis\":{\"style\":\"report\",\"max_tokens\":900},\"stop\":{\"agree\":0.9,\"stable_rounds\":2,\"delta\":0.1},"
     "\"budget\":{\"tokens\":100000,\"usd\":1.5,\"wall_ms\":60000,\"concurrency\":4},\"quorum\":0.5,\"seed\":7,\"temperature\":1,"
     "\"providers\":[\"anthropic\",\"xai\"]}", ""},
    {"debate", "{\"question\":\"\"}", "/question: must not be empty"},
    {"debate", "{\"question\":\"   \"}", "/question: must not be blank"},
    {"debate", "{\"question\":[\"a\"]}", "/question: must be a string, not an array"},
    {"debate", "{\"format\":\"standard\"}", "/question: is required"},
    {"debate", "{\"question\":\"a\",\"personnas\":[]}", "/personnas: is not known here; did you mean \"personas\"?"},
    {"debate", "{\"question\":\"a\",\"personas\":[{\"id\":\"a\",\"name\":\"A\",\"role\":\"r\"}]}", "/personas: must have at least 2 items, not 1"},
    {"debate", "{\"question\":\"a\",\"personas\":[{\"id\":\"a b\",\"name\":3,\"rol\":\"r\"},7]}",
     "/personas/0/rol: is not known here; did you mean \"role\"?\n/personas/0/role: is required\n"
     "/personas/0/id: must be letters, digits, '_', '.' and '-'\n/personas/0/name: must be a string, not a number\n"
     "/personas/1: must be a string or an object, not a number"},
    {"debate", "{\"question\":\"a\",\"personas\":\"my-board\"}", ""},
    {"debate", "{\"question\":\"a\",\"personas\":[\"cfo\",\"my-board/vet\"]}", ""},
    {"debate", "{\"question\":\"a\",\"personas\":\"../etc\"}", "/personas: must be a set's name: letters, digits, '_', '.' and '-'"},
    {"debate", "{\"question\":\"a\",\"answer\":{\"kind\":\"choice\"}}", "/answer/choices: is required"},
    {"debate", "{\"question\":\"a\",\"answer\":{\"kind\":\"open\",\"choices\":[\"a\",\"b\"]}}", "/answer/choices: is not allowed here"},
    {"debate", "{\"question\":\"a\",\"rounds\":{\"max\":6}}", "/rounds/max: must be at most 5, not 6"},
    {"debate", "{\"question\":\"a\",\"corpus\":[1,{\"id\":\"x\"}]}",
     "/corpus/0: must be a string or an object, not a number\n/corpus/1/text: is required"},
    {"debate", "{\"question\":\"a\",\"providers\":[\"grok\"]}",
     "/providers/0: must be one of \"anthropic\", \"openai\", \"groq\", \"xai\", \"compatible\"; did you mean \"groq\"?"},

    {"montecarlo", "{\"variables\":{\"price\":\"15 to 30\",\"volume\":{\"dist\":\"normal\",\"mean\":1000,\"sd\":150,\"truncate\":[0,null]},"
     "\"cost\":{\"dist\":\"triangular\",\"min\":5,\"mode\":8,\"max\":14}},\"outputs\":{\"profit\":\"volume*(price-cost)-8000\"},\"ask\":[\"P(profit > 0)\"]}", ""},
    {"montecarlo", "{\"variables\":{\"g\":{\"dist\":\"normal\",\"mean\":0.05,\"sd\":0.16}},\"steps\":{\"count\":30,\"redraw\":[\"g\"],"
     "\"state\":{\"pot\":{\"init\":\"20000\",\"next\":\"max(0, pot*(1+g)+6000)\"}}},\"outputs\":{\"pot\":\"pot\"},\"ask\":[\"P(pot < 300000)\"]}", ""},
    {"montecarlo", "{\"variables\":{\"demand\":\"800 to 1500\",\"lead\":{\"dist\":\"gamma\",\"shape\":4,\"scale\":2}},"
     "\"correlations\":[[\"demand\",\"lead\",0.5]],\"correlation_kind\":\"spearman\",\"let\":{\"need\":\"demand*lead/30\"},"
     "\"outputs\":{\"short\":\"max(0, need-400)\"},\"ask\":[\"P(short > 0)\",\"short.p95\"]}", ""},
    {"montecarlo", "{\"kind\":\"montecarlo\",\"model\":\"mc/1\",\"variables\":{\"launch\":{\"dist\":\"mixture\",\"of\":[{\"dist\":\"constant\",\"value\":0},\"1e5 to 5e6\"],"
     "\"weights\":[0.6,0.4]},\"burn\":\"3e5 to 6e5\"},\"outputs\":{\"net\":\"launch - burn\"},"
     "\"trials\":{\"max\":1e8,\"until\":[{\"of\":\"P(net > 0)\",\"ci_half_width\":0.0005}]}}", ""},
    {"montecarlo", "{\"variables\":{\"n\":{\"dist\":\"poisson\",\"mean\":3},\"c\":5},\"outputs\":{\"o\":\"n*c\"},\"method\":\"sobol\",\"trials\":8192,"
     "\"seed\":\"s\",\"report\":{\"percentiles\":[5,95],\"histogram\":10,\"ci\":0.9,\"drivers\":true,\"samples\":0},\"on_invalid\":\"drop\",\"dry_run\":true}", ""},
    {"montecarlo", "{}", "/outputs: is required"},
    {"montecarlo", "{\"variables\":{},\"outputs\":{}}", "/outputs: must not be empty"},
    {"montecarlo", "{\"variables\":{\"a\":true},\"outputs\":{\"o\":\"a\"}}",
     "/variables/a: must be a number, a string or an object, not true or false"},
    {"montecarlo", "{\"variables\":{\"a\":{\"dist\":\"normal\",\"meen\":1,\"sd\":\"2\"}},\"outputs\":{\"o\":1}}",
     "/variables/a/meen: is not known here; did you mean \"mean\"?\n/variables/a/sd: must be a number, not a string\n"
     "/outputs/o: must be a string, not a number"},
    {"montecarlo", "{\"variables\":{\"a\":1},\"outputs\":{\"o\":\"a\"},\"trials\":0}", "/trials: must be at least 1, not 0"},
    {"montecarlo", "{\"variables\":{\"a\":1},\"outputs\":{\"o\":\"a\"},\"trials\":{\"until\":[]}}", "/trials/max: is required"},
    {"montecarlo", "{\"model\":\"mc/2\",\"variables\":{\"a\":1},\"outputs\":{\"o\":\"a\"}}", "/model: must be \"mc/1\""},
};
// clang-format on

static void check_request(const char *kind, struct span body, const char *expected)
{
    CLEANUP(json_freep) struct json *document = parse(kind_text(kind));
    CLEANUP(schema_freep) struct schema *schema = NULL;

    ck_assert_int_eq(schema_new_at(document, "/$defs/request", &schema, NULL), 0);
    CLEANUP(charp_freep) char *faults = faults_of(schema, body);
    ck_assert_msg(strcmp(faults, expected) == 0, "%s %.*s: %s", kind, (int)body.n, body.at, faults);
}

START_TEST(requests_are_taken_or_refused_with_every_fault)
{
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
        check_request(requests[i].kind, span_of(requests[i].body), requests[i].faults);
}
END_TEST

START_TEST(thirteen_personas_are_one_too_many)
{
    struct buf body;

    buf_init(&body, 10000);
    for (int n = 12; n <= 13; n++) {
        buf_clear(&body);
        buf_add_text(&body, "{\"question\":\"a\",\"personas\":[");
        for (int i = 0; i < n; i++)
            buf_addf(&body, "%s{\"id\":\"p%d\",\"name\":\"P\",\"role\":\"r\"}", i > 0 ? "," : "",
                     i);
        buf_add_text(&body, "]}");
        check_request("debate", buf_span(&body),
                      n == 12 ? "" : "/personas: must have at most 12 items, not 13");
    }
    buf_deinit(&body);
}
END_TEST

START_TEST(an_unknown_distribution_names_the_one_that_was_meant)
{
    CLEANUP(json_freep) struct json *document = parse(kind_text("montecarlo"));
    CLEANUP(schema_freep) struct schema *schema = NULL;

    ck_assert_int_eq(schema_new_at(document, "/$defs/dist", &schema, NULL), 0);
    CLEANUP(charp_freep) char *faults = faults_of(schema, SPAN("{\"dist\":\"lognormale\"}"));
    ck_assert_ptr_nonnull(strstr(faults, "/dist: must be one of \"constant\", "));
    ck_assert_ptr_nonnull(strstr(faults, "did you mean \"lognormal\"?"));
}
END_TEST

TEST_MAIN("schema", keywords_say_what_is_wrong_and_where, a_schema_we_cannot_check_does_not_load,
          a_crafted_value_cannot_make_the_check_endless,
          a_pointer_nobody_reads_gives_way_to_the_one_around_it,
          every_schema_loads_as_a_whole_and_has_its_policy, problems_and_events_fit_their_schemas,
          our_own_problems_fit_the_problem_schema, requests_are_taken_or_refused_with_every_fault,
          thirteen_personas_are_one_too_many, an_unknown_distribution_names_the_one_that_was_meant)
