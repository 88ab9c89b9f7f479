/* The list of faults of one document. It owns its texts; when it is full it goes on counting. */
#include "fault.h"

#include <stdarg.h>

#include "buf.h"
#include "json.h"
#include "text.h"

#define MESSAGE_MAX 1024

static const char *const wire_names[] = {
#define X(name, wire) wire,
    FAULT_CODES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(wire_names) == FAULT_CODE_COUNT_, "every code has a wire name");

void faults_deinit(struct faults *faults)
{
    for (size_t i = 0; i < faults->n; i++) {
        free(faults->at[i].path);
        free(faults->at[i].message);
        free(faults->at[i].hint);
    }
    *faults = (struct faults){0};
}

void fault_add(struct faults *faults, enum fault_code code, struct place place, const char *hint,
               const char *format, ...)
{
    char message[MESSAGE_MAX];
    va_list args;

    if (faults->n == FAULTS_MAX) {
        faults->n_more++;
        return;
    }
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    faults->at[faults->n++] = (struct fault){
        .code = code,
        .path = xstrdup(place.path),
        .from = place.from,
        .to = place.to,
        .message = xstrdup(message),
        .hint = hint ? xstrdup(hint) : NULL,
    };
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
        if (fault->hint)
            json_set_text(row, "hint", fault->hint);
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

const char *nearest_name(struct span name, const char *const *candidates, size_t n)
{
    struct text_guess guess = {.word = name};

    for (size_t i = 0; i < n; i++)
        text_guess_offer(&guess, candidates[i]);
    return guess.best;
}
