/* Rates of a tenant's own. Which rates there are stand in the schemas of kinds (x-rates), so a
 * misspelt one is told at once instead of never counting. */
#include "rates.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "embedded.h"
#include "json.h"
#include "kinds.h"
#include "text.h"

#define US_PER_S 1e6
#define MIN_PER_S 0.001
#define MAX_PER_S 100000.0
#define MAX_BURST 1000000
#define NAMES_BYTES 1024

static bool fault(const char *what, struct span item, const char *wants)
{
    fprintf(stderr, "parley tenants: --rate %.*s: %s %s\n", (int)item.n, item.at, what, wants);
    return false;
}

/* Whether a kind has a rate of that name; adds those there are to `known`. */
static bool find_rate(struct span kind, struct span name, struct buf *known)
{
    bool found = false;

    for (const struct embedded *file = schema_files; file->name; file++) {
        CLEANUP(json_freep) struct json *schema = NULL;

        if (json_parse(file->text, NULL, &schema, NULL) < 0)
            abort(); /* embedded by our own build */
        const struct json *rates = json_get(schema, "x-rates");
        for (size_t i = 0; i < json_length(rates); i++) {
            struct span one = json_get_string(json_at(rates, i), "name", "");

            buf_addf(known, " %s.%.*s", file->name, (int)one.n, one.at);
            found = found || (span_equal(kind, span_of(file->name)) && span_equal(name, one));
        }
    }
    return found;
}

static bool read_value(struct span item, struct span value, char *out, size_t size)
{
    const char *slash = value.n > 0 ? memchr(value.at, '/', value.n) : NULL;
    struct span head = {value.at, slash ? (size_t)(slash - value.at) : value.n};
    CLEANUP(charp_freep) char *text = xspandup(head);
    uint64_t burst = 0;
    char *end;

    if (span_equal(value, SPAN("default")) || span_equal(value, SPAN("off"))) {
        (void)snprintf(out, size, "%s", value.at[0] == 'o' ? "0/0" : "");
        return true;
    }
    double per_s = strtod(text, &end);
    if (*text < '0' || *text > '9' || *end != '\0' || !(per_s >= MIN_PER_S && per_s <= MAX_PER_S))
        return fault("wants", item, "so many a second, 0.001 to 100000, \"off\" or \"default\"");
    if (!slash)
        burst = (uint64_t)ceil(2 * per_s);
    else if (text_to_u64((struct span){slash + 1, value.n - head.n - 1}, MAX_BURST, &burst) < 0 ||
             burst == 0)
        return fault("wants behind the slash", item, "how many may come at once, 1 to 1000000");
    (void)snprintf(out, size, "%.0f/%" PRIu64, US_PER_S / per_s, burst);
    return true;
}

static bool read_item(struct span item, struct rates *rates)
{
    const char *equals = memchr(item.at, '=', item.n);
    struct span name = {item.at, equals ? (size_t)(equals - item.at) : item.n};
    const char *dot = memchr(name.at, '.', name.n);
    struct buf known;

    if (!equals || !dot)
        return fault("wants", item, "KIND.NAME=PER_S/BURST, like debate.boardroom=5/10");
    struct span kind = {name.at, (size_t)(dot - name.at)};
    name = (struct span){dot + 1, name.n - kind.n - 1};
    buf_init(&known, NAMES_BYTES);
    bool found = find_rate(kind, name, &known);
    if (!found)
        (void)fault("there is no such rate, only", item, known.at ? known.at : "none");
    buf_deinit(&known);
    if (!found)
        return false;
    if (rates->n == RATES_MAX)
        return fault("is one too many", item, "");
    (void)snprintf(rates->fields[rates->n], sizeof(rates->fields[0]), "rate:%.*s:%.*s", (int)kind.n,
                   kind.at, (int)name.n, name.at);
    struct span value = {equals + 1, item.n - (size_t)(equals + 1 - item.at)};
    return read_value(item, value, rates->values[rates->n++], sizeof(rates->values[0]));
}

bool rates_read(const char *text, struct rates *ret_rates)
{
    struct span rest = span_of(text), item;

    ret_rates->n = 0;
    while (text_next(&rest, ',', &item))
        if (!read_item(text_trim(item), ret_rates))
            return false;
    return ret_rates->n > 0;
}

static bool write_one(const char *name, const struct json *rate, void *arg)
{
    double interval_us = json_get_number(rate, "interval_us", 0);

    if (interval_us > 0)
        buf_addf(arg, " %s=%.6g/%" PRId64, name, US_PER_S / interval_us,
                 json_get_integer(rate, "burst", 0));
    else
        buf_addf(arg, " %s=off", name);
    return true;
}

void rates_write(const struct json *rates, struct buf *out)
{
    if (rates)
        json_each(rates, write_one, out);
}
