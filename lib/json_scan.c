/* The strict RFC 8259 scanner: one pass over the text, no recursion, tokens to a callback.
 *
 * Every JSON text that enters a program passes here, so that door and workers refuse the same ones.
 * A stack of open containers (at most max_depth) replaces recursion; json_lex.c reads strings and
 * numbers. The keys of an open object stay in one list; when the object closes its part of the list
 * is sorted and neighbours are compared: no hash, so nobody can craft collisions.
 *
 * The scanner owns stack, keys and scratch for the time of one call. A new rule belongs into the
 * state function of the place where it applies; each failure goes through json_lex_fail(), which
 * knows the position. */
#include "json_scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "error.h"
#include "json_lex.h"

const struct json_limits json_default_limits = {.max_bytes = 8 << 20, .max_depth = 32};

enum state {
    STATE_VALUE,
    STATE_FIRST_ITEM, /* after '[': a value or ']' */
    STATE_FIRST_KEY,  /* after '{': a key or '}' */
    STATE_KEY,        /* after ',' in an object */
    STATE_AFTER,      /* a value has ended */
    STATE_DONE,
    STATE_COUNT_
};

struct key {
    struct span name; /* points into the text or the scratch area */
    size_t offset;    /* of its opening quote */
};

struct frame {
    bool object;
    size_t first_key, first_scratch; /* what closing it gives back */
};

struct scanner {
    struct json_lexer lexer;
    enum state state;
    unsigned depth, max_depth;
    struct frame *frames;
    struct key *keys;
    size_t n_keys, n_keys_allocated;
    json_token_fn *fn; /* may be NULL */
    void *arg;
};

static void emit(struct scanner *scanner, struct json_token token)
{
    if (scanner->fn)
        scanner->fn(&token, scanner->arg);
}

static int scan_number(struct scanner *scanner)
{
    struct json_token token;
    int r = json_lex_number(&scanner->lexer, &token);

    if (r < 0)
        return r;
    emit(scanner, token);
    scanner->state = STATE_AFTER;
    return 0;
}

static int scan_literal(struct scanner *scanner)
{
    static const struct {
        struct span word;
        enum json_token_type type;
    } literals[] = {
        {{"true", 4},  JSON_TOKEN_TRUE },
        {{"false", 5}, JSON_TOKEN_FALSE},
        {{"null", 4},  JSON_TOKEN_NULL },
    };
    struct span rest = {scanner->lexer.text.at + scanner->lexer.i,
                        scanner->lexer.text.n - scanner->lexer.i};

    for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
        if (rest.n < literals[i].word.n ||
            memcmp(rest.at, literals[i].word.at, literals[i].word.n) != 0)
            continue;
        scanner->lexer.i += literals[i].word.n;
        emit(scanner, (struct json_token){.type = literals[i].type});
        scanner->state = STATE_AFTER;
        return 0;
    }
    return json_lex_expected(&scanner->lexer, "a value");
}

/* --- containers ------------------------------------------------------------------------------ */

static int open_container(struct scanner *scanner, bool object)
{
    if (scanner->depth == scanner->max_depth)
        return json_lex_fail(&scanner->lexer, scanner->lexer.i,
                             "too many arrays and objects inside each other");
    scanner->frames[scanner->depth++] =
        (struct frame){object, scanner->n_keys, scanner->lexer.n_scratch};
    scanner->lexer.i++;
    scanner->state = object ? STATE_FIRST_KEY : STATE_FIRST_ITEM;
    emit(scanner,
         (struct json_token){.type = object ? JSON_TOKEN_OPEN_OBJECT : JSON_TOKEN_OPEN_ARRAY});
    return 0;
}

/* By name, then by place: of two equal keys the later one is the fault. */
static int compare_keys(const void *a, const void *b)
{
    const struct key *left = a, *right = b;
    size_t n = left->name.n < right->name.n ? left->name.n : right->name.n;
    int order = n > 0 ? memcmp(left->name.at, right->name.at, n) : 0;

    if (order == 0)
        order = (left->name.n > right->name.n) - (left->name.n < right->name.n);
    return order != 0 ? order : (left->offset > right->offset) - (left->offset < right->offset);
}

/* Short and without control characters. */
static bool is_showable(struct span name)
{
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.at[i] < ' ')
            return false;
    return name.n < 60;
}

/* The keys of the innermost object, which begin at `first`. */
static int check_keys(struct scanner *scanner, size_t first)
{
    size_t n = scanner->n_keys - first;

    if (n < 2)
        return 0;
    struct key *keys = scanner->keys + first;
    qsort(keys, n, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < n; i++) {
        if (!span_equal(keys[i - 1].name, keys[i].name))
            continue;
        char what[120];
        int shown = is_showable(keys[i].name) ? (int)keys[i].name.n : 0;
        (void)snprintf(what, sizeof(what), "the key%s%.*s%s stands twice in one object",
                       shown > 0 ? " \"" : "", shown, keys[i].name.at, shown > 0 ? "\"" : "");
        return json_lex_fail(&scanner->lexer, keys[i].offset, what);
    }
    return 0;
}

