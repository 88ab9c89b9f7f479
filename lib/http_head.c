/* The head of a request: the request line, the fields, and what they decide about framing.
 *
 * Each function is a stage of http_parse.c. What can be judged line by line is; what needs all
 * fields (Host, length against coding, Expect) is judged at the empty line. Fields are kept as
 * offsets. A new field with a meaning for framing is one row in known_fields[]. */
#include "http_head.h"

#include <arpa/inet.h>

#include "text.h"

// clang-format off
/* Where a byte may stand: RFC 9110 5.6.2 token, 5.5 field value, RFC 3986 target (loosely), host. */
static const unsigned char classes[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  2,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     2, 15,  6,  3, 15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 15,  6,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14,  6, 14,  6,  6,
     6, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14,  6, 14,  7, 15,
     7, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,  6,  7,  6, 15,  0,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
     2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,  2,
};
// clang-format on

/* Longer ones nobody means. */
#define METHOD_MAX_BYTES 32

size_t http_run_of(struct span text, unsigned char where)
{
    size_t n = 0;

    while (n < text.n && classes[(unsigned char)text.at[n]] & where)
        n++;
    return n;
}

static bool all_of(struct span text, unsigned char where)
{
    return http_run_of(text, where) == text.n;
}

enum http_parse_result http_refuse(struct http_parser *parser, int status, const char *detail)
{
    parser->status = status;
    parser->detail = detail;
    return HTTP_PARSE_BAD;
}

/* Told before the line has an end: it would never get one from who ends lines by CR alone. */
static bool has_lone_cr(const char *data, size_t from, size_t to, size_t n)
{
    const char *cr;

    while (from < to && (cr = memchr(data + from, '\r', to - from))) {
        from = (size_t)(cr - data) + 1;
        if (from < n && data[from] != '\n')
            return true;
    }
    return false;
}

enum http_parse_result http_take_line(struct http_parser *parser, const char *data, size_t n,
                                      size_t max_bytes, int over_status, struct span *ret_line)
{
    const char *end = n > parser->scan ? memchr(data + parser->scan, '\n', n - parser->scan) : NULL;
    size_t line_n = (end ? (size_t)(end - data) + 1 : n) - parser->at;
    size_t seen_n = line_n < max_bytes ? line_n : max_bytes;

    if (has_lone_cr(data, parser->scan, parser->at + seen_n, n))
        return http_refuse(parser, 400, "A CR must have an LF behind it");
    if (line_n > max_bytes)
        return http_refuse(parser, over_status, "A line is too long");
    if (!end) {
        parser->scan = n > parser->at && data[n - 1] == '\r' ? n - 1 : n;
        return HTTP_PARSE_MORE;
    }
    if (line_n < 2 || end[-1] != '\r')
        return http_refuse(parser, 400, "A line must end in CRLF");
    *ret_line = (struct span){data + parser->at, line_n - 2};
    parser->at = parser->scan = (size_t)(end - data) + 1;
    return HTTP_PARSE_GO_ON_;
}

/* CONNECT is nobody's here: a 200 to it would promise a tunnel. */
static bool is_method(struct span method, bool any)
{
    static const char *const methods[] = {"GET",   "POST",   "HEAD",    "PUT",
                                          "PATCH", "DELETE", "OPTIONS", "TRACE"};

    if (any)
        return method.n <= METHOD_MAX_BYTES && !span_equal(method, SPAN("CONNECT"));
    for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
        if (span_equal(method, span_of(methods[i])))
            return true;
    return false;
}

/* host [":" port] of RFC 3986: a name, an IPv4 address, or an IPv6 one in brackets. */
static bool is_host(struct span text)
{
    const char *bracket = text.n > 0 && text.at[0] == '[' ? memchr(text.at, ']', text.n) : NULL;
    char address[INET6_ADDRSTRLEN] = "";
    struct in6_addr ignored;
    size_t n = 0;
    uint64_t port;

    if (bracket) {
        n = (size_t)(bracket - text.at) + 1;
        if (n - 2 >= sizeof(address))
            return false;
        memcpy(address, text.at + 1, n - 2);
        if (inet_pton(AF_INET6, address, &ignored) != 1)
            return false;
    } else {
        while (n < text.n && text.at[n] != ':' && text.at[n] != '[' && text.at[n] != ']')
            n++;
    }
    if (n == 0 || !all_of(text, HTTP_IN_HOST))
        return false;
    struct span rest = {text.at + n, text.n - n};
    return rest.n == 0 ||
           (rest.at[0] == ':' && (rest.n == 1 || text_to_u64((struct span){rest.at + 1, rest.n - 1},
                                                             UINT16_MAX, &port) == 0));
}

size_t http_absolute_prefix(struct span target)
{
    static const struct span schemes[] = {
        {"http://",  7},
        {"https://", 8}
    };

    for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
        size_t at = schemes[i].n;

        if (target.n <= at || !text_equal_nocase((struct span){target.at, at}, schemes[i]))
            continue;
        size_t end = at;
        while (end < target.n && target.at[end] != '/' && target.at[end] != '?')
            end++;
        return is_host((struct span){target.at + at, end - at}) ? end : 0;
    }
    return 0;
}

