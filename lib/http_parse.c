/* The strict request parser.
 *
 * A request goes through stages, each a function in the table at the end that looks at the bytes
 * from `at` on and either moves on, asks for more, or refuses. Lines are looked at when they are
 * complete, and a line over its limit is refused before its content is: that makes the outcome the
 * same for any cutting of the bytes. Decoded chunks are moved down behind each other, so that a
 * body is one span and the framing never costs memory.
 *
 * Invariant: at <= scan <= n, and the decoded body [body_at, body_at + body_n) ends at or
 * before `at`. The stages of the head are in http_head.c. */
#include "http_parse.h"

#include "http_head.h"
#include "text.h"

/* A size of 16 digits and its CRLF, and room for extensions nobody sends. */
#define CHUNK_LINE_BYTES 1024
/* Of all extensions of one body together: they cost reading and say nothing. */
#define EXTENSION_BYTES 16384

static struct span method_of(const struct http_parser *parser, const char *data)
{
    return (struct span){data + parser->method_at, parser->method_n};
}

static enum http_parse_result on_body(struct http_parser *parser, char *data, size_t n)
{
    struct span method = method_of(parser, data);

    (void)n;
    if (parser->seen & HTTP_SEEN_CHUNKED) {
        parser->stage = HTTP_STAGE_CHUNK_SIZE;
        return HTTP_PARSE_GO_ON_;
    }
    if (!(parser->seen & HTTP_SEEN_LENGTH) && parser->max_body_bytes > 0 &&
        (span_equal(method, SPAN("POST")) || span_equal(method, SPAN("PUT")) ||
         span_equal(method, SPAN("PATCH"))))
        return http_refuse(parser, 411, "The body needs a Content-Length");
    if (parser->content_length > parser->max_body_bytes)
        return http_refuse(parser, 413, "The body is too large");
    parser->left = parser->content_length;
    parser->stage = HTTP_STAGE_LENGTH;
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_length(struct http_parser *parser, char *data, size_t n)
{
    (void)data;
    size_t came = n - parser->at < parser->left ? n - parser->at : (size_t)parser->left;

    parser->at += came;
    parser->scan = parser->at;
    parser->left -= came;
    parser->body_n += came;
    if (parser->left > 0)
        return HTTP_PARSE_MORE;
    parser->stage = HTTP_STAGE_DONE;
    return HTTP_PARSE_DONE;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_char(struct span *text, char c)
{
    struct span rest = text_trim_start(*text);

    if (rest.n == 0 || rest.at[0] != c)
        return false;
    *text = text_trim_start((struct span){rest.at + 1, rest.n - 1});
    return true;
}

/* Behind its first quote. 0: it has no end. */
static size_t quoted_string(struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.at[i] == '"')
            return i + 1;
        if (text.at[i] == '\\')
            i++;
    }
    return 0;
}

/* RFC 9112 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). Nobody uses
 * them, so what is none can only be meant for another reader. */
static bool are_extensions(struct span rest)
{
    if (http_run_of(rest, HTTP_IN_FIELD) < rest.n)
        return false;
    while (rest.n > 0) {
        size_t n = take_char(&rest, ';') ? http_run_of(rest, HTTP_IN_TOKEN) : 0;

        if (n == 0)
            return false;
        rest = (struct span){rest.at + n, rest.n - n};
        if (!take_char(&rest, '='))
            continue;
        n = http_run_of(rest, HTTP_IN_TOKEN);
        if (n == 0 && rest.n > 0 && rest.at[0] == '"') {
            n = quoted_string((struct span){rest.at + 1, rest.n - 1});
            n += n > 0;
        }
        if (n == 0)
            return false;
        rest = (struct span){rest.at + n, rest.n - n};
    }
    return true;
}

static enum http_parse_result on_chunk_size(struct http_parser *parser, char *data, size_t n)
{
    struct span line = {NULL, 0};
    enum http_parse_result result = http_take_line(parser, data, n, CHUNK_LINE_BYTES, 400, &line);
    uint64_t size = 0;
    size_t i = 0;

