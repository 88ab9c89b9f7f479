/* What the request parser takes and refuses. Each row is fed whole, byte by byte, in pieces of
 * seven, and cut in two at every position: the outcome must be the same. */
#include <check.h>

#include "buf.h"
#include "http_parse.h"
#include "main.h"

#define MAX_HEAD_BYTES 512
#define MAX_BODY_BYTES 100
#define HOST "Host: a\r\n"
#define POST "POST /p HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define X10 "xxxxxxxxxx"
#define X50 X10 X10 X10 X10 X10
#define X500 X50 X50 X50 X50 X50 X50 X50 X50 X50 X50
#define F8 "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n"
#define F64 F8 F8 F8 F8 F8 F8 F8 F8

struct row {
    const char *name;
    const char *bytes;
    size_t n;
    const char *outcome; /* a status, "more", or what was understood */
};
#define ROW(name, bytes, outcome)                                                                  \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1, outcome                                                    \
    }

static const struct row plain_rows[] = {
    ROW("a GET without a body", "GET / HTTP/1.1\r\n" HOST "\r\n", "GET / ? 1.1 keep 1 [] +0"),
    ROW("path and query are cut at the first question mark",
        "GET /a/b?c=d?e HTTP/1.1\r\n" HOST "\r\n", "GET /a/b ?c=d?e 1.1 keep 1 [] +0"),
    ROW("absolute-form gives its path", "GET http://a:80/x?y HTTP/1.1\r\n" HOST "\r\n",
        "GET /x ?y 1.1 keep 1 [] +0"),
    ROW("absolute-form without a path", "GET HTTP://a?y HTTP/1.1\r\n" HOST "\r\n",
        "GET / ?y 1.1 keep 1 [] +0"),
    ROW("OPTIONS of the server", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
        "OPTIONS * ? 1.1 keep 1 [] +0"),
    ROW("a body of a length", POST "Content-Length: 5\r\n\r\nhello",
        "POST /p ? 1.1 keep 2 [hello] +0"),
    ROW("bytes behind a body are the next request's", POST "content-length: 2\r\n\r\nhiGET",
        "POST /p ? 1.1 keep 2 [hi] +3"),
    ROW("a length of zero", POST "Content-Length: 0\r\n\r\n", "POST /p ? 1.1 keep 2 [] +0"),
    ROW("a value is trimmed of blanks", "GET / HTTP/1.1\r\nHost:\t a \t\r\n\r\n",
        "GET / ? 1.1 keep 1 [] +0"),
    ROW("an empty value", "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", "GET / ? 1.1 keep 2 [] +0"),
    ROW("bytes over 127 in a value", "GET / HTTP/1.1\r\n" HOST "X: \xc3\xa9\r\n\r\n",
        "GET / ? 1.1 keep 2 [] +0"),
    ROW("empty lines before a request", "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
        "GET / ? 1.1 keep 1 [] +0"),
    ROW("Host with a port", "GET / HTTP/1.1\r\nHost: a.b:8080\r\n\r\n", "GET / ? 1.1 keep 1 [] +0"),
    ROW("Host with an IPv6 address", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        "GET / ? 1.1 keep 1 [] +0"),
    ROW("HTTP/1.0 without Host closes", "GET / HTTP/1.0\r\n\r\n", "GET / ? 1.0 close 0 [] +0"),
    ROW("HTTP/1.0 may keep alive", "GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
        "GET / ? 1.0 keep 1 [] +0"),
    ROW("Connection: close", "GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET / ? 1.1 close 2 [] +0"),
    ROW("close anywhere in the list wins",
        "GET / HTTP/1.1\r\n" HOST "Connection: keep-alive,, CLOSE ,x\r\n\r\n",
        "GET / ? 1.1 close 2 [] +0"),
    ROW("a client that waits for the 100",
        POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n1",
        "POST /p ? 1.1 keep 100 3 [1] +0"),
    ROW("nothing to wait for without a body",
        "GET / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n", "GET / ? 1.1 keep 2 [] +0"),
    ROW("HTTP/1.0 knows no Expect", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n",
        "GET / ? 1.0 close 1 [] +0"),
    ROW("half a head", "GET / HTTP/1.1\r\nHos", "more"),
    ROW("half a body", POST "Content-Length: 5\r\n\r\nhel", "more"),
    ROW("nothing", "", "more"),
};

