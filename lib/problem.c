/* Problem details (RFC 9457): collected fault by fault, written once.
 *
 * The struct owns the detail and the items' texts until problem_deinit(). Faults beyond the maximum
 * are counted only; the detail then says how many there are. A new member goes into problem_write()
 * and schemas/problem.json. */
#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "text.h"

void problem_init(struct problem *problem, enum error_code code)
{
    *problem = (struct problem){.code = code};
}

void problem_init_error(struct problem *problem, const struct error *error)
{
    problem_init(problem, error->code);
    if (error->message[0])
        problem->detail = xstrdup(error->message);
}

void problem_deinit(struct problem *problem)
{
    free(problem->detail);
    for (size_t i = 0; i < problem->n_items && i < PROBLEM_MAX_ITEMS; i++) {
        free(problem->items[i].pointer);
        free(problem->items[i].message);
    }
    problem_init(problem, problem->code);
}

void problem_add(struct problem *problem, const char *pointer, const char *format, ...)
{
    size_t i = problem->n_items++;
    va_list args;
    char *message = NULL;

    if (i >= PROBLEM_MAX_ITEMS)
        return;
    va_start(args, format);
    if (vasprintf(&message, format, args) < 0)
        message = xstrdup(format);
    va_end(args);
    problem->items[i].pointer = xstrdup(pointer);
    problem->items[i].message = message;
}

static void add_member(struct buf *out, const char *before, const char *value)
{
    buf_add_text(out, before);
    buf_add_char(out, '"');
    text_json_escape(out, span_of(value));
    buf_add_char(out, '"');
}

static void add_items(const struct problem *problem, struct buf *out)
{
    buf_add_text(out, ",\"errors\":[");
    for (size_t i = 0; i < problem->n_items && i < PROBLEM_MAX_ITEMS; i++) {
        add_member(out, i > 0 ? ",{\"pointer\":" : "{\"pointer\":", problem->items[i].pointer);
        add_member(out, ",\"message\":", problem->items[i].message);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_detail(const struct problem *problem, struct buf *out)
{
    const char *title = error_title(problem->code);

    if (problem->detail || problem->n_items <= PROBLEM_MAX_ITEMS) {
        add_member(out, ",\"detail\":", problem->detail ? problem->detail : title);
        return;
    }
    CLEANUP(charp_freep)
    char *detail = xprintf("%s: %zu faults, of which the first %d are listed", title,
                           problem->n_items, PROBLEM_MAX_ITEMS);
    add_member(out, ",\"detail\":", detail);
}

void problem_write(const struct problem *problem, const char *request_id, struct buf *out)
{
    buf_add_text(out, "{\"type\":\"about:blank\"");
    add_member(out, ",\"title\":", error_title(problem->code));
    buf_addf(out, ",\"status\":%d", error_status(problem->code));
    add_detail(problem, out);
    add_member(out, ",\"code\":", error_name(problem->code));
    buf_addf(out, ",\"retryable\":%s", error_retryable(problem->code) ? "true" : "false");
    if (request_id)
        add_member(out, ",\"request_id\":", request_id);
    if (problem->n_items > 0)
        add_items(problem, out);
    buf_add_char(out, '}');
}
