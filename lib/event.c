/* Events: their names, and the head that parley.lua writes ({"type":"…","seq":N,…). */
#include "event.h"

#include <errno.h>

#include "text.h"

static const struct {
    const char *name;
    bool terminal;
} rows[] = {
#define X(name, wire, ends) {wire, ends},
    EVENT_TYPES(X)
#undef X
};
_Static_assert(ARRAY_SIZE(rows) == EVENT_TYPE_COUNT_, "an event has no name");
_Static_assert(EVENT_TYPE_COUNT_ <= 32, "sets of types are bits of a uint32_t");

const char *event_name(enum event_type type)
{
    return rows[type].name;
}

bool event_is_terminal(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (span_equal(name, span_of(rows[i].name)))
            return rows[i].terminal;
    return false;
}

static uint32_t types_of(struct span word)
{
    bool all = word.n > 2 && memcmp(word.at + word.n - 2, ".*", 2) == 0;
    uint32_t types = 0;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct span name = span_of(rows[i].name);

        if (span_equal(name, word) ||
            (all && name.n >= word.n && memcmp(name.at, word.at, word.n - 1) == 0))
            types |= UINT32_C(1) << i;
    }
    return types;
}

int event_types_parse(struct span list, uint32_t *ret_types)
{
    uint32_t types = 0;
    struct span word;

    while (text_next(&list, ',', &word)) {
        uint32_t more = types_of(word);

        if (more == 0)
            return -EINVAL;
        types |= more;
    }
    *ret_types = types;
    return types ? 0 : -EINVAL;
}

bool event_types_have(uint32_t types, struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (span_equal(name, span_of(rows[i].name)))
            return types & UINT32_C(1) << i;
    return false;
}

/* Cuts `prefix` off the front of rest, then takes everything up to `end` (left in rest). */
static bool take(struct span *rest, const char *prefix, char end, struct span *ret_value)
{
    size_t n = strlen(prefix);

    if (!text_starts(*rest, prefix))
        return false;
    *rest = (struct span){rest->at + n, rest->n - n};
    const char *stop = memchr(rest->at, end, rest->n);
    if (!stop)
        return false;
    n = (size_t)(stop - rest->at);
    *ret_value = (struct span){rest->at, n};
    *rest = (struct span){stop, rest->n - n};
    return true;
}

int event_head(struct span json, struct span *ret_type, uint64_t *ret_seq)
{
    struct span type, seq;
    uint64_t value;

    /* On a reader's wire it would be two. */
    if (json.n == 0 || memchr(json.at, '\n', json.n) || memchr(json.at, '\r', json.n))
        return -EPROTO;
    if (!take(&json, "{\"type\":\"", '"', &type) || !take(&json, "\",\"seq\":", ',', &seq) ||
        text_to_u64(seq, UINT64_MAX, &value) < 0)
        return -EPROTO;
    *ret_type = type;
    *ret_seq = value;
    return 0;
}
