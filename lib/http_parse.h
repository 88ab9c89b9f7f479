#pragma once
/* The framing of HTTP/1.1 requests (RFC 9112), strict: what two readers could understand
 * differently is refused, not guessed.
 *
 * The parser works on bytes its user collects: it keeps offsets, never pointers, so that the bytes
 * may move between two calls, and gives the same outcome however they were cut into pieces. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http.h"

enum http_parse_result {
    HTTP_PARSE_MORE,  /* the request is incomplete: append bytes and call again */
    HTTP_PARSE_HEAD,  /* once, when the head is complete: set max_body_bytes and call again */
    HTTP_PARSE_DONE,  /* complete; it took http_parser_used() bytes, the rest is the next one's */
    HTTP_PARSE_BAD,   /* `status` and `detail` say why; nothing behind it can be trusted */
    HTTP_PARSE_GO_ON_ /* private */
};

struct http_field {
    uint32_t name_at, name_n, value_at, value_n;
};

struct http_parser {
    size_t max_head_bytes; /* of request line, fields and empty line; the trailers once more */
    size_t max_body_bytes; /* decoded; set at HTTP_PARSE_HEAD */
    bool any_method;       /* set after http_parser_init(): what is a word of up to 32 bytes */

    /* Valid from HTTP_PARSE_HEAD on. */
    int minor_version;
    bool keep_alive;      /* what version and Connection ask for */
    bool expect_continue; /* the client waits for a 100 before it sends the body */
    bool has_body;        /* bytes follow the head */
    size_t body_n;        /* decoded body bytes so far */

    /* Valid at HTTP_PARSE_BAD. */
    int status;
    const char *detail; /* a constant sentence */

    /* private below */
    int stage;
    size_t at;   /* first byte not understood yet */
    size_t scan; /* no line end before this */
    size_t body_at;
    uint64_t left; /* bytes of the body or chunk still to come */
    uint64_t content_length;
    size_t extension_bytes, trailer_bytes;
    uint32_t method_at, method_n, target_at, target_n;
    unsigned seen; /* which framing fields were there */
    uint32_t n_fields;
    struct http_field fields[HTTP_MAX_HEADERS];
};

void http_parser_init(struct http_parser *parser, size_t max_head_bytes);
/* `data` holds everything since the first byte of the request. Chunk framing is cut out of it in
 * place: *n shrinks by what was cut. */
enum http_parse_result http_parse(struct http_parser *parser, char *data, size_t *n);
/* Whether the request line has begun (empty lines before it do not count). */
bool http_parser_started(const struct http_parser *parser, size_t n);
/* Whether the method is HEAD, as far as is known. */
bool http_parser_is_head(const struct http_parser *parser, const char *data);
size_t http_parser_used(const struct http_parser *parser);
/* The request as spans of `data`; `headers` has room for HTTP_MAX_HEADERS. From HTTP_PARSE_HEAD on.
 */
void http_parser_request(const struct http_parser *parser, const char *data,
                         struct http_header *headers, struct http_request *ret_request);
