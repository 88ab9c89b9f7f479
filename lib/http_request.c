/* What a handler asks about its exchange. */
#include <sys/socket.h>

#include "http_conn.h"
#include "text.h"

static const struct http_request no_request = {
    .method = {"", 0},
      .target = {"", 0},
      .path = {"", 0},
      .query = {"", 0},
      .body = {"", 0}
};

const struct http_request *http_request(const struct http_exchange *exchange)
{
    return exchange->message ? &exchange->message->request : &no_request;
}

struct span http_header(const struct http_exchange *exchange, const char *name)
{
    const struct http_request *request = http_request(exchange);
    struct span wanted = span_of(name);

    for (size_t i = 0; i < request->n_headers; i++)
        if (text_equal_nocase(request->headers[i].name, wanted))
            return request->headers[i].value;
    return (struct span){NULL, 0};
}

void http_peer(const struct http_exchange *exchange, struct sockaddr_storage *ret_peer)
{
    socklen_t size = sizeof(*ret_peer);

    *ret_peer = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    if (getpeername(event_get_fd(&exchange->event), (struct sockaddr *)ret_peer, &size) < 0)
        ret_peer->ss_family = AF_UNSPEC;
}

const char *http_request_id(const struct http_exchange *exchange)
{
    return exchange->id;
}

void http_set_note(struct http_exchange *exchange, void *note)
{
    exchange->note = note;
}

void *http_note(const struct http_exchange *exchange)
{
    return exchange->note;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Form decoding: "%2F" and "+". A NUL is refused: the result is C text. */
static bool decode(struct span text, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.at[i] == '+' ? ' ' : text.at[i];

        if (c == '%') {
            int high = i + 1 < text.n ? hex_value(text.at[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_value(text.at[i + 2]) : -1;

            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

bool http_query(const struct http_exchange *exchange, const char *name, char *out, size_t size,
                bool *ret_present)
{
    struct span rest = http_request(exchange)->query, pair, wanted = span_of(name);

    if (ret_present)
        *ret_present = false;
    while (text_next(&rest, '&', &pair)) {
        const char *equals = pair.n > 0 ? memchr(pair.at, '=', pair.n) : NULL;
        struct span key = {pair.at, equals ? (size_t)(equals - pair.at) : pair.n};

        if (!span_equal(key, wanted))
            continue;
        if (ret_present)
            *ret_present = true;
        return decode(equals ? (struct span){equals + 1, pair.n - key.n - 1} : SPAN(""), out, size);
    }
    return false;
}

void http_set_user(struct http_exchange *exchange, void *user, void (*on_close)(void *user))
{
    exchange->user = user;
    exchange->on_close = on_close;
}