static const struct row chunked_rows[] = {
    ROW("chunks are put together", CHUNKED "3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n",
        "POST /p ? 1.1 keep 2 [abc0123456789] +0"),
    ROW("bytes behind the last chunk are the next request's", CHUNKED "1\r\na\r\n0\r\n\r\nGET",
        "POST /p ? 1.1 keep 2 [a] +3"),
    ROW("extensions are ignored", CHUNKED "1;a=b;c=\"d;e\"\r\nx\r\n0 ; z\r\n\r\n",
        "POST /p ? 1.1 keep 2 [x] +0"),
    ROW("blanks around what an extension is made of",
        CHUNKED "1 ;\ta = \"\\\"\" ; b\r\nx\r\n0\r\n\r\n", "POST /p ? 1.1 keep 2 [x] +0"),
    ROW("a semicolon and no extension", CHUNKED "5;\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("an extension that is no word", CHUNKED "5;(\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("an extension without its value", CHUNKED "5;a=\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a quoted value without end", CHUNKED "5;a=\"b\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a quoted value with a quoted end", CHUNKED "5;a=\"b\\\"\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("something behind a quoted value", CHUNKED "5;a=\"b\"c\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a blank behind an extension", CHUNKED "5;a \r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a comma behind a size", CHUNKED "5,5\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("an underscore in a size", CHUNKED "0_5\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a CR before an extension", CHUNKED "2\r\r;a\r\n02\r\n41\r\n0\r\n\r\n", "400"),
    ROW("trailers are dropped", CHUNKED "1\r\nx\r\n0\r\nHost: b\r\nX: y\r\n\r\n",
        "POST /p ? 1.1 keep 2 [x] +0"),
    ROW("the coding's name has no case", POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
        "POST /p ? 1.1 keep 2 [] +0"),
    ROW("leading zeros up to 16 digits", CHUNKED "0000000000000001\r\nx\r\n0\r\n\r\n",
        "POST /p ? 1.1 keep 2 [x] +0"),
    ROW("a size with a prefix", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a size with a sign", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a negative size", CHUNKED "-1\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("an empty size", CHUNKED "\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("only an extension", CHUNKED ";a\r\n", "400"),
    ROW("a blank before a size", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a blank behind a size", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a word behind a size", CHUNKED "5 a\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a control character in an extension", CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", "400"),
    ROW("a size of 17 digits", CHUNKED "10000000000000005\r\nhello\r\n", "400"),
    ROW("the greatest size", CHUNKED "ffffffffffffffff\r\nhello\r\n", "413"),
    ROW("chunks over the limit together", CHUNKED "32\r\n" X50 "\r\n33\r\n", "413"),
    ROW("chunks up to the limit", CHUNKED "32\r\n" X50 "\r\n32\r\n" X50 "\r\n0\r\n\r\n",
        "POST /p ? 1.1 keep 2 [" X50 X50 "] +0"),
    ROW("a chunk longer than its size", CHUNKED "3\r\nabcd\r\n0\r\n\r\n", "400"),
    ROW("a chunk ended by LF alone", CHUNKED "3\r\nabc\n0\r\n\r\n", "400"),
    ROW("a chunk ended by CR alone", CHUNKED "3\r\nabc\r0\r\n\r\n", "400"),
    ROW("a size line ended by LF alone", CHUNKED "3\nabc\r\n0\r\n\r\n", "400"),
    ROW("a size line without end", CHUNKED "1;" X500 X500 X10 X10 X10, "400"),
    ROW("a folded trailer", CHUNKED "0\r\nX: y\r\n z\r\n\r\n", "400"),
    ROW("a trailer that is no field", CHUNKED "0\r\nX\r\n\r\n", "400"),
    ROW("trailers over the limit", CHUNKED "0\r\nX: " X500 "\r\nY: " X50 "\r\n\r\n", "431"),
    ROW("the last chunk is not the end yet", CHUNKED "0\r\n", "more"),
};

static const struct row refused_rows[] = {
    ROW("two equal Content-Lengths", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        "400"),
    ROW("two different Content-Lengths",
        POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\nhello!", "400"),
    ROW("a list of lengths", POST "Content-Length: 5, 5\r\n\r\nhello", "400"),
    ROW("a length with a sign", POST "Content-Length: +5\r\n\r\nhello", "400"),
    ROW("a negative length", POST "Content-Length: -5\r\n\r\nhello", "400"),
    ROW("a hexadecimal length", POST "Content-Length: 0x5\r\n\r\nhello", "400"),
    ROW("an empty length", POST "Content-Length:\r\n\r\nhello", "400"),
    ROW("a length over 64 bits", POST "Content-Length: 99999999999999999999\r\n\r\n", "400"),
    ROW("the greatest length", POST "Content-Length: 18446744073709551615\r\n\r\n", "413"),
    ROW("a length over the limit", POST "Content-Length: 101\r\n\r\n", "413"),
    ROW("a length up to the limit", POST "Content-Length: 100\r\n\r\n", "more"),
    ROW("no length where a body is expected", POST "\r\n", "411"),
    ROW("length and coding",
        POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    ROW("coding and length", POST "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
        "400"),
    ROW("a coding before chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
    ROW("chunked twice in a list", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        "400"),
    ROW("a coding behind chunked", POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", "400"),
    ROW("chunked and a comma", POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n", "400"),
    ROW("a comma and chunked", POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", "400"),
    ROW("no coding", POST "Transfer-Encoding:\r\n\r\n", "400"),
    ROW("two coding fields",
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
    ROW("the identity coding", POST "Transfer-Encoding: identity\r\n\r\n", "501"),
    ROW("a coding with a vertical tab",
        POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n",
        "400"),
    ROW("a quoted coding", POST "Transfer-Encoding: \"chunked\"\r\n\r\n", "501"),
    ROW("a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "400"),
    ROW("Host is missing", "GET / HTTP/1.1\r\n\r\n", "400"),
    ROW("Host stands twice", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", "400"),
    ROW("Host stands twice in HTTP/1.0", "GET / HTTP/1.0\r\n" HOST HOST "\r\n", "400"),
    ROW("Host is empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "400"),
    ROW("Host is a list", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"),
    ROW("Host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"),
    ROW("Host with a user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", "400"),
    ROW("Host with a port that is no number", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", "400"),
    ROW("Host with a port over all ports", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", "400"),
    ROW("Host with two ports", "GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", "400"),
    ROW("Host is only a port", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", "400"),
    ROW("Host with half a bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", "400"),
    ROW("Host with a name in brackets", "GET / HTTP/1.1\r\nHost: [a]\r\n\r\n", "400"),
    ROW("Host with something behind the brackets", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", "400"),
    ROW("a request line ended by LF alone", "GET / HTTP/1.1\n" HOST "\r\n", "400"),
    ROW("a field ended by LF alone", "GET / HTTP/1.1\r\nHost: a\n\r\n", "400"),
    ROW("a head ended by LF alone", "GET / HTTP/1.1\r\nHost: a\r\n\n", "400"),
    ROW("a lone LF first", "\nGET / HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a CR inside a value", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "400"),
    ROW("a CR before the CRLF", "GET / HTTP/1.1\r\r\n" HOST "\r\n", "400"),
    ROW("a line ended by CR alone", "GET / HTTP/1.1\rHost: a\r\r", "400"),
    ROW("a CR alone before anything", "\rGET / HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a CR alone in a version that is not spoken", "GET / HTTP/2.0\rX", "400"),
    ROW("a CR alone in a line without end", "GET /" X500 "\ra", "400"),
    ROW("a folded field", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "400"),
    ROW("a blank before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400"),
    ROW("a NUL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", "400"),
    ROW("a DEL in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n", "400"),
    ROW("a NUL in a name", "GET / HTTP/1.1\r\n" HOST "X\0: a\r\n\r\n", "400"),
    ROW("an empty name", "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", "400"),
    ROW("a blank before the colon", "GET / HTTP/1.1\r\n" HOST "Content-Length : 5\r\n\r\n", "400"),
    ROW("a name that is not a word", "GET / HTTP/1.1\r\n" HOST "X(y): a\r\n\r\n", "400"),
    ROW("a field without a colon", "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", "400"),
    ROW("a fragment in the target", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a raw byte over 127 in the target", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a NUL in the target", "GET /\0 HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a tab for a blank", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("two blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a blank at the end", "GET / HTTP/1.1 \r\n" HOST "\r\n", "400"),
    ROW("a blank in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a target that is no path", "GET a HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("an asterisk for GET", "GET * HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("another scheme", "GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("an address without a host", "GET http:///x HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("an address with a bad port", "GET http://a:x/ HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("an address with a user", "GET http://u@a/x HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("HTTP/0.9", "GET /\r\n", "400"),
    ROW("no version number", "GET / HTTP/x.1\r\n", "400"),
    ROW("a version in small letters", "GET / http/1.1\r\n", "400"),
    ROW("a version of two digits", "GET / HTTP/1.10\r\n", "400"),
    ROW("HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    ROW("HTTP/1.2", "GET / HTTP/1.2\r\n", "505"),
    ROW("CONNECT", "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n", "501"),
    ROW("an unknown method", "BREW / HTTP/1.1\r\n" HOST "\r\n", "501"),
    ROW("a method in small letters", "get / HTTP/1.1\r\n" HOST "\r\n", "501"),
    ROW("a method that is not a word", "G(T / HTTP/1.1\r\n" HOST "\r\n", "400"),
    ROW("a TLS greeting", "\x16\x03\x01\x02", "400"),
    ROW("another expectation", POST "Content-Length: 1\r\nExpect: x\r\n\r\n1", "417"),
    ROW("a target over the limit", "GET /" X500 X50 " HTTP/1.1\r\n", "414"),
    ROW("a target without end", "GET /" X500 X50, "414"),
    ROW("a head over the limit", "GET / HTTP/1.1\r\n" HOST "X: " X500 "\r\n\r\n", "431"),
    ROW("a field without end", "GET / HTTP/1.1\r\n" HOST "X: " X500, "431"),
    ROW("65 fields", "GET / HTTP/1.1\r\n" HOST F64 "\r\n", "431"),
    ROW("a method without end", "\r\n\r\n" X500 X50, "400"),
    ROW("a method of 33 letters", X10 X10 X10 "xxx / HTTP/1.1\r\n" HOST "\r\n", "501"),
};

/* One sentence about what came out, for comparing. */
static void outcome_of(struct buf *out, const struct http_parser *parser,
                       enum http_parse_result result, const char *data, size_t n)
{
    struct http_header headers[HTTP_MAX_HEADERS];
    struct http_request request;

    buf_clear(out);
    if (result == HTTP_PARSE_BAD) {
        buf_addf(out, "%d", parser->status);
    } else if (result == HTTP_PARSE_MORE) {
        buf_add_text(out, "more");
    } else {
        http_parser_request(parser, data, headers, &request);
        buf_add_span(out, request.method);
        buf_add_char(out, ' ');
        buf_add_span(out, request.path);
        buf_add_text(out, " ?");
        buf_add_span(out, request.query);
        buf_addf(out, " 1.%d %s%s %zu [", request.minor_version,
                 parser->keep_alive ? "keep" : "close", parser->expect_continue ? " 100" : "",
                 request.n_headers);
        buf_add_span(out, request.body);
        buf_addf(out, "] +%zu", n - http_parser_used(parser));
    }
}

/* Feeds pieces until the parser has an opinion. What it has not been shown counts as rest. */
static void feed(struct buf *out, const struct row *row, size_t first, size_t piece)
{
    enum http_parse_result result = HTTP_PARSE_MORE;
    struct http_parser parser;
    struct buf data;
    size_t at = 0;

    buf_init(&data, 4096);
    buf_add(&data, "", 0);
    http_parser_init(&parser, MAX_HEAD_BYTES);
    while (result == HTTP_PARSE_MORE && at < row->n) {
        size_t wanted = at == 0 ? first : piece, n = row->n - at < wanted ? row->n - at : wanted;

        buf_add(&data, row->bytes + at, n);
        at += n;
        while ((result = http_parse(&parser, data.at, &data.n)) == HTTP_PARSE_HEAD)
            parser.max_body_bytes = MAX_BODY_BYTES;
    }
    outcome_of(out, &parser, result, data.at, data.n + row->n - at);
    buf_deinit(&data);
}

static void check_row(const struct row *row, size_t first, size_t piece)
{
    struct buf out;

    buf_init(&out, 4096);
    feed(&out, row, first, piece);
    ck_assert_msg(strcmp(out.at, row->outcome) == 0, "%s (pieces of %zu, then %zu): %s, not %s",
                  row->name, first, piece, out.at, row->outcome);
    buf_deinit(&out);
}

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_row(&rows[i], 1, 1);
        check_row(&rows[i], 7, 7);
        check_row(&rows[i], SIZE_MAX, 1);
        for (size_t cut = 1; cut < rows[i].n; cut++)
            check_row(&rows[i], cut, SIZE_MAX);
    }
}

START_TEST(plain_requests_are_understood)
{
    check_rows(plain_rows, ARRAY_SIZE(plain_rows));
}
END_TEST

START_TEST(chunked_bodies_are_decoded_or_refused)
{
    check_rows(chunked_rows, ARRAY_SIZE(chunked_rows));
}
END_TEST

START_TEST(what_could_be_read_in_two_ways_is_refused)
{
    check_rows(refused_rows, ARRAY_SIZE(refused_rows));
}
END_TEST

START_TEST(fields_keep_their_order_and_their_case)
{
    char data[] = "GET / HTTP/1.1\r\nHost: h\r\nB: 1\r\na:  2 \r\nB: 3\r\n\r\n";
    struct http_header headers[HTTP_MAX_HEADERS];
    struct http_request request;
    struct http_parser parser;
    size_t n = sizeof(data) - 1;

    http_parser_init(&parser, MAX_HEAD_BYTES);
    ck_assert_int_eq(http_parse(&parser, data, &n), HTTP_PARSE_HEAD);
    http_parser_request(&parser, data, headers, &request);
    ck_assert_uint_eq(request.n_headers, 4);
    ck_assert(span_equal(headers[1].name, SPAN("B")) && span_equal(headers[1].value, SPAN("1")));
    ck_assert(span_equal(headers[2].name, SPAN("a")) && span_equal(headers[2].value, SPAN("2")));
    ck_assert(span_equal(headers[3].name, SPAN("B")) && span_equal(headers[3].value, SPAN("3")));
}
END_TEST

START_TEST(framing_of_tiny_chunks_costs_no_memory)
{
    struct http_parser parser;
    struct buf data;

    buf_init(&data, 1000);
    buf_add_text(&data, CHUNKED);
    http_parser_init(&parser, MAX_HEAD_BYTES);
    ck_assert_int_eq(http_parse(&parser, data.at, &data.n), HTTP_PARSE_HEAD);
    parser.max_body_bytes = MAX_BODY_BYTES;
    size_t head_n = data.n;
    for (size_t i = 0; i < MAX_BODY_BYTES; i++) {
        buf_add_text(&data, "1;extension=of-some-length\r\nx\r\n");
        ck_assert_int_eq(http_parse(&parser, data.at, &data.n), HTTP_PARSE_MORE);
        ck_assert_uint_eq(data.n, head_n + i + 1);
    }
    buf_deinit(&data);
}
END_TEST

TEST_MAIN("http_parse", plain_requests_are_understood, chunked_bodies_are_decoded_or_refused,
          what_could_be_read_in_two_ways_is_refused, fields_keep_their_order_and_their_case,
          framing_of_tiny_chunks_costs_no_memory)
