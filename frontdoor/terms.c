/* What a client asks for in header fields: Accept, Prefer, Idempotency-Key, Cancel-After,
 * Content-Type.
 *
 * Everything is read here, once, before Redis is asked anything; nothing is kept. A field that
 * decides what happens to money or work (Idempotency-Key, Cancel-After) is refused when it is wrong
 * or given twice; a preference that is not understood is ignored, as RFC 7240 wants. */
#include "terms.h"

#include <errno.h>

#include "error.h"
#include "http.h"
#include "text.h"

#define CANCEL_AFTER_MAX_MS (24 * 3600 * (int64_t)1000)
#define Q_UNIT 1000

static const struct {
    const char *type, *subtype, *whole;
} media[] = {
    [TERMS_JSON] = {"application", "json",         "application/json"    },
    [TERMS_SSE] = {"text",        "event-stream", "text/event-stream"   },
    [TERMS_NDJSON] = {"application", "x-ndjson",     "application/x-ndjson"},
    [TERMS_WS] = {"",            "",             NULL                  },
};
_Static_assert(ARRAY_SIZE(media) == TERMS_FORMAT_COUNT_, "each format has its media type");

const char *terms_media_type(enum terms_format format)
{
    return media[format].whole;
}

/* Cuts "a=b" at the sign; b is empty when there is none. */
static void cut(struct span text, char sign, struct span *ret_left, struct span *ret_right)
{
    struct span right = text, left = {"", 0};

    (void)text_next(&right, sign, &left);
    *ret_left = left;
    *ret_right = text_trim(right);
}

/* "0", "1", "0.5", "1.000" in thousandths; -1 for anything else. */
static int read_q(struct span text)
{
    static const int scale[] = {1000, 100, 10, 1};
    int q = 0;

    if (text.n == 0 || text.n > 5 || (text.n > 1 && text.at[1] != '.'))
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        if (i == 1)
            continue;
        if (text.at[i] < '0' || text.at[i] > '9')
            return -1;
        q += (text.at[i] - '0') * scale[i == 0 ? 0 : i - 1];
    }
    return q <= Q_UNIT ? q : -1;
}

/* How exactly one media range names the type: 3 its name, 2 its first half, 1 anything, 0 not at
 * all. */
static int specificity(struct span range, struct span wanted, struct span wanted_subtype)
{
    struct span type, subtype;

    cut(range, '/', &type, &subtype);
    if (span_equal(type, SPAN("*")))
        return span_equal(subtype, SPAN("*"));
    if (!text_equal_nocase(type, wanted))
        return 0;
    if (span_equal(subtype, SPAN("*")))
        return 2;
    return text_equal_nocase(subtype, wanted_subtype) ? 3 : 0;
}

#define OWN TERMS_FORMAT_COUNT_ /* the place of the result's own type */

struct choice {
    struct span type[OWN + 1], subtype[OWN + 1];
    int q[OWN + 1], exactness[OWN + 1];
};

static void weigh(struct choice *choice, struct span accept)
{
    struct span item, range, parameters, parameter, name, value;

    while (text_next(&accept, ',', &item)) {
        int q = Q_UNIT;
        cut(item, ';', &range, &parameters);
        while (text_next(&parameters, ';', &parameter)) {
            cut(parameter, '=', &name, &value);
            if (text_equal_nocase(name, SPAN("q")))
                q = read_q(value);
        }
        for (int i = 0; q >= 0 && i <= OWN; i++) {
            int exactness = specificity(range, choice->type[i], choice->subtype[i]);
            if (exactness > choice->exactness[i]) {
                choice->exactness[i] = exactness;
                choice->q[i] = q;
            }
        }
    }
}

static void weigh_all(struct choice *choice, const struct http_request *request)
{
    bool any = false;

    for (size_t i = 0; i < request->n_headers; i++) {
        if (!text_equal_nocase(request->headers[i].name, SPAN("accept")))
            continue;
        any = true;
        weigh(choice, request->headers[i].value);
    }
    if (!any)
        weigh(choice, SPAN("*/*"));
}

/* The place of the best offer, -1 = none will do. */
static int best_of(const struct choice *choice, unsigned offers)
{
    int best = choice->q[OWN] > 0 ? OWN : -1;

    for (int i = 0; i < OWN; i++) {
        int most = best < 0 ? 0 : choice->q[best];
        bool exacter =
            best == OWN && choice->q[i] == most && choice->exactness[i] > choice->exactness[OWN];
        if ((offers & 1u << i) && (choice->q[i] > most || exacter))
            best = i;
    }
    return best;
}

int terms_accept_own(const struct http_exchange *exchange, unsigned offers, const char *own,
                     enum terms_format *ret_format, bool *ret_own, struct error *error)
{
    struct choice choice = {0};

    for (int i = 0; i < OWN; i++) {
        choice.type[i] = span_of(media[i].type);
        choice.subtype[i] = span_of(media[i].subtype);
    }
    if (own)
        cut(span_of(own), '/', &choice.type[OWN], &choice.subtype[OWN]);
    weigh_all(&choice, http_request(exchange));
    if (!own)
        choice.q[OWN] = 0;
    int best = best_of(&choice, offers);
    if (best < 0)
        return error_set(error, ERROR_NOT_ACCEPTABLE, -ENOENT,
                         "Accept names none of what can be given here: %s%s%s%s%s", own ? own : "",
                         own ? ", " : "", offers & 1u << TERMS_JSON ? "application/json" : "",
                         offers == TERMS_OFFER_ALL ? ", " : "",
                         offers & 1u << TERMS_SSE ? "text/event-stream, application/x-ndjson" : "");
    *ret_own = best == OWN;
    *ret_format = best == OWN ? TERMS_JSON : (enum terms_format)best;
    return 0;
}