    if (result != HTTP_PARSE_GO_ON_)
        return result;
    for (; i < line.n && hex_value(line.at[i]) >= 0; i++)
        size = size << 4 | (uint64_t)hex_value(line.at[i]);
    if (i == 0 || i > 16)
        return http_refuse(parser, 400, "A chunk's size is not a hexadecimal number");
    if (!are_extensions((struct span){line.at + i, line.n - i}))
        return http_refuse(parser, 400, "A chunk's size is not a hexadecimal number");
    parser->extension_bytes += line.n - i;
    if (parser->extension_bytes > EXTENSION_BYTES)
        return http_refuse(parser, 400, "There are too many chunk extensions");
    if (size > parser->max_body_bytes - parser->body_n)
        return http_refuse(parser, 413, "The body is too large");
    parser->left = size;
    parser->stage = size > 0 ? HTTP_STAGE_CHUNK_DATA : HTTP_STAGE_TRAILERS;
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_chunk_data(struct http_parser *parser, char *data, size_t n)
{
    size_t came = n - parser->at < parser->left ? n - parser->at : (size_t)parser->left;

    memmove(data + parser->body_at + parser->body_n, data + parser->at, came);
    parser->body_n += came;
    parser->at += came;
    parser->scan = parser->at;
    parser->left -= came;
    if (parser->left > 0)
        return HTTP_PARSE_MORE;
    parser->stage = HTTP_STAGE_CHUNK_END;
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_chunk_end(struct http_parser *parser, char *data, size_t n)
{
    static const char crlf[] = "\r\n";

    for (size_t i = 0; i < 2; i++) {
        if (parser->at + i == n)
            return HTTP_PARSE_MORE;
        if (data[parser->at + i] != crlf[i])
            return http_refuse(parser, 400, "A chunk is longer than its size");
    }
    parser->at += 2;
    parser->scan = parser->at;
    parser->stage = HTTP_STAGE_CHUNK_SIZE;
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_trailer(struct http_parser *parser, char *data, size_t n)
{
    struct span line = {NULL, 0}, name = {NULL, 0}, value = {NULL, 0};
    enum http_parse_result result =
        http_take_line(parser, data, n, parser->max_head_bytes - parser->trailer_bytes, 431, &line);

    if (result != HTTP_PARSE_GO_ON_)
        return result;
    parser->trailer_bytes += line.n + 2;
    if (line.n > 0)
        return http_split_field(parser, line, &name, &value);
    parser->stage = HTTP_STAGE_DONE;
    return HTTP_PARSE_DONE;
}

static enum http_parse_result on_done(struct http_parser *parser, char *data, size_t n)
{
    (void)parser;
    (void)data;
    (void)n;
    return HTTP_PARSE_DONE;
}

static enum http_parse_result (*const stages[])(struct http_parser *parser, char *data,
                                                size_t n) = {
    [HTTP_STAGE_REQUEST_LINE] = http_on_request_line,
    [HTTP_STAGE_FIELDS] = http_on_field,
    [HTTP_STAGE_BODY] = on_body,
    [HTTP_STAGE_LENGTH] = on_length,
    [HTTP_STAGE_CHUNK_SIZE] = on_chunk_size,
    [HTTP_STAGE_CHUNK_DATA] = on_chunk_data,
    [HTTP_STAGE_CHUNK_END] = on_chunk_end,
    [HTTP_STAGE_TRAILERS] = on_trailer,
    [HTTP_STAGE_DONE] = on_done,
};

/* Closes the gap that understood framing left between the decoded body and the rest. */
static void close_gap(struct http_parser *parser, char *data, size_t *n)
{
    size_t end = parser->body_at + parser->body_n, gap = parser->at - end;

    if (parser->stage <= HTTP_STAGE_LENGTH || gap == 0)
        return;
    memmove(data + end, data + parser->at, *n - parser->at);
    *n -= gap;
    parser->at -= gap;
    parser->scan -= gap;
}

void http_parser_init(struct http_parser *parser, size_t max_head_bytes)
{
    /* Not the fields: a kilobyte that is written before it is read. */
    memset(parser, 0, offsetof(struct http_parser, fields));
    parser->max_head_bytes = max_head_bytes;
}

enum http_parse_result http_parse(struct http_parser *parser, char *data, size_t *n)
{
    enum http_parse_result result;

    if (parser->status)
        return HTTP_PARSE_BAD;
    do
        result = stages[parser->stage](parser, data, *n);
    while (result == HTTP_PARSE_GO_ON_);
    if (result == HTTP_PARSE_MORE)
        close_gap(parser, data, n);
    return result;
}

bool http_parser_started(const struct http_parser *parser, size_t n)
{
    return parser->stage > HTTP_STAGE_REQUEST_LINE || n > parser->at;
}

bool http_parser_is_head(const struct http_parser *parser, const char *data)
{
    return span_equal(method_of(parser, data), SPAN("HEAD"));
}

size_t http_parser_used(const struct http_parser *parser)
{
    return parser->at;
}

/* Path and query of a target that was checked. */
static void split_target(struct http_request *request)
{
    size_t skip = request->target.at[0] == '/' ? 0 : http_absolute_prefix(request->target);
    struct span rest = {request->target.at + skip, request->target.n - skip};
    const char *question = rest.n > 0 ? memchr(rest.at, '?', rest.n) : NULL;

    request->path = rest;
    if (question) {
        request->path.n = (size_t)(question - rest.at);
        request->query = (struct span){question + 1, rest.n - request->path.n - 1};
    }
    if (request->path.n == 0)
        request->path = SPAN("/");
}

void http_parser_request(const struct http_parser *parser, const char *data,
                         struct http_header *headers, struct http_request *ret_request)
{
    *ret_request = (struct http_request){
        .method = method_of(parser, data),
        .target = {data + parser->target_at, parser->target_n},
        .query = SPAN(""),
        .minor_version = parser->minor_version,
        .headers = headers,
        .n_headers = parser->n_fields,
        .body = {data + parser->body_at,   parser->body_n  },
    };
    split_target(ret_request);
    for (size_t i = 0; i < parser->n_fields; i++) {
        const struct http_field *field = &parser->fields[i];

        headers[i] = (struct http_header){
            {data + field->name_at,  field->name_n },
            {data + field->value_at, field->value_n}
        };
    }
}
