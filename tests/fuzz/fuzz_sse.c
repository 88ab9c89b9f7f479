/* The event stream reader: any bytes, and the same events however the bytes are cut. The first byte
 * is the size of the pieces. */
#include <stdlib.h>

#include "sse.h"

#define EVENT_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int note(struct span event, struct span data, void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%zu,%zu:", event.n, data.n);
    buf_add_span(out, event);
    buf_add_span(out, data);
    return 0;
}

static int read_in_pieces(struct span input, size_t n_piece, struct buf *out)
{
    struct sse_reader reader;
    int r = 0;

    sse_reader_init(&reader, EVENT_BYTES);
    for (size_t at = 0; at < input.n && r == 0; at += n_piece) {
        size_t n = input.n - at < n_piece ? input.n - at : n_piece;
        char *piece = xmemdup(input.at + at, n);

        r = sse_read(&reader, (struct span){piece, n}, note, out);
        free(piece);
    }
    sse_reader_deinit(&reader);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole, pieces;

    if (size < 2)
        return 0;
    struct span input = {(const char *)data + 1, size - 1};
    buf_init(&whole, (size_t)1 << 24);
    buf_init(&pieces, (size_t)1 << 24);
    int r_whole = read_in_pieces(input, input.n, &whole);
    int r_pieces = read_in_pieces(input, (size_t)data[0] + 1, &pieces);
    /* A comment or unknown field larger than the maximum counts only when it is cut. */
    if (r_whole == 0 && r_pieces == 0 && !span_equal(buf_span(&whole), buf_span(&pieces)))
        abort();
    if (r_whole != 0 && r_pieces == 0)
        abort();
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
