/* What clients write where a key, a token, a scope list, an address, a network or a trace is
 * expected: never taken unless it was made by us, and never read beyond its end. And what becomes
 * of such texts in log lines. */
#include <stdlib.h>

#include "apikey.h"
#include "buf.h"
#include "event.h"
#include "frontdoor/address.h"
#include "http.h"
#include "json.h"
#include "log_json.h"
#include "trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_key(struct hmac *pepper, struct span text)
{
    char id[APIKEY_ID_BYTES] = "";

    if (apikey_parse(text, id) == 0)
        must(text.n == APIKEY_TEXT_BYTES - 1 && apikey_id_valid(span_of(id)));
    /* Nobody without the pepper makes a token. */
    must(apikey_token_parse(pepper, text, SPAN("01k9zzzzzzzzzzzzzzzzzzzzzz"), 0, id) < 0);
}

static void check_lists(struct span text)
{
    char *list CLEANUP(charp_freep) = xspandup(text);
    unsigned scopes = 0;
    uint32_t types = 0;
    struct networks networks;

    if (apikey_scopes_parse(text, &scopes) == 0)
        must(scopes > 0 && scopes < 1U << APIKEY_SCOPE_COUNT_);
    if (event_types_parse(text, &types) == 0)
        must(types > 0 && types < 1U << EVENT_TYPE_COUNT_);
    if (networks_parse(list, &networks, NULL) == 0)
        must(networks.n <= NETWORKS_MAX);
}

static void check_address(struct span text)
{
    const struct http_header header = {SPAN("X-Forwarded-For"), text};
    const struct http_request request = {.headers = &header, .n_headers = 1};
    struct address peer, client;
    struct networks trusted;
    char out[ADDRESS_TEXT_BYTES];

    must(networks_parse("10.0.0.0/8,2000::/3", &trusted, NULL) == 0);
    must(address_parse(SPAN("10.0.0.1"), &peer) == 0);
    address_of_client(&trusted, &peer, &request, &client);
    must(client.known);
    address_text(&client, out);
    must(address_parse(SPAN("192.0.2.1"), &peer) == 0);
    address_of_client(&trusted, &peer, &request, &client);
    must(memcmp(&peer, &client, sizeof(peer)) == 0);
}

static void check_trace(struct span text)
{
    struct trace trace = {0};
    char parent[TRACE_PARENT_BYTES];

    if (trace_read(text, &trace) == 0) {
        trace_parent(&trace, trace.span, parent);
        /* A later version is carried on as the one we know. */
        size_t at = sizeof("00-") - 1;
        must(memcmp(parent + at, text.at + at, 32 + 1 + 16) == 0);
        must(!trace.state || strlen(trace.state) <= TRACE_STATE_MAX);
    }
    trace_deinit(&trace);
}

static void check_line(struct span text)
{
    struct json *json CLEANUP(json_freep) = NULL;
    struct buf line;

    buf_init(&line, 20 * text.n + 1000);
    buf_add_text(&line, "{\"ts\":1");
    log_json_members(text, &line);
    buf_add_char(&line, '}');
    must(buf_ok(&line) && json_parse(buf_span(&line), NULL, &json, NULL) == 0);
    buf_deinit(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct hmac *pepper;
    /* A copy of its own, so that a sanitizer sees a read beyond the end. */
    char *copy CLEANUP(charp_freep) = xmemdup(data, n);
    struct span text = {copy, n};

    if (!pepper)
        pepper = hmac_new(SPAN("0123456789abcdef0123456789abcdef"));
    check_key(pepper, text);
    check_lists(text);
    check_address(text);
    check_trace(text);
    check_line(text);
    return 0;
}