static enum http_parse_result check_target(struct http_parser *parser, struct span method,
                                           struct span target)
{
    if (target.n == 0 || !all_of(target, HTTP_IN_TARGET))
        return http_refuse(parser, 400, "The target has a character that must be percent-encoded");
    if (!is_method(method, parser->any_method))
        return http_refuse(parser, 501, "The method is not known");
    bool asterisk = span_equal(target, SPAN("*")) && span_equal(method, SPAN("OPTIONS"));
    if (target.at[0] != '/' && !asterisk && http_absolute_prefix(target) == 0)
        return http_refuse(parser, 400, "The target is neither a path nor an absolute address");
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result check_version(struct http_parser *parser, struct span version)
{
    if (version.n != 8 || !text_starts(version, "HTTP/") || version.at[6] != '.')
        return http_refuse(parser, 400, "The request line is not: method, target, version");
    char major = version.at[5], minor = version.at[7];
    if (major < '0' || major > '9' || minor < '0' || minor > '9')
        return http_refuse(parser, 400, "The version is not a number");
    if (major != '1' || minor > '1')
        return http_refuse(parser, 505, "Only HTTP/1.1 and HTTP/1.0 are spoken");
    parser->minor_version = minor - '0';
    return HTTP_PARSE_GO_ON_;
}

enum http_parse_result http_on_request_line(struct http_parser *parser, char *data, size_t n)
{
    struct span line = {NULL, 0};

    /* Told at the first byte, or a TLS greeting would be left waiting for its deadline. */
    if (n > parser->at && data[parser->at] != '\r' &&
        !(classes[(unsigned char)data[parser->at]] & HTTP_IN_TOKEN))
        return http_refuse(parser, 400, "This is not an HTTP request");
    struct span start = {data + parser->at, n - parser->at};
    bool is_target =
        start.n > 0 &&
        memchr(start.at, ' ', start.n < METHOD_MAX_BYTES + 1 ? start.n : METHOD_MAX_BYTES + 1);
    enum http_parse_result result = http_take_line(
        parser, data, n, parser->max_head_bytes - parser->at, is_target ? 414 : 400, &line);
    if (result != HTTP_PARSE_GO_ON_ || line.n == 0)
        return result; /* RFC 9112 2.2: empty lines before a request are ignored */

    const char *end = line.at + line.n, *space = memchr(line.at, ' ', line.n);
    const char *second = space ? memchr(space + 1, ' ', (size_t)(end - space - 1)) : NULL;
    if (!second)
        return http_refuse(parser, 400, "The request line is not: method, target, version");
    struct span method = {line.at, (size_t)(space - line.at)};
    struct span target = {space + 1, (size_t)(second - space - 1)};
    if (method.n == 0 || !all_of(method, HTTP_IN_TOKEN))
        return http_refuse(parser, 400, "The method is not a word");
    result = check_version(parser, (struct span){second + 1, (size_t)(end - second - 1)});
    if (result == HTTP_PARSE_GO_ON_)
        result = check_target(parser, method, target);
    parser->method_at = (uint32_t)(method.at - data);
    parser->method_n = (uint32_t)method.n;
    parser->target_at = (uint32_t)(target.at - data);
    parser->target_n = (uint32_t)target.n;
    parser->stage = HTTP_STAGE_FIELDS;
    return result;
}

/* Fields that decide about framing and the connection. */

static enum http_parse_result on_content_length(struct http_parser *parser, struct span value)
{
    if (parser->seen & HTTP_SEEN_LENGTH)
        return http_refuse(parser, 400, "Content-Length stands twice");
    parser->seen |= HTTP_SEEN_LENGTH;
    if (text_to_u64(value, UINT64_MAX, &parser->content_length) < 0)
        return http_refuse(parser, 400, "Content-Length is not a number of bytes");
    return HTTP_PARSE_GO_ON_;
}

/* RFC 9112 6.3: where chunked is not the last coding, nobody can tell where the body ends. */
static enum http_parse_result on_transfer_encoding(struct http_parser *parser, struct span value)
{
    struct span coding = {NULL, 0};
    size_t n = 0, n_chunked = 0;
    bool last = false, empty = value.n == 0;

