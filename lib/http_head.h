#pragma once
/* The inside of the request parser, shared by http_head.c and http_parse.c. Nobody else includes
 * it. */

#include "http_parse.h"

/* In this order; each is a function. */
enum http_stage {
    HTTP_STAGE_REQUEST_LINE,
    HTTP_STAGE_FIELDS,
    HTTP_STAGE_BODY,
    HTTP_STAGE_LENGTH,
    HTTP_STAGE_CHUNK_SIZE,
    HTTP_STAGE_CHUNK_DATA,
    HTTP_STAGE_CHUNK_END,
    HTTP_STAGE_TRAILERS,
    HTTP_STAGE_DONE
};
/* Where a byte may stand. */
enum { HTTP_IN_TOKEN = 1, HTTP_IN_FIELD = 2, HTTP_IN_TARGET = 4, HTTP_IN_HOST = 8 };
/* Fields with a meaning for framing that were there. */
enum {
    HTTP_SEEN_LENGTH = 1,
    HTTP_SEEN_CODING = 2,
    HTTP_SEEN_CHUNKED = 4,
    HTTP_SEEN_HOST = 8,
    HTTP_SEEN_CLOSE = 16,
    HTTP_SEEN_KEEP_ALIVE = 32,
    HTTP_SEEN_CONTINUE = 64,
    HTTP_SEEN_EXPECT = 128
};

/* How many bytes at the start may stand there. */
size_t http_run_of(struct span text, unsigned char where);
/* Sets status and detail, returns HTTP_PARSE_BAD. */
enum http_parse_result http_refuse(struct http_parser *parser, int status, const char *detail);
/* The next line without its CRLF. HTTP_PARSE_GO_ON_: ret_line is set and `at` stands behind it. */
enum http_parse_result http_take_line(struct http_parser *parser, const char *data, size_t n,
                                      size_t max_bytes, int over_status, struct span *ret_line);
/* "name: value" taken apart; for fields and trailers. */
enum http_parse_result http_split_field(struct http_parser *parser, struct span line,
                                        struct span *ret_name, struct span *ret_value);
/* Length of "http://authority" at the start of an absolute-form target; 0 when it is not one. */
size_t http_absolute_prefix(struct span target);

/* The two stages. */
enum http_parse_result http_on_request_line(struct http_parser *parser, char *data, size_t n);
enum http_parse_result http_on_field(struct http_parser *parser, char *data, size_t n);
