/* Requests out of bytes: parsing, the handler, and what is kept in between.
 *
 * Bytes come in the server's one buffer. A request that is wholly there is copied once, into the
 * message its handler may look at until it has answered; an incomplete one moves into the
 * connection's http_partial and becomes the message itself when it is complete. The loop in
 * http_conn_feed() goes on while answers are written at once; a handler that answers later, or a
 * client that does not take its answer, ends it, and what is left waits in the partial. After every
 * call of a handler look at `closed` first. */
#include <assert.h>
#include <stdlib.h>

#include "clock.h"
#include "http_conn.h"

/* A body's limit is the route's; this one keeps arithmetic honest. */
#define BODY_BYTES ((size_t)1 << 30)
#define DEFAULT_BODY_BYTES ((size_t)256 * 1024)

void http_conn_keep(struct http_exchange *conn, const struct http_parser *parser, struct span bytes)
{
    struct http_partial *partial = conn->partial;
    size_t max_head_bytes = conn->server->options.max_head_bytes;

    if (!partial) {
        partial = conn->partial = xcalloc(1, sizeof(*partial));
        if (parser)
            partial->parser = *parser;
        else
            http_parser_init(&partial->parser, max_head_bytes);
        partial->parser.any_method = conn->server->options.any_method;
    }
    /* The parser refuses what goes beyond head and body before this is reached. */
    partial->bytes.max_bytes =
        2 * max_head_bytes + partial->parser.max_body_bytes + (size_t)2 * HTTP_READ_BYTES;
    buf_add_span(&partial->bytes, bytes);
    assert(buf_ok(&partial->bytes));
    http_conn_hold(conn);
}

void http_conn_begin(struct http_exchange *conn)
{
    static const char digits[] = "0123456789abcdef";
    char *out = conn->id + sizeof(conn->server->id_prefix);
    uint64_t n = ++conn->server->n_requests;
    int shift = 0;

    while (n >> shift > 15)
        shift += 4;
    memcpy(conn->id, conn->server->id_prefix, sizeof(conn->server->id_prefix));
    for (; shift >= 0; shift -= 4)
        *out++ = digits[n >> shift & 15];
    *out = '\0';
    conn->begun_us = clock_monotonic_us();
    conn->written_bytes = 0;
    conn->status = 0;
    conn->counted = true;
}

/* The head is complete: the body's limit is the route's. */
static void limit_body(struct http_exchange *conn, struct http_parser *parser, const char *data)
{
    struct http_server *server = conn->server;
    const struct http_options *options = &server->options;
    struct http_request request;
    size_t max_bytes = DEFAULT_BODY_BYTES;

    if (options->max_body) {
        http_parser_request(parser, data, server->headers, &request);
        max_bytes = options->max_body(&request, options->arg);
    }
    parser->max_body_bytes = max_bytes < BODY_BYTES ? max_bytes : BODY_BYTES;
}

static enum http_parse_result parse(struct http_exchange *conn, struct http_parser *parser,
                                    char *data, size_t *n)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    enum http_parse_result result = http_parse(parser, data, n);

    if (result != HTTP_PARSE_HEAD)
        return result;
    limit_body(conn, parser, data);
    result = http_parse(parser, data, n);
    if (result == HTTP_PARSE_MORE && parser->expect_continue && *n == http_parser_used(parser)) {
        struct iovec part = {(void *)(uintptr_t)go_on, sizeof(go_on) - 1};
        http_conn_send(conn, &part, 1);
    }
    return result;
}

/* The request is incomplete. */
static void await_more(struct http_exchange *conn)
{
    struct http_partial *partial = conn->partial;

    if (conn->eof) {
        http_conn_close(conn);
    } else if (!partial || !http_parser_started(&partial->parser, partial->bytes.n)) {
        http_conn_wait(conn, HTTP_WAIT_IDLE);
    } else if (conn->server->counts.held_bytes > conn->server->options.max_held_bytes) {
        http_conn_begin(conn);
        http_conn_refuse(conn, 503, "Too many requests are arriving at once");
    } else if (!partial->parser.has_body) {
        if (conn->wait != HTTP_WAIT_HEAD)
            http_conn_wait(conn, HTTP_WAIT_HEAD);
    } else if (conn->wait != HTTP_WAIT_BODY ||
               partial->parser.body_n - partial->body_mark >= HTTP_BODY_STEP_BYTES) {
        partial->body_mark = partial->parser.body_n;
        http_conn_wait(conn, HTTP_WAIT_BODY);
    } else {
        http_conn_events(conn);
    }
}

