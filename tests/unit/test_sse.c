/* Event streams: what counts as an event, whatever the line ends and wherever the pieces end. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "main.h"
#include "sse.h"

static const size_t piece_bytes[] = {1, 2, 3, 7, 4096};

/* Each event as "event|data\n". */
static int note(struct span event, struct span data, void *arg)
{
    struct buf *out = arg;

    buf_add_span(out, event);
    buf_add_char(out, '|');
    buf_add_span(out, data);
    buf_add_char(out, '\n');
    return 0;
}

static int read_in_pieces(struct span input, size_t n_piece, size_t max, sse_event_fn *fn,
                          struct buf *out)
{
    struct sse_reader reader;
    int r = 0;

    sse_reader_init(&reader, max);
    for (size_t at = 0; at < input.n && r == 0; at += n_piece) {
        size_t n = input.n - at < n_piece ? input.n - at : n_piece;
        /* A copy of its own, so that a sanitizer sees a read beyond the piece. */
        char *piece = xmemdup(input.at + at, n);

        r = sse_read(&reader, (struct span){piece, n}, fn, out);
        free(piece);
    }
    sse_reader_deinit(&reader);
    return r;
}

static const struct {
    const char *name, *input, *events;
} rows[] = {
    {"lines end with LF",                        "data: a\n\ndata: b\n\n",                                "|a\n|b\n"    },
    {"lines end with CRLF",                      "data: a\r\n\r\ndata: b\r\n\r\n",                        "|a\n|b\n"    },
    {"lines end with CR",                        "data: a\r\rdata: b\r\r",                                "|a\n|b\n"    },
    {"line ends are mixed",                      "data: a\r\n\ndata: b\n\r\ndata: c\r\n\r",               "|a\n|b\n|c\n"},
    {"the event field names the event",          "event: ping\ndata: {}\n\n",                             "ping|{}\n"   },
    {"the last event field counts",              "event: a\nevent: b\ndata: x\n\n",                       "b|x\n"       },
    {"a name does not outlive its event",        "event: a\ndata: x\n\ndata: y\n\n",                      "a|x\n|y\n"   },
    {"data lines are joined with LF",            "data: a\ndata: b\ndata:\ndata: c\n\n",                  "|a\nb\n\nc\n"},
    {"empty data is an event",                   "data\n\ndata:\n\n",                                     "|\n|\n"      },
    {"an event field alone is none",             "event: a\n\ndata: x\n\n",                               "|x\n"        },
    {"blank lines alone are none",               "\n\n\r\n\r\r\n",                                        ""            },
    {"comments are ignored",                     ": keep-alive\n\n:\ndata: a\n: in between\ndata: b\n\n", "|a\nb\n"     },
    {"id, retry and unknown fields are ignored", "id: 7\nretry: 9\nfoo: x\ndatax: y\ndata: a\n\n",
     "|a\n"                                                                                                             },
    {"one space after the colon is dropped",     "data:  a\ndata:b\n\n",                                  "| a\nb\n"    },
    {"a colon in the value stays",               "data: a: b\n\n",                                        "|a: b\n"     },
    {"a byte order mark is skipped",
     "\xef\xbb\xbf"
     "data: a\n\n",                                                                                       "|a\n"        },
    {"part of a byte order mark is none",
     "\xef\xbb"
     "data: a\n\ndata: b\n\n",                                                                            "|b\n"        },
    {"[DONE] without a space",                   "data:[DONE]\n\n",                                       "|[DONE]\n"   },
    {"an event without its blank line is none",  "data: a\n\ndata: b\n",                                  "|a\n"        },
    {"a line without its end is none",           "data: a\n\ndata: b",                                    "|a\n"        },
    {"characters may be cut anywhere",           "data: Caf\xc3\xa9 3 \xe2\x82\xac \xf0\x9f\x9a\x80\n\n",
     "|Caf\xc3\xa9 3 \xe2\x82\xac \xf0\x9f\x9a\x80\n"                                                                   },
};

