/* Configuration from the environment, by a table of rows.
 *
 * One pass reads every row and notes every fault; a second looks through the environment for
 * PARLEY_ names that no program knows. Nothing stops at the first fault: an operator sees them all
 * at once. Values of secrets appear in no message. The texts in the program's struct are owned by
 * it until conf_clear().
 *
 * A new type is a value of enum conf_type and a row of readers[]. */
#include "conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "conf_keys.h"
#include "log.h"
#include "text.h"

#define SECRET_MAX_BYTES (64 * 1024)

struct reading {
    const struct conf_row *row;
    void *field;
    unsigned *n_faults;
};

static void fault(unsigned *n_faults, const char *key, const char *format, ...) PRINTF_LIKE(3, 4);

static void fault(unsigned *n_faults, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fprintf(stderr, "configuration: %s: ", key);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    ++*n_faults;
}

static void *field_of(const struct conf_row *row, void *config)
{
    return (char *)config + row->offset;
}

static const void *field_in(const struct conf_row *row, const void *config)
{
    return (const char *)config + row->offset;
}

/* The variable's value, NULL when missing or empty. */
static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* --- readers: one a type --------------------------------------------------------------------- */

static void read_text(const struct reading *reading, const char *text)
{
    *(char **)reading->field = xstrdup(text);
}

