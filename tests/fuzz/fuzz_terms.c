/* Any text where a client says in which form, how soon and only once: nothing outside the limits is
 * taken, and who is refused is told why. There is no connection here: the engine's request is
 * replaced by one header field, which the first byte chooses. */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "frontdoor/terms.h"
#include "http.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct span names[] = {
    {"Accept",          6 },
    {"Prefer",          6 },
    {"Idempotency-Key", 15},
    {"Cancel-After",    12},
    {"Content-Type",    12},
};
static struct http_header header;
static struct http_request request = {.headers = &header, .n_headers = 1};

/* Instead of the engine's. */
const struct http_request *http_request(const struct http_exchange *exchange)
{
    (void)exchange;
    return &request;
}

struct span http_header(const struct http_exchange *exchange, const char *name)
{
    (void)exchange;
    return text_equal_nocase(header.name, span_of(name)) ? header.value : (struct span){NULL, 0};
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_accept(unsigned offers)
{
    enum terms_format format = TERMS_FORMAT_COUNT_;
    struct error error = {0};
    int r = terms_accept(NULL, offers, &format, &error);

    must(r == 0 || r == -ENOENT);
    must(r == 0 ? offers & 1u << format : error.message[0] != '\0');
}

static void check_terms(void)
{
    struct error error = {0};
    struct terms terms;
    int r = terms_read(NULL, &terms, &error);

    must(r == 0 || (r == -EINVAL && error.message[0] != '\0'));
    if (r < 0)
        return;
    must(terms.wait_s >= 0 && terms.wait_s <= TERMS_WAIT_MAX_S);
    must(terms.cancel_after_ms >= 0);
    must(terms.n_key <= TERMS_KEY_MAX && terms.key[terms.n_key] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    char *copy = xmemdup(data + 1, n - 1);
    header = (struct http_header){
        names[data[0] % ARRAY_SIZE(names)], {copy, n - 1}
    };
    check_accept(TERMS_OFFER_ANSWER);
    check_accept(TERMS_OFFER_EVENTS);
    check_accept(TERMS_OFFER_ALL);
    check_terms();
    (void)terms_body_is_json(NULL);
    free(copy);
    return 0;
}
