/* The request parser must not care how its bytes were cut: the input is parsed as a pipeline of
 * requests once whole and once in pieces, and both must understand the same. What is understood
 * must lie inside the bytes and within the limits. */
#include <stdlib.h>

#include "buf.h"
#include "http_parse.h"

#define MAX_HEAD_BYTES 2048
#define MAX_BODY_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check_span(struct span part, const struct buf *data)
{
    must(part.n == 0 || (part.at >= data->at && part.at + part.n <= data->at + data->n));
}

static void add_request(struct buf *out, const struct http_parser *parser, const struct buf *data)
{
    struct http_header headers[HTTP_MAX_HEADERS];
    struct http_request request;

    http_parser_request(parser, data->at, headers, &request);
    must(request.body.n <= MAX_BODY_BYTES && request.method.n > 0 && request.path.n > 0);
    must(request.path.at[0] == '/' || request.path.at[0] == '*');
    check_span(request.method, data);
    check_span(request.target, data);
    check_span(request.query, data);
    check_span(request.body, data);
    buf_add_span(out, request.method);
    buf_add_span(out, request.target);
    buf_add_span(out, request.path);
    buf_add_span(out, request.query);
    buf_addf(out, " %zu %d%d ", request.n_headers, parser->keep_alive, parser->expect_continue);
    for (size_t i = 0; i < request.n_headers; i++) {
        check_span(headers[i].name, data);
        check_span(headers[i].value, data);
        buf_add_span(out, headers[i].name);
        buf_add_span(out, headers[i].value);
    }
    buf_add_span(out, request.body);
}

/* One request out of the front of `data`; false when there is none (yet, or any more). */
static bool take(struct buf *out, struct http_parser *parser, struct buf *data)
{
    enum http_parse_result result;
    size_t n = data->n;

    while ((result = http_parse(parser, data->at, &n)) == HTTP_PARSE_HEAD)
        parser->max_body_bytes = MAX_BODY_BYTES;
    must(n <= data->n);
    data->n = n;
    if (result != HTTP_PARSE_DONE)
        return false;
    must(http_parser_used(parser) > 0 && http_parser_used(parser) <= n);
    add_request(out, parser, data);
    buf_drop(data, http_parser_used(parser));
    http_parser_init(parser, MAX_HEAD_BYTES);
    return true;
}

static void parse_in_pieces(struct buf *out, const uint8_t *bytes, size_t n, size_t piece)
{
    struct http_parser parser;
    struct buf data;

    buf_init(&data, n);
    buf_add(&data, "", 0);
    http_parser_init(&parser, MAX_HEAD_BYTES);
    for (size_t at = 0; at < n && !parser.status; at += piece) {
        buf_add(&data, bytes + at, n - at < piece ? n - at : piece);
        must(buf_ok(&data));
        while (take(out, &parser, &data))
            ;
    }
    buf_addf(out, " status %d", parser.status);
    buf_deinit(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole, pieces;

    if (n < 2)
        return 0;
    buf_init(&whole, SIZE_MAX / 4);
    buf_init(&pieces, SIZE_MAX / 4);
    parse_in_pieces(&whole, data + 1, n - 1, n);
    parse_in_pieces(&pieces, data + 1, n - 1, (size_t)(data[0] & 15) + 1);
    must(span_equal(buf_span(&whole), buf_span(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