static bool parse_integer(struct span text, int64_t *ret_value)
{
    bool negative = text_starts(text, "-");
    uint64_t value;

    if (negative)
        text = (struct span){text.at + 1, text.n - 1};
    if (text_to_u64(text, INT64_MAX, &value) < 0)
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool in_range(const struct conf_row *row, int64_t value)
{
    return (row->min == 0 && row->max == 0) || (value >= row->min && value <= row->max);
}

static void read_integer(const struct reading *reading, const char *text)
{
    const struct conf_row *row = reading->row;
    int64_t value;

    if (!parse_integer(span_of(text), &value))
        fault(reading->n_faults, row->key, "must be a whole number, not \"%s\"", text);
    else if (!in_range(row, value))
        fault(reading->n_faults, row->key, "must be from %lld to %lld, not %s", (long long)row->min,
              (long long)row->max, text);
    else
        *(int64_t *)reading->field = value;
}

static void read_bool(const struct reading *reading, const char *text)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {
        {"true",  true },
        {"false", false},
        {"1",     true },
        {"0",     false},
        {"yes",   true },
        {"no",    false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (text_equal_nocase(span_of(text), span_of(words[i].word))) {
            *(bool *)reading->field = words[i].value;
            return;
        }
    }
    fault(reading->n_faults, reading->row->key, "must be true or false, not \"%s\"", text);
}

static void read_duration(const struct reading *reading, const char *text)
{
    const struct conf_row *row = reading->row;
    char least[TEXT_DURATION_BYTES], most[TEXT_DURATION_BYTES];
    int64_t ms;

    if (text_to_duration(span_of(text), &ms) < 0)
        fault(reading->n_faults, row->key,
              "must be a time like 500ms, 30s, 5m, 24h or 7d, not \"%s\"", text);
    else if (!in_range(row, ms))
        fault(reading->n_faults, row->key, "must be from %s to %s, not %s",
              text_duration(row->min, least), text_duration(row->max, most), text);
    else
        *(int64_t *)reading->field = ms;
}

static void (*const readers[])(const struct reading *, const char *) = {
    [CONF_TEXT] = read_text,
    [CONF_INTEGER] = read_integer,
    [CONF_BOOL] = read_bool,
    [CONF_DURATION] = read_duration,
};

/* --- secrets --------------------------------------------------------------------------------- */

static int read_file(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    if (fd < 0)
        return -errno;
    char *room = buf_room(out, SECRET_MAX_BYTES + 1);
    for (size_t have = 0; have <= SECRET_MAX_BYTES; have += (size_t)n) {
        n = read(fd, room + have, SECRET_MAX_BYTES + 1 - have);
        if (n <= 0)
            break;
        buf_grew(out, (size_t)n);
    }
    int r = n < 0 ? -errno : out->n > SECRET_MAX_BYTES ? -E2BIG : 0;
    (void)close(fd);
    return r;
}

/* The file's text without the line end that editors and echo leave. */
static void read_secret_file(const struct reading *reading, const char *path)
{
    const char *key = reading->row->key;
    struct buf text;

    buf_init(&text, SECRET_MAX_BYTES + 1);
    int r = read_file(path, &text);
    while (text.n > 0 && (text.at[text.n - 1] == '\n' || text.at[text.n - 1] == '\r'))
        text.at[--text.n] = '\0';
    if (r < 0)
        fault(reading->n_faults, key, "cannot read %s: %s", path, strerror(-r));
    else if (text.n == 0)
        fault(reading->n_faults, key, "%s is empty", path);
    else if (memchr(text.at, '\0', text.n) || memchr(text.at, '\n', text.n))
        fault(reading->n_faults, key, "%s must hold one line of text", path);
    else
        *(char **)reading->field = xstrdup(text.at);
    if (text.at)
        explicit_bzero(text.at, text.n);
    buf_deinit(&text);
}

/* $CREDENTIALS_DIRECTORY/<key lower case>, NULL when systemd gave none. */
static char *credential_path(const char *key)
{
    const char *directory = variable("CREDENTIALS_DIRECTORY");

    if (!directory)
        return NULL;
    char *path = xprintf("%s/%s", directory, key);
    for (char *at = path + strlen(directory); *at; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at = (char)(*at - 'A' + 'a');
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static void read_secret(const struct reading *reading)
{
    const char *key = reading->row->key, *value = variable(key);
    CLEANUP(charp_freep) char *file_key = xprintf("%s_FILE", key);
    CLEANUP(charp_freep) char *credential = credential_path(key);
    const char *file = variable(file_key);

    if (value && file)
        fault(reading->n_faults, key, "is given here and by %s: one of them, please", file_key);
    else if (value)
        read_text(reading, value);
    else if (file || credential)
        read_secret_file(reading, file ? file : credential);
    else if (reading->row->fallback)
        read_text(reading, reading->row->fallback);
}

/* --- names nobody knows ---------------------------------------------------------------------- */

static const struct known {
    const char *key;
    bool secret;
} known_keys[] = {
#define X(key, secret) {key, secret},
    CONF_KEYS(X)
#undef X
};

static const struct known *find_known(struct span key)
{
    for (size_t i = 0; i < ARRAY_SIZE(known_keys); i++)
        if (span_equal(key, span_of(known_keys[i].key)))
            return &known_keys[i];
    return NULL;
}

static bool is_known(struct span name)
{
    const size_t n = strlen("_FILE");

    if (find_known(name))
        return true;
    if (name.n <= n || memcmp(name.at + name.n - n, "_FILE", n) != 0)
        return false;
    const struct known *known = find_known((struct span){name.at, name.n - n});
    return known && known->secret;
}

static void check_names(unsigned *n_faults)
{
    for (char **variable = environ; variable && *variable; variable++) {
        struct span rest = span_of(*variable), name;

        if (!text_starts(rest, "PARLEY_") || !text_next(&rest, '=', &name) || is_known(name))
            continue;
        struct text_guess guess = {.word = name};
        for (size_t i = 0; i < ARRAY_SIZE(known_keys); i++)
            text_guess_offer(&guess, known_keys[i].key);
        CLEANUP(charp_freep) char *shown = xspandup(name);
        if (guess.best)
            fault(n_faults, shown, "is not known; did you mean %s?", guess.best);
        else
            fault(n_faults, shown, "is not known");
    }
}

static void check_rows(const struct conf_row *rows, size_t n_rows, unsigned *n_faults)
{
    for (size_t i = 0; i < n_rows; i++) {
        struct span key = span_of(rows[i].key);
        const struct known *known = find_known(key);

        if (!text_starts(key, "PARLEY_"))
            continue;
        if (!known || known->secret != (rows[i].type == CONF_SECRET))
            fault(n_faults, rows[i].key,
                  "is a row of this program's table, but not the same in lib/conf_keys.h");
    }
}

/* --- the table as a whole -------------------------------------------------------------------- */

int conf_load(const struct conf_row *rows, size_t n_rows, void *config)
{
    unsigned n_faults = 0;

    check_rows(rows, n_rows, &n_faults);
    for (size_t i = 0; i < n_rows; i++) {
        struct reading reading = {&rows[i], field_of(&rows[i], config), &n_faults};
        const char *value = variable(rows[i].key);

        if (rows[i].type == CONF_SECRET)
            read_secret(&reading);
        else if (value || rows[i].fallback)
            readers[rows[i].type](&reading, value ? value : rows[i].fallback);
    }
    check_names(&n_faults);
    if (n_faults == 0)
        return 0;
    conf_clear(rows, n_rows, config);
    return -EINVAL;
}

void conf_clear(const struct conf_row *rows, size_t n_rows, void *config)
{
    for (size_t i = 0; i < n_rows; i++) {
        char **text = field_of(&rows[i], config);

        if (rows[i].type != CONF_TEXT && rows[i].type != CONF_SECRET)
            continue;
        if (rows[i].type == CONF_SECRET && *text)
            explicit_bzero(*text, strlen(*text));
        charp_freep(text);
    }
}

static const char *const type_names[] = {
    [CONF_TEXT] = "text",     [CONF_INTEGER] = "number", [CONF_BOOL] = "true or false",
    [CONF_DURATION] = "time", [CONF_SECRET] = "secret",
};

void conf_help(const struct conf_row *rows, size_t n_rows)
{
    for (size_t i = 0; i < n_rows; i++) {
        const struct conf_row *row = &rows[i];
        char least[TEXT_DURATION_BYTES], most[TEXT_DURATION_BYTES];

        (void)printf("  %s (%s", row->key, type_names[row->type]);
        if (row->type == CONF_INTEGER && (row->min != 0 || row->max != 0))
            (void)printf(", %lld to %lld", (long long)row->min, (long long)row->max);
        if (row->type == CONF_DURATION && (row->min != 0 || row->max != 0))
            (void)printf(", %s to %s", text_duration(row->min, least),
                         text_duration(row->max, most));
        if (row->type == CONF_SECRET)
            (void)printf(", or %s_FILE", row->key);
        if (row->fallback)
            (void)printf(", default %s", row->fallback);
        (void)printf(")\n      %s\n", row->help);
    }
}

/* A password in an address ("redis://user:password@host") is hidden like a secret. */
static void add_text(struct buf *out, const char *text)
{
    const char *scheme = text ? strstr(text, "://") : NULL;
    const char *host = scheme ? strrchr(scheme, '@') : NULL;

    if (!text) {
        buf_add_text(out, "(not set)");
    } else if (host) {
        buf_add(out, text, (size_t)(scheme - text) + 3);
        buf_addf(out, "(hidden)%s", host);
    } else {
        buf_add_text(out, text);
    }
}

static void add_value(struct buf *out, const struct conf_row *row, const void *field)
{
    char duration[TEXT_DURATION_BYTES];

    switch (row->type) {
    case CONF_TEXT: add_text(out, *(char *const *)field); break;
    case CONF_INTEGER: buf_addf(out, "%lld", (long long)*(const int64_t *)field); break;
    case CONF_BOOL: buf_add_text(out, *(const bool *)field ? "true" : "false"); break;
    case CONF_DURATION: buf_add_text(out, text_duration(*(const int64_t *)field, duration)); break;
    case CONF_SECRET: buf_add_text(out, *(char *const *)field ? "(set)" : "(not set)"); break;
    }
}

void conf_dump(const struct conf_row *rows, size_t n_rows, const void *config)
{
    for (size_t i = 0; i < n_rows; i++) {
        struct buf value;

        buf_init(&value, 4096);
        add_value(&value, &rows[i], field_in(&rows[i], config));
        const char *text = value.n > 0 ? value.at : "", *quote = strchr(text, ' ') ? "\"" : "";
        log_info("event=conf key=%s value=%s%s%s", rows[i].key, quote, text, quote);
        buf_deinit(&value);
    }
}
