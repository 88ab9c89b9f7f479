/* Boards: named sets of personas.
 *
 * Read once, when a worker starts; a fault in any file stops the start, since a board that was
 * meant and not read would be somebody else's decision. What a request names is looked up once in a
 * job's life and remembered with it (debate.c), so that a file that changes later changes no debate
 * under way and none that is replayed. The boards own their JSON: the shipped sets first, then one
 * for each file, in the order of their names. */
#include "boards.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "buf.h"
#include "error.h"
#include "json.h"
#include "kinds.h"
#include "personas.h"
#include "problem.h"
#include "schema.h"
#include "text.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)
#define MAX_NAMES_BYTES 400 /* of sets, in an error */

struct boards {
    struct json *sets;
};

static const char *const shipped_sets[] = {"boardroom", "standard"};

/* ---- reading ---- */

struct reading {
    struct boards *boards;
    struct schema *schema;
    const char *path; /* of the file that is read */
    bool failed;
};

static void fault(struct reading *reading, const char *pointer, const char *message)
{
    reading->failed = true;
    (void)fprintf(stderr, "PARLEY_PERSONAS: %s: %s%s%s\n", reading->path, pointer,
                  pointer[0] ? " " : "", message);
}

static bool fits(struct reading *reading, const struct json *json)
{
    struct problem problem;

    problem_init(&problem, ERROR_CONFIG);
    bool good = schema_check(reading->schema, json, &problem) == 0;
    for (size_t i = 0; i < problem.n_items && i < PROBLEM_MAX_ITEMS; i++)
        fault(reading, problem.items[i].pointer, problem.items[i].message);
    problem_deinit(&problem);
    return good;
}

static const struct json *find(const struct json *personas, struct span id)
{
    for (size_t i = 0; i < json_length(personas); i++)
        if (span_equal(json_get_string(json_at(personas, i), "id", ""), id))
            return json_at(personas, i);
    return NULL;
}

static void add_set(struct reading *reading, const struct json *json)
{
    const struct json *personas = json_get(json, "personas");
    struct json *sets = reading->boards->sets;
    CLEANUP(charp_freep) char *name = xspandup(json_get_string(json, "name", ""));

    if (json_get(sets, name))
        fault(reading, "/name", "is that of another set");
    for (size_t i = 0; i < json_length(personas); i++) {
        const struct json *persona = json_at(personas, i);
        CLEANUP(charp_freep) char *pointer = xprintf("/personas/%zu/id", i);

        if (find(personas, json_get_string(persona, "id", "")) != persona)
            fault(reading, pointer, "is that of an earlier persona");
    }
    if (!reading->failed)
        json_set(sets, name, json_copy(personas));
}

static void read_file(struct reading *reading, const char *path)
{
    CLEANUP(json_freep) struct json *json = NULL;
    struct error error = {0};
    struct buf text;

    reading->path = path;
    buf_init(&text, MAX_FILE_BYTES);
    int r = buf_add_file(&text, path);
    if (r < 0)
        fault(reading, "", r == -E2BIG ? "is larger than 1 MiB" : strerror(-r));
    else if (json_parse(buf_span(&text), NULL, &json, &error) < 0)
        fault(reading, "", error.message);
    else if (fits(reading, json))
        add_set(reading, json);
    buf_deinit(&text);
}

static int is_json_file(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);

    return n > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 5, ".json") == 0;
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_folder(struct reading *reading, const char *path)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, is_json_file, by_bytes);

    reading->path = path;
    if (n < 0)
        fault(reading, "", strerror(errno));
    else if (n == 0)
        fault(reading, "", "has no *.json in it");
    for (int i = 0; i < n; i++) {
        CLEANUP(charp_freep) char *file = xprintf("%s/%s", path, entries[i]->d_name);

        read_file(reading, file);
        free(entries[i]);
    }
    free(entries);
}

static struct schema *schema_of_a_set(struct json **ret_document)
{
    struct schema *schema = NULL;

    /* Both are compiled in, and a test loads them. */
    if (json_parse(kind_schema(SPAN("debate"))->text, NULL, ret_document, NULL) < 0 ||
        schema_new_at(*ret_document, "/$defs/persona_set", &schema, NULL) < 0)
        abort();
    return schema;
}