static int close_container(struct scanner *scanner)
{
    struct frame *frame = &scanner->frames[scanner->depth - 1];
    int r = check_keys(scanner, frame->first_key);

    if (r < 0)
        return r;
    scanner->n_keys = frame->first_key;
    scanner->lexer.n_scratch = frame->first_scratch;
    scanner->depth--;
    scanner->lexer.i++;
    scanner->state = STATE_AFTER;
    emit(scanner, (struct json_token){.type = JSON_TOKEN_CLOSE});
    return 0;
}

static void add_key(struct scanner *scanner, struct span name, size_t offset)
{
    if (scanner->n_keys == scanner->n_keys_allocated) {
        scanner->n_keys_allocated = scanner->n_keys ? scanner->n_keys * 2 : 16;
        scanner->keys = xrealloc(scanner->keys, scanner->n_keys_allocated * sizeof(*scanner->keys));
    }
    scanner->keys[scanner->n_keys++] = (struct key){name, offset};
}

/* --- states ---------------------------------------------------------------------------------- */

static int on_value(struct scanner *scanner)
{
    int c = json_lex_peek(&scanner->lexer);

    if (c == '{' || c == '[')
        return open_container(scanner, c == '{');
    if (c == '"') {
        size_t n_scratch = scanner->lexer.n_scratch;
        struct json_token token = {.type = JSON_TOKEN_STRING};
        int r = json_lex_string(&scanner->lexer, &token.text);

        if (r < 0)
            return r;
        emit(scanner, token);
        scanner->lexer.n_scratch = n_scratch;
        scanner->state = STATE_AFTER;
        return 0;
    }
    return c == '-' || (c >= '0' && c <= '9') ? scan_number(scanner) : scan_literal(scanner);
}

static int on_first_item(struct scanner *scanner)
{
    if (json_lex_peek(&scanner->lexer) == ']')
        return close_container(scanner);
    return on_value(scanner);
}

static int on_key(struct scanner *scanner)
{
    size_t offset = scanner->lexer.i;
    struct json_token token = {.type = JSON_TOKEN_KEY};

    if (json_lex_peek(&scanner->lexer) != '"')
        return json_lex_expected(&scanner->lexer, scanner->state == STATE_FIRST_KEY
                                                      ? "a key in double quotes or '}'"
                                                      : "a key in double quotes");
    int r = json_lex_string(&scanner->lexer, &token.text);
    if (r < 0)
        return r;
    if (memchr(token.text.at, '\0', token.text.n))
        return json_lex_fail(&scanner->lexer, offset, "a key must not hold the character U+0000");
    add_key(scanner, token.text, offset);
    json_lex_space(&scanner->lexer);
    if (json_lex_peek(&scanner->lexer) != ':')
        return json_lex_expected(&scanner->lexer, "':' after the key");
    scanner->lexer.i++;
    scanner->state = STATE_VALUE;
    emit(scanner, token);
    return 0;
}

static int on_first_key(struct scanner *scanner)
{
    return json_lex_peek(&scanner->lexer) == '}' ? close_container(scanner) : on_key(scanner);
}

static int on_after(struct scanner *scanner)
{
    if (scanner->depth == 0) {
        scanner->state = STATE_DONE;
        return scanner->lexer.i == scanner->lexer.text.n
                   ? 0
                   : json_lex_expected(&scanner->lexer, "the end of the text");
    }
    bool object = scanner->frames[scanner->depth - 1].object;
    int c = json_lex_peek(&scanner->lexer);
    if (c == (object ? '}' : ']'))
        return close_container(scanner);
    if (c != ',')
        return json_lex_expected(&scanner->lexer, object ? "',' or '}'" : "',' or ']'");
    scanner->lexer.i++;
    scanner->state = object ? STATE_KEY : STATE_VALUE;
    return 0;
}

static int run(struct scanner *scanner)
{
    static int (*const states[STATE_COUNT_])(struct scanner *) = {
        [STATE_VALUE] = on_value,         [STATE_FIRST_ITEM] = on_first_item, [STATE_KEY] = on_key,
        [STATE_FIRST_KEY] = on_first_key, [STATE_AFTER] = on_after,
    };

    while (scanner->state != STATE_DONE) {
        json_lex_space(&scanner->lexer);
        int r = states[scanner->state](scanner);
        if (r < 0)
            return r;
    }
    return 0;
}

int json_scan_tokens(struct span text, const struct json_limits *limits, json_token_fn *fn,
                     void *arg, struct error *error)
{
    if (!limits)
        limits = &json_default_limits;
    struct scanner scanner = {
        .lexer = {.text = text, .error = error},
        .max_depth = limits->max_depth,
        .fn = fn,
        .arg = arg
    };
    if (text.n > limits->max_bytes)
        return error_set(error, ERROR_BAD_JSON, -EPROTO, "the text is longer than %zu bytes",
                         limits->max_bytes);
    scanner.frames = xcalloc(limits->max_depth + 1, sizeof(*scanner.frames));
    int r = run(&scanner);
    free(scanner.frames);
    free(scanner.keys);
    free(scanner.lexer.scratch);
    return r;
}

int json_scan(struct span text, const struct json_limits *limits, struct error *error)
{
    return json_scan_tokens(text, limits, NULL, NULL, error);
}
