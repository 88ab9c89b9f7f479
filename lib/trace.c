/* Trace contexts: read strictly, passed on as they are.
 *
 * A field that breaks a rule counts as none: a wrong parent would join what does not belong
 * together. Of a later version we take what version 00 has too, as the standard wants it. Of the
 * flags only "sampled" is known, so only that is passed on. */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "id.h"
#include "text.h"

#define PARENT_MAX (TRACE_PARENT_BYTES - 1)
#define ID_AT 3
#define SPAN_AT 36
#define FLAGS_AT 53
#define STATE_MEMBERS_MAX 32

void trace_deinit(struct trace *trace)
{
    free(trace->state);
    trace->state = NULL;
}

static bool is_hex(struct span text)
{
    static const char digits[16] = "0123456789abcdef";

    for (size_t i = 0; i < text.n; i++)
        if (!memchr(digits, text.at[i], sizeof(digits)))
            return false;
    return true;
}

static bool is_zero(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.at[i] != '0')
            return false;
    return true;
}

/* "key=value": of a key only its length and that it has one are ours to judge. */
static bool is_member(struct span member)
{
    const char *equals = member.n > 0 ? memchr(member.at, '=', member.n) : NULL;
    size_t n_key = equals ? (size_t)(equals - member.at) : 0;

    if (n_key == 0 || n_key > 256 || member.n - n_key - 1 > 256)
        return false;
    for (size_t i = 0; i < member.n; i++)
        if (member.at[i] < 0x20 || member.at[i] > 0x7e || (i < n_key && member.at[i] == ' '))
            return false;
    return true;
}

static bool state_fits(struct span state)
{
    struct span rest = state, member;
    size_t n = 0;

    if (state.n == 0 || state.n > TRACE_STATE_MAX)
        return false;
    while (text_next(&rest, ',', &member)) {
        member = text_trim(member);
        if (member.n > 0 && (++n > STATE_MEMBERS_MAX || !is_member(member)))
            return false;
    }
    return n > 0;
}

/* A later version may say more behind another "-"; ff never is one. */
static bool version_fits(struct span parent)
{
    struct span version = {parent.at, 2};

    if (span_equal(version, SPAN("00")))
        return parent.n == PARENT_MAX;
    return is_hex(version) && !span_equal(version, SPAN("ff")) &&
           (parent.n == PARENT_MAX || parent.at[PARENT_MAX] == '-');
}

int trace_parse(struct span parent, struct span state, struct trace *ret_trace)
{
    if (parent.n < PARENT_MAX || parent.at[ID_AT - 1] != '-' || parent.at[SPAN_AT - 1] != '-' ||
        parent.at[FLAGS_AT - 1] != '-' || !version_fits(parent))
        return -EINVAL;
    struct span id = {parent.at + ID_AT, TRACE_ID_BYTES - 1};
    struct span span = {parent.at + SPAN_AT, TRACE_SPAN_BYTES - 1};
    struct span flags = {parent.at + FLAGS_AT, 2};
    if (!is_hex(id) || !is_hex(span) || !is_hex(flags) || is_zero(id) || is_zero(span))
        return -EINVAL;
    *ret_trace = (struct trace){.sampled = strchr("13579bdf", flags.at[1]) != NULL,
                                .state = state_fits(state) ? xspandup(state) : NULL};
    memcpy(ret_trace->id, id.at, id.n);
    memcpy(ret_trace->span, span.at, span.n);
    return 0;
}

int trace_read(struct span text, struct trace *ret_trace)
{
    struct span parent = {text.at, text.n < PARENT_MAX ? text.n : PARENT_MAX};
    struct span state = {NULL, 0};

    if (text.n > PARENT_MAX + 1 && text.at[PARENT_MAX] == ' ')
        state = (struct span){text.at + PARENT_MAX + 1, text.n - PARENT_MAX - 1};
    return trace_parse(parent, state, ret_trace);
}

void trace_of_job(const char *job, struct trace *ret_trace)
{
    unsigned char bytes[ID_BYTES];

    id_bytes(job, bytes);
    *ret_trace = (struct trace){0};
    text_hex(bytes, sizeof(bytes), ret_trace->id);
    /* Nobody has that span: it only has to be one, and the same for all that tell of the job. */
    text_hex(bytes + sizeof(bytes) - 8, 8, ret_trace->span);
}

void trace_child(const struct trace *trace, trace_random_fn *fill, char out[TRACE_SPAN_BYTES])
{
    unsigned char bytes[(TRACE_SPAN_BYTES - 1) / 2];

    do {
        fill(bytes, sizeof(bytes));
        text_hex(bytes, sizeof(bytes), out);
    } while (is_zero(span_of(out)) || strcmp(out, trace->span) == 0);
}

void trace_parent(const struct trace *trace, const char *span, char out[TRACE_PARENT_BYTES])
{
    (void)snprintf(out, TRACE_PARENT_BYTES, "00-%s-%s-%s", trace->id, span,
                   trace->sampled ? "01" : "00");
}

char *trace_write(const struct trace *trace, const char *span)
{
    char parent[TRACE_PARENT_BYTES];

    trace_parent(trace, span, parent);
    return xprintf("%s%s%s", parent, trace->state ? " " : "", trace->state ? trace->state : "");
}