int boards_load(const char *path, struct boards **ret_boards)
{
    CLEANUP(boards_freep) struct boards *boards = xcalloc(1, sizeof(*boards));
    CLEANUP(json_freep) struct json *document = NULL;
    CLEANUP(schema_freep) struct schema *schema = schema_of_a_set(&document);
    struct reading reading = {.boards = boards, .schema = schema};
    struct stat is;

    boards->sets = json_object();
    json_set(boards->sets, "boardroom", personas_shipped(true));
    json_set(boards->sets, "standard", personas_shipped(false));
    if (path && path[0] != '\0') {
        if (stat(path, &is) == 0 && S_ISDIR(is.st_mode))
            read_folder(&reading, path);
        else
            read_file(&reading, path);
    }
    if (reading.failed)
        return -EINVAL;
    *ret_boards = STEAL(boards);
    return 0;
}

struct boards *boards_free(struct boards *boards)
{
    if (boards)
        json_free(boards->sets);
    free(boards);
    return NULL;
}

const struct json *boards_json(const struct boards *boards)
{
    return boards->sets;
}

/* ---- looking up ---- */

bool boards_are_named(const struct json *personas)
{
    bool named = json_is(personas, JSON_STRING);

    for (size_t i = 0; json_is(personas, JSON_ARRAY) && i < json_length(personas); i++)
        named = named || json_is(json_at(personas, i), JSON_STRING);
    return named;
}

static bool add_name(const char *key, const struct json *value, void *arg)
{
    struct buf *names = arg;

    (void)value;
    buf_addf(names, "%s%s", names->n > 0 ? ", " : "", key);
    return true;
}

static int unknown(const struct boards *boards, const char *pointer, const char *what,
                   struct span name, struct error *error)
{
    struct buf names;

    buf_init(&names, MAX_NAMES_BYTES);
    json_each(boards->sets, add_name, &names);
    int r = error_set(error, ERROR_INVALID, -EINVAL,
                      "%s: this worker knows no %s \"%.*s\"; its sets are %s", pointer, what,
                      (int)name.n, name.at, buf_ok(&names) ? names.at : "many");
    buf_deinit(&names);
    return r;
}

struct search {
    struct span id;
    const struct json *own, *shipped;
    size_t n_own;
};

static bool search_set(const char *key, const struct json *value, void *arg)
{
    struct search *search = arg;
    const struct json *found = find(value, search->id);
    bool is_shipped = false;

    for (size_t i = 0; i < ARRAY_SIZE(shipped_sets); i++)
        is_shipped = is_shipped || strcmp(key, shipped_sets[i]) == 0;
    if (found && is_shipped)
        search->shipped = found;
    if (found && !is_shipped) {
        search->own = found;
        search->n_own++;
    }
    return true;
}

static int resolve_one(const struct boards *boards, struct span name, const char *pointer,
                       const struct json **ret_persona, struct error *error)
{
    const char *slash = memchr(name.at, '/', name.n);
    struct search search = {.id = name};

    if (slash) {
        size_t n = (size_t)(slash - name.at);
        CLEANUP(charp_freep) char *set = xspandup((struct span){name.at, n});

        *ret_persona = find(json_get(boards->sets, set), (struct span){slash + 1, name.n - n - 1});
    } else {
        json_each(boards->sets, search_set, &search);
        *ret_persona = search.own ? search.own : search.shipped;
    }
    if (search.n_own > 1)
        return error_set(error, ERROR_INVALID, -EINVAL,
                         "%s: several sets have a persona \"%.*s\"; write SET/%.*s", pointer,
                         (int)name.n, name.at, (int)name.n, name.at);
    return *ret_persona ? 0 : unknown(boards, pointer, "persona", name, error);
}

int boards_resolve(const struct boards *boards, const struct json *personas,
                   struct json **ret_personas, struct error *error)
{
    CLEANUP(json_freep) struct json *resolved = json_array();

    if (json_is(personas, JSON_STRING)) {
        CLEANUP(charp_freep) char *name = xspandup(json_string(personas));
        const struct json *set = json_get(boards->sets, name);

        if (!set)
            return unknown(boards, "/personas", "set", span_of(name), error);
        *ret_personas = json_copy(set);
        return 0;
    }
    for (size_t i = 0; i < json_length(personas); i++) {
        const struct json *persona = json_at(personas, i);
        CLEANUP(charp_freep) char *pointer = xprintf("/personas/%zu", i);
        int r = 0;

        if (json_is(persona, JSON_STRING))
            r = resolve_one(boards, json_string(persona), pointer, &persona, error);
        if (r < 0)
            return r;
        json_append(resolved, json_copy(persona));
    }
    *ret_personas = STEAL(resolved);
    return 0;
}