int terms_accept(const struct http_exchange *exchange, unsigned offers,
                 enum terms_format *ret_format, struct error *error)
{
    bool own;

    return terms_accept_own(exchange, offers, NULL, ret_format, &own, error);
}

/* ---- Prefer ---- */

static void read_preferences(struct terms *terms, struct span prefer)
{
    struct span item, preference, parameters, name, value;
    uint64_t seconds;

    while (text_next(&prefer, ',', &item)) {
        cut(item, ';', &preference, &parameters);
        cut(preference, '=', &name, &value);
        if (text_equal_nocase(name, SPAN("respond-async"))) {
            terms->async_asked = true;
        } else if (text_equal_nocase(name, SPAN("wait")) && !terms->wait_asked) {
            if (text_to_u64(value, 1000000, &seconds) < 0)
                continue;
            terms->wait_asked = true;
            terms->wait_s = seconds > TERMS_WAIT_MAX_S ? TERMS_WAIT_MAX_S : (int64_t)seconds;
        }
    }
}

/* ---- Idempotency-Key: a quoted string (RFC 8941, 3.3.3) or the bare characters ---- */

static int key_add(struct terms *terms, char c)
{
    if (terms->n_key == TERMS_KEY_MAX)
        return -EINVAL;
    terms->key[terms->n_key++] = c;
    terms->key[terms->n_key] = '\0';
    return 0;
}

static int read_quoted_key(struct terms *terms, struct span value)
{
    for (size_t i = 1; i + 1 < value.n; i++) {
        char c = value.at[i];
        if (c == '\\') {
            c = value.at[++i];
            if (i + 1 == value.n || (c != '"' && c != '\\'))
                return -EINVAL;
        } else if (c < 0x20 || c > 0x7e || c == '"') {
            return -EINVAL;
        }
        if (key_add(terms, c) < 0)
            return -EINVAL;
    }
    return terms->n_key > 0 ? 0 : -EINVAL;
}

static int read_key(struct terms *terms, struct span value)
{
    terms->n_key = 0;
    if (value.n > 1 && value.at[0] == '"' && value.at[value.n - 1] == '"')
        return read_quoted_key(terms, value);
    for (size_t i = 0; i < value.n; i++) {
        char c = value.at[i];
        if (c < 0x21 || c > 0x7e || c == '"' || c == ',' || key_add(terms, c) < 0)
            return -EINVAL;
    }
    return terms->n_key > 0 ? 0 : -EINVAL;
}

/* ---- Cancel-After ---- */

static int read_duration(struct span text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = {
        {"ms", 1      },
        {"s",  1000   },
        {"m",  60000  },
        {"h",  3600000}
    };
    uint64_t value;
    size_t digits = 0;

    while (digits < text.n && text.at[digits] >= '0' && text.at[digits] <= '9')
        digits++;
    struct span unit = {text.at + digits, text.n - digits};
    if (text_to_u64((struct span){text.at, digits}, CANCEL_AFTER_MAX_MS, &value) < 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (!span_equal(unit, span_of(units[i].unit)))
            continue;
        if (value == 0 || value > CANCEL_AFTER_MAX_MS / units[i].ms)
            return -EINVAL;
        *ret_ms = (int64_t)(value * units[i].ms);
        return 0;
    }
    return -EINVAL;
}

/* ---- all of them ---- */

int terms_read(const struct http_exchange *exchange, struct terms *ret_terms, struct error *error)
{
    const struct http_request *request = http_request(exchange);
    struct terms terms = {0};
    unsigned n_keys = 0, n_limits = 0;

    for (size_t i = 0; i < request->n_headers; i++) {
        struct span name = request->headers[i].name, value = request->headers[i].value;
        if (text_equal_nocase(name, SPAN("prefer"))) {
            read_preferences(&terms, value);
        } else if (text_equal_nocase(name, SPAN("idempotency-key"))) {
            if (n_keys++ > 0 || read_key(&terms, value) < 0)
                return error_set(error, ERROR_BAD_REQUEST, -EINVAL,
                                 "Idempotency-Key must be given once, with 1 to %d printable ASCII "
                                 "characters, in double quotes or without",
                                 TERMS_KEY_MAX);
        } else if (text_equal_nocase(name, SPAN("cancel-after"))) {
            if (n_limits++ > 0 || read_duration(value, &terms.cancel_after_ms) < 0)
                return error_set(error, ERROR_BAD_REQUEST, -EINVAL,
                                 "Cancel-After must be given once, as a duration like 90s, 500ms, "
                                 "5m or 1h, up to 24h");
        }
    }
    *ret_terms = terms;
    return 0;
}

bool terms_body_is_json(const struct http_exchange *exchange)
{
    struct span type, parameters, coding = http_header(exchange, "content-encoding");

    cut(http_header(exchange, "content-type"), ';', &type, &parameters);
    return text_equal_nocase(type, SPAN("application/json")) &&
           (coding.n == 0 || text_equal_nocase(coding, SPAN("identity")));
}
