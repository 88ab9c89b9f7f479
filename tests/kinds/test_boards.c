/* Personas from files: what is read, what is refused and where, who is meant by a name. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "json.h"
#include "kinds/debate/boards.h"
#include "main.h"
#include "text.h"

static const char template[] = "/tmp/parley-boards-XXXXXX";
static char folder[sizeof(template)];

static void write_file(const char *name, const char *text)
{
    char path[sizeof(folder) + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void drop_file(const char *name)
{
    char path[sizeof(folder) + 64];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    (void)unlink(path);
}

static struct json *parse(const char *text)
{
    struct json *json = NULL;

    ck_assert_msg(json_parse(span_of(text), NULL, &json, NULL) == 0, "%s", text);
    return json;
}

#define PERSONA(id, name) "{\"id\":\"" id "\",\"name\":\"" name "\",\"role\":\"r\"}"
#define SET(name, personas) "{\"name\":\"" name "\",\"personas\":[" personas "]}"

static struct boards *two_sets(void)
{
    struct boards *boards = NULL;

    ck_assert_ptr_nonnull(mkdtemp(memcpy(folder, template, sizeof(folder))));
    write_file("a.json", SET("farm", PERSONA("vet", "Vet") "," PERSONA("cfo", "Farm CFO")));
    write_file("b.json", SET("shop", PERSONA("vet", "Other") "," PERSONA("clerk", "Clerk")));
    write_file("notes.txt", "not read");
    ck_assert_int_eq(boards_load(folder, &boards), 0);
    drop_file("a.json");
    drop_file("b.json");
    drop_file("notes.txt");
    (void)rmdir(folder);
    return boards;
}

START_TEST(names_and_ids_stand_for_personas)
{
    static const struct {
        const char *wanted, *names; /* NULL = refused */
        const char *why;
    } rows[] = {
  // clang-format off
        {"\"farm\"",                            "Vet,Farm CFO", NULL},
        {"[\"farm/vet\",\"shop/vet\"]",         "Vet,Other",    NULL},
        {"[\"clerk\",\"cto\"]",                 "Clerk,CTO",    NULL},
        {"[\"cfo\",\"boardroom/cfo\"]",         "Farm CFO,CFO", NULL},
        {"[" PERSONA("x", "X") ",\"sceptic\"]", "X,Sceptic",    NULL},
        {"[\"vet\",\"cto\"]",                   NULL, "/personas/0: several sets"},
        {"[\"cto\",\"nobody\"]",                NULL, "/personas/1: this worker knows no persona \"nobody\""},
        {"[\"cto\",\"farm/clerk\"]",            NULL, "/personas/1: "},
        {"\"moon\"",                            NULL, "/personas: this worker knows no set \"moon\"; its sets are boardroom, standard, farm, shop"},
  // clang-format on
    };
    struct boards *boards = two_sets();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        CLEANUP(json_freep) struct json *wanted = parse(rows[i].wanted), *found = NULL;
        struct error error = {0};
        char names[200] = "";

        ck_assert(boards_are_named(wanted));
        int r = boards_resolve(boards, wanted, &found, &error);
        ck_assert_msg((r == 0) == (rows[i].names != NULL), "row %zu: %s", i, error.message);
        for (size_t j = 0; j < json_length(found); j++) {
            size_t n = strlen(names);
            (void)snprintf(names + n, sizeof(names) - n, "%s%s", j ? "," : "",
                           json_get_string(json_at(found, j), "name", "").at);
        }
        if (rows[i].names)
            ck_assert_str_eq(names, rows[i].names);
        else
            ck_assert_msg(text_starts(span_of(error.message), rows[i].why), "%s", error.message);
    }
    boards_free(boards);
}
END_TEST

START_TEST(a_list_of_personas_names_none)
{
    CLEANUP(json_freep) struct json *list = parse("[" PERSONA("a", "A") "]");

    ck_assert(!boards_are_named(list));
    ck_assert(!boards_are_named(NULL));
}
END_TEST

/* What loading printed, which is what an operator sees. */
static char *said_about(const char *path)
{
    struct boards *boards = NULL;
    char *text = xcalloc(1, 4096);
    FILE *said = tmpfile();

    ck_assert_ptr_nonnull(said);
    int was = dup(STDERR_FILENO);
    ck_assert_int_ge(dup2(fileno(said), STDERR_FILENO), 0);
    int r = boards_load(path, &boards);
    ck_assert_int_ge(dup2(was, STDERR_FILENO), 0);
    (void)close(was);
    rewind(said);
    (void)fread(text, 1, 4095, said);
    (void)fclose(said);
    ck_assert_int_eq(r, -EINVAL);
    ck_assert_ptr_null(boards);
    return text;
}

START_TEST(every_fault_of_a_file_is_told_with_its_place)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {
  // clang-format off
        {"{",                                                   "x.json: "},
        {"{\"name\":\"a b\",\"personas\":[]}",                  "x.json: /name must be letters"},
        {"{\"name\":\"a b\",\"personas\":[]}",                  "x.json: /personas "},
        {SET("a", PERSONA("p", "P") ",\"cfo\""),                "x.json: /personas/1 must be"},
        {SET("a", "{\"id\":\"p\",\"name\":\"P\"}"),             "/personas/0"},
        {SET("a", PERSONA("p", "P") "," PERSONA("p", "Q")),     "/personas/1/id is that of an earlier"},
        {SET("boardroom", PERSONA("p", "P")),                   "/name is that of another set"},
        {SET("a", "{\"id\":\"p\",\"name\":\"P\",\"role\":\"r\",\"provider\":\"me\"}"), "/personas/0/provider"},
  // clang-format on
    };
    char path[sizeof(folder) + 64];

    ck_assert_ptr_nonnull(mkdtemp(memcpy(folder, template, sizeof(folder))));
    (void)snprintf(path, sizeof(path), "%s/x.json", folder);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        write_file("x.json", rows[i].text);
        char *said = said_about(path);
        ck_assert_msg(text_contains(span_of(said), rows[i].expected), "row %zu: %s", i, said);
        free(said);
    }
    drop_file("x.json");
    char *said = said_about(folder);
    ck_assert_msg(text_contains(span_of(said), "has no *.json in it"), "%s", said);
    free(said);
    (void)rmdir(folder);
    said = said_about(folder);
    ck_assert_msg(text_contains(span_of(said), "No such file"), "%s", said);
    free(said);
}
END_TEST

TEST_MAIN("boards", names_and_ids_stand_for_personas, a_list_of_personas_names_none,
          every_fault_of_a_file_is_told_with_its_place)
