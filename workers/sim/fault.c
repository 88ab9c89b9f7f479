/* The list of faults of one document. It owns its texts; when it is full it goes on counting. */
#include "fault.h"

#include <stdarg.h>

#include "buf.h"
#include "json.h"
#include "text.h"

#define MESSAGE_MAX 1024
#define SHOWN_MAX 60

static const char *const wire_names[] = {
#define X(name, wire) wire,
    FAULT_CODES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(wire_names) == FAULT_CODE_COUNT_, "every code has a wire name");

void faults_deinit(struct faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        struct fault *fault = &faults->at[i];

        free(fault->path);
        free(fault->message);
        free(fault->hint);
        free(fault->expected);
        free(fault->got);
        fault->more = json_free(fault->more);
    }
    *faults = (struct faults){0};
}

static bool is_known(const struct faults *faults, enum fault_code code, struct place place,
                     const char *message)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct fault *fault = &faults->at[i];
        if (fault->code == code && fault->from == place.from && fault->to == place.to &&
            strcmp(fault->path, place.path) == 0 && strcmp(fault->message, message) == 0)
            return true;
    }
    return false;
}

static char *copy_or_null(const char *text)
{
    return text ? xstrdup(text) : NULL;
}

static void add(struct faults *faults, enum fault_code code, struct place place,
                struct fault_detail detail, const char *message)
{
    if (is_known(faults, code, place, message))
        return;
    if (faults->n == FAULTS_MAX) {
        faults->n_more++;
        return;
    }
    faults->at[faults->n++] = (struct fault){
        .code = code,
        .path = xstrdup(place.path),
        .from = place.from,
        .to = place.to,
        .message = xstrdup(message),
        .hint = copy_or_null(detail.hint),
        .expected = copy_or_null(detail.expected),
        .got = copy_or_null(detail.got),
    };
}

void fault_add(struct faults *faults, enum fault_code code, struct place place, const char *hint,
               const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    add(faults, code, place, (struct fault_detail){.hint = hint}, message);
}

void fault_add_detail(struct faults *faults, enum fault_code code, struct place place,
                      struct fault_detail detail, const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    add(faults, code, place, detail, message);
}

/* A value as it stands in the document, cut where it is long (never inside a character). */
static char *shown(const struct json *value)
{
    char *text = json_text(value);
    size_t n = strlen(text);

    if (n > SHOWN_MAX + sizeof("...")) {
        n = SHOWN_MAX;
        while (((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        memcpy(text + n, "...", sizeof("..."));
    }
    return text;
}

void fault_add_wrong(struct faults *faults, enum fault_code code, const char *path,
                     const char *expected, const struct json *got)
{
    CLEANUP(charp_freep) char *text = shown(got);

    fault_add_detail(faults, code, (struct place){path, 0, 0},
                     (struct fault_detail){NULL, expected, text}, "must be %s, not %s", expected,
                     text);
}

void fault_attach(struct faults *faults, struct json *more)
{
    if (faults->n == 0 || faults->n_more > 0 || faults->at[faults->n - 1].more)
        more = json_free(more);
    else
        faults->at[faults->n - 1].more = more;
}

char *fault_guess(struct span name, const char *const *candidates, size_t n)
{
    struct text_guess guess = {.word = name};

    for (size_t i = 0; i < n; i++)
        text_guess_offer(&guess, candidates[i]);
    return guess.best ? xprintf("did you mean '%s'?", guess.best) : NULL;
}

static bool copy_member(const char *key, const struct json *value, void *arg)
{
    json_set(arg, key, json_copy(value));
    return true;
}

static void set_text_if(struct json *row, const char *key, const char *text)
{
    if (text)
        json_set_text(row, key, text);
}

struct json *faults_json(const struct faults *faults)
{
    struct json *array = json_array();

    for (size_t i = 0; i < faults->n; i++) {
        const struct fault *fault = &faults->at[i];
        struct json *row = json_object();

        json_set_text(row, "code", wire_names[fault->code]);
        json_set_text(row, "path", fault->path);
        if (fault->from < fault->to) {
            struct json *span = json_array();
            json_append(span, json_new_integer((int64_t)fault->from));
            json_append(span, json_new_integer((int64_t)fault->to));
            json_set(row, "span", span);
        }
        json_set_text(row, "message", fault->message);
        set_text_if(row, "expected", fault->expected);
        set_text_if(row, "got", fault->got);
        set_text_if(row, "hint", fault->hint);
        json_each(fault->more, copy_member, row);
        json_append(array, row);
    }
    return array;
}

void faults_text(const struct faults *faults, struct buf *out)
{
    for (size_t i = 0; i < faults->n; i++) {
        const struct fault *fault = &faults->at[i];

        buf_addf(out, "%s%s %s", i > 0 ? "; " : "", wire_names[fault->code], fault->path);
        if (fault->from < fault->to)
            buf_addf(out, " [%zu,%zu]", fault->from, fault->to);
        buf_addf(out, ": %s", fault->message);
        if (fault->hint)
            buf_addf(out, " (%s)", fault->hint);
    }
    if (faults->n_more > 0)
        buf_addf(out, "; and %zu more", faults->n_more);
}

char *pointer_join(const char *parent, const char *key)
{
    struct buf out;

    /* "~" and "/" become two bytes each. */
    buf_init(&out, strlen(parent) + 2 * strlen(key) + 2);
    buf_add_text(&out, parent);
    buf_add_char(&out, '/');
    for (const char *c = key; *c; c++) {
        if (*c == '~')
            buf_add_text(&out, "~0");
        else if (*c == '/')
            buf_add_text(&out, "~1");
        else
            buf_add_char(&out, *c);
    }
    return buf_steal(&out);
}