/* Makes the parsed request the connection's own. Returns the bytes behind it, in the server's
 * buffer. */
static struct span take_message(struct http_exchange *conn, const struct http_parser *parser,
                                char *data, size_t n)
{
    struct http_server *server = conn->server;
    size_t used = http_parser_used(parser), headers = parser->n_fields * sizeof(struct http_header);
    struct span rest = {data + used, n - used};
    struct http_message *message;

    if (conn->partial) {
        assert(rest.n <= sizeof(server->bytes));
        memcpy(server->bytes, rest.at, rest.n);
        rest.at = server->bytes;
        message = xrealloc(NULL, sizeof(*message) + headers);
        message->bytes = data = buf_steal(&conn->partial->bytes);
    } else {
        message = xrealloc(NULL, sizeof(*message) + headers + used);
        message->bytes = NULL;
        data = memcpy((char *)(message + 1) + headers, data, used);
    }
    http_parser_request(parser, data, message->headers, &message->request);
    conn->message = message;
    conn->minor_version = (uint8_t)parser->minor_version;
    conn->close_after = !parser->keep_alive;
    conn->head_only = span_equal(message->request.method, SPAN("HEAD"));
    http_conn_drop_partial(conn);
    http_conn_hold(conn);
    return rest;
}

static void handle(struct http_exchange *conn)
{
    const struct http_options *options = &conn->server->options;

    http_conn_begin(conn);
    conn->answering = true;
    conn->refused = conn->raw = false;
    http_conn_wait(conn, HTTP_WAIT_ANSWER);
    options->on_request(conn, options->arg);
}

/* After the handler: whether to go on with the next request in `rest`. */
static bool handled(struct http_exchange *conn, struct span rest)
{
    if (conn->closed || conn->broken)
        return false;
    if (conn->streaming) {
        /* Bytes behind a stream are dropped, so nothing can follow it. */
        if (rest.n > 0)
            conn->close_after = true;
        if (rest.n > 0 && conn->raw)
            conn->on_bytes(rest, conn->user);
        return false;
    }
    if (conn->wait == HTTP_WAIT_LINGER)
        return false;
    if (!conn->answering && http_conn_unsent(conn) == 0)
        return true;
    if (rest.n > 0)
        http_conn_keep(conn, NULL, rest);
    if (conn->answering && conn->eof)
        http_conn_wait(conn, HTTP_WAIT_HALF_CLOSED);
    else
        http_conn_events(conn);
    return false;
}

static void refuse(struct http_exchange *conn, const struct http_parser *parser, const char *data)
{
    http_conn_begin(conn);
    conn->minor_version = 1;
    conn->head_only = http_parser_is_head(parser, data);
    http_conn_refuse(conn, parser->status, parser->detail);
}

/* Takes requests out of what is kept and `bytes` (in the server's buffer) until one is incomplete
 * or stays pending. */
void http_conn_feed(struct http_exchange *conn, struct span bytes)
{
    struct http_server *server = conn->server;
    enum http_parse_result result;

    conn->feeding = true;
    do {
        struct http_parser *parser = &server->parser;
        char *data = server->bytes + (bytes.n > 0 ? bytes.at - server->bytes : 0);
        size_t n = bytes.n;

        if (conn->partial) {
            http_conn_keep(conn, NULL, bytes);
            parser = &conn->partial->parser;
            data = conn->partial->bytes.at;
            n = conn->partial->bytes.n;
        } else {
            http_parser_init(parser, server->options.max_head_bytes);
            parser->any_method = server->options.any_method;
        }
        result = parse(conn, parser, data, &n);
        if (conn->closed || conn->broken)
            break;
        if (result == HTTP_PARSE_BAD) {
            refuse(conn, parser, data);
            break;
        }
        if (result == HTTP_PARSE_MORE) {
            if (conn->partial)
                conn->partial->bytes.n = n; /* framing was cut out */
            else if (n > 0)
                http_conn_keep(conn, parser, (struct span){data, n});
            await_more(conn);
            break;
        }
        bytes = take_message(conn, parser, data, n);
        handle(conn);
    } while (handled(conn, bytes));
    conn->feeding = false;
}