START_TEST(events_are_the_same_however_the_stream_is_cut)
{
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        for (size_t k = 0; k < ARRAY_SIZE(piece_bytes); k++) {
            struct buf out;

            buf_init(&out, 10000);
            ck_assert_int_eq(
                read_in_pieces(span_of(rows[i].input), piece_bytes[k], 1000, note, &out), 0);
            ck_assert_msg(span_equal(buf_span(&out), span_of(rows[i].events)),
                          "%s, in pieces of %zu: %s", rows[i].name, piece_bytes[k],
                          out.at ? out.at : "(nothing)");
            buf_deinit(&out);
        }
}
END_TEST

START_TEST(a_zero_byte_in_data_is_kept)
{
    struct buf out;

    buf_init(&out, 100);
    ck_assert_int_eq(read_in_pieces(SPAN("data: a\0b\n\n"), 1, 100, note, &out), 0);
    ck_assert(span_equal(buf_span(&out), SPAN("|a\0b\n")));
    buf_deinit(&out);
}
END_TEST

START_TEST(an_event_waits_for_no_byte_after_its_cr)
{
    struct sse_reader reader;
    struct buf out;

    buf_init(&out, 100);
    sse_reader_init(&reader, 100);
    ck_assert_int_eq(sse_read(&reader, SPAN("data: a\r\n\r"), note, &out), 0);
    ck_assert_str_eq(out.at, "|a\n");
    ck_assert_int_eq(sse_read(&reader, SPAN("\ndata: b\r\n\r\n"), note, &out), 0);
    ck_assert_str_eq(out.at, "|a\n|b\n");
    sse_reader_deinit(&reader);
    buf_deinit(&out);
}
END_TEST

START_TEST(what_outgrows_the_maximum_is_an_error)
{
    static const struct {
        const char *name, *input;
        int result;
    } limits[] = {
        {"just fits",          "data: 4567890123456789\n\ndata: 4567890123456789\n\n",     0     },
        {"a line",             "data: 456789012345678901234567890\n\n",                    -E2BIG},
        {"a line without end", "0123456789012345678901234567890123456789",                 -E2BIG},
        {"a comment",          ": 34567890123456789012345678901234567890\n",               -E2BIG},
        {"data of many lines", "data: 0123456789\ndata: 0123456789\ndata: 0123456789\n\n", -E2BIG},
    };

    for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
        for (size_t n_piece = 1; n_piece < 4; n_piece++) {
            struct buf out;

            buf_init(&out, 1000);
            int r = read_in_pieces(span_of(limits[i].input), n_piece, 24, note, &out);
            ck_assert_msg(r == limits[i].result, "%s: %d", limits[i].name, r);
            buf_deinit(&out);
        }
}
END_TEST

static int stop_at_b(struct span event, struct span data, void *arg)
{
    (void)note(event, data, arg);
    return span_equal(data, SPAN("b")) ? 42 : 0;
}

START_TEST(the_callback_can_stop_the_reading)
{
    struct buf out;

    buf_init(&out, 100);
    ck_assert_int_eq(
        read_in_pieces(SPAN("data: a\n\ndata: b\n\ndata: c\n\n"), 4096, 100, stop_at_b, &out), 42);
    ck_assert_str_eq(out.at, "|a\n|b\n");
    buf_deinit(&out);
}
END_TEST

START_TEST(what_is_written_is_read_back)
{
    struct buf stream, out;

    buf_init(&stream, 1000);
    buf_init(&out, 1000);
    sse_write(&stream, UINT64_MAX, SPAN("step.delta"), SPAN("{\"text\":\"a: b\"}"));
    sse_write(&stream, 1, SPAN("job.done"), SPAN("{}"));
    ck_assert_str_eq(stream.at,
                     "id: 18446744073709551615\nevent: step.delta\ndata: {\"text\":\"a: b\"}\n\n"
                     "id: 1\nevent: job.done\ndata: {}\n\n");
    ck_assert_int_eq(read_in_pieces(buf_span(&stream), 5, 1000, note, &out), 0);
    ck_assert_str_eq(out.at, "step.delta|{\"text\":\"a: b\"}\njob.done|{}\n");
    buf_deinit(&stream);
    buf_deinit(&out);
}
END_TEST

TEST_MAIN("sse", events_are_the_same_however_the_stream_is_cut, a_zero_byte_in_data_is_kept,
          an_event_waits_for_no_byte_after_its_cr, what_outgrows_the_maximum_is_an_error,
          the_callback_can_stop_the_reading, what_is_written_is_read_back)