    if (parser->seen & HTTP_SEEN_CODING)
        return http_refuse(parser, 400, "Transfer-Encoding stands twice");
    parser->seen |= HTTP_SEEN_CODING;
    for (; text_next(&value, ',', &coding); n++) {
        last = text_equal_nocase(coding, SPAN("chunked"));
        n_chunked += last;
        empty = empty || coding.n == 0;
    }
    if (empty || n_chunked > 1 || (n_chunked == 1 && !last))
        return http_refuse(parser, 400, "Transfer-Encoding does not end in one chunked");
    if (n == 1 && last)
        parser->seen |= HTTP_SEEN_CHUNKED;
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_host(struct http_parser *parser, struct span value)
{
    if (parser->seen & HTTP_SEEN_HOST)
        return http_refuse(parser, 400, "Host stands twice");
    parser->seen |= HTTP_SEEN_HOST;
    if (!is_host(value))
        return http_refuse(parser, 400, "Host is not a host name");
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_connection(struct http_parser *parser, struct span value)
{
    struct span word;

    while (text_next(&value, ',', &word)) {
        if (text_equal_nocase(word, SPAN("close")))
            parser->seen |= HTTP_SEEN_CLOSE;
        else if (text_equal_nocase(word, SPAN("keep-alive")))
            parser->seen |= HTTP_SEEN_KEEP_ALIVE;
    }
    return HTTP_PARSE_GO_ON_;
}

static enum http_parse_result on_expect(struct http_parser *parser, struct span value)
{
    parser->seen |=
        text_equal_nocase(value, SPAN("100-continue")) ? HTTP_SEEN_CONTINUE : HTTP_SEEN_EXPECT;
    return HTTP_PARSE_GO_ON_;
}

static const struct {
    struct span name;
    enum http_parse_result (*take)(struct http_parser *parser, struct span value);
} known_fields[] = {
    {{"host", 4},               on_host             },
    {{"content-length", 14},    on_content_length   },
    {{"transfer-encoding", 17}, on_transfer_encoding},
    {{"connection", 10},        on_connection       },
    {{"expect", 6},             on_expect           },
};

enum http_parse_result http_split_field(struct http_parser *parser, struct span line,
                                        struct span *ret_name, struct span *ret_value)
{
    size_t n = http_run_of(line, HTTP_IN_TOKEN);

    if (line.at[0] == ' ' || line.at[0] == '\t')
        return http_refuse(parser, 400, "A field must not be folded over lines");
    if (n == 0 || n == line.n || line.at[n] != ':')
        return http_refuse(parser, 400,
                           "A field's name must be a word and a colon at once behind it");
    struct span value = {line.at + n + 1, line.n - n - 1};
    if (!all_of(value, HTTP_IN_FIELD))
        return http_refuse(parser, 400, "A field has a control character");
    *ret_name = (struct span){line.at, n};
    *ret_value = text_trim(value);
    return HTTP_PARSE_GO_ON_;
}

/* What can be judged only when all fields are known. */
static enum http_parse_result end_head(struct http_parser *parser)
{
    unsigned seen = parser->seen;
    bool modern = parser->minor_version > 0;

    if (modern && !(seen & HTTP_SEEN_HOST))
        return http_refuse(parser, 400, "Host is missing");
    if (seen & HTTP_SEEN_CODING && seen & HTTP_SEEN_LENGTH)
        return http_refuse(parser, 400, "Content-Length and Transfer-Encoding exclude each other");
    if (seen & HTTP_SEEN_CODING && !modern)
        return http_refuse(parser, 400, "HTTP/1.0 has no Transfer-Encoding");
    if (seen & HTTP_SEEN_CODING && !(seen & HTTP_SEEN_CHUNKED))
        return http_refuse(parser, 501, "The only transfer coding is chunked");
    if (modern && seen & HTTP_SEEN_EXPECT)
        return http_refuse(parser, 417, "Only 100-continue can be expected");
    parser->has_body =
        seen & HTTP_SEEN_CHUNKED || (seen & HTTP_SEEN_LENGTH && parser->content_length > 0);
    parser->expect_continue = modern && seen & HTTP_SEEN_CONTINUE && parser->has_body;
    parser->keep_alive = !(seen & HTTP_SEEN_CLOSE) && (modern || seen & HTTP_SEEN_KEEP_ALIVE);
    parser->body_at = parser->at;
    parser->stage = HTTP_STAGE_BODY;
    return HTTP_PARSE_HEAD;
}

enum http_parse_result http_on_field(struct http_parser *parser, char *data, size_t n)
{
    struct span line = {NULL, 0}, name = {NULL, 0}, value = {NULL, 0};
    enum http_parse_result result =
        http_take_line(parser, data, n, parser->max_head_bytes - parser->at, 431, &line);

    if (result != HTTP_PARSE_GO_ON_)
        return result;
    if (line.n == 0)
        return end_head(parser);
    result = http_split_field(parser, line, &name, &value);
    if (result != HTTP_PARSE_GO_ON_)
        return result;
    if (parser->n_fields == HTTP_MAX_HEADERS)
        return http_refuse(parser, 431, "There are too many fields");
    parser->fields[parser->n_fields++] =
        (struct http_field){(uint32_t)(name.at - data), (uint32_t)name.n,
                            (uint32_t)(value.at - data), (uint32_t)value.n};
    for (size_t i = 0; i < ARRAY_SIZE(known_fields); i++)
        if (name.n == known_fields[i].name.n && text_equal_nocase(name, known_fields[i].name))
            return known_fields[i].take(parser, value);
    return HTTP_PARSE_GO_ON_;
}
