/* What a WebSocket's client sends, cut into reads as the first byte says: however it is cut, the
 * same messages are understood, and what we answer are whole unmasked frames. (How soon a fault in
 * an unfinished frame is seen may depend on the cut.) There is no socket here: the engine's writing
 * is replaced by a buffer. */
#include <stdlib.h>

#include "buf.h"
#include "http.h"
#include "ws.h"

#define MAX_OUT_BYTES (1u << 20)
#define MAX_MESSAGE_BYTES 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct buf *answers;

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Instead of the engine's. */
size_t http_stream_write(struct http_exchange *exchange, struct span bytes)
{
    (void)exchange;
    buf_add_span(answers, bytes);
    return 0;
}

static void on_message(enum ws_opcode opcode, struct span message, void *arg)
{
    struct buf *out = arg;

    must(opcode == WS_TEXT || opcode == WS_BINARY);
    must(message.n <= MAX_MESSAGE_BYTES);
    buf_addf(out, "%d ", (int)opcode);
    buf_add_span(out, message);
}

/* Whole frames, nothing between them. */
static void check_answers(struct span rest)
{
    while (rest.n > 0) {
        must(rest.n >= 2);
        unsigned char head = (unsigned char)rest.at[0], length = (unsigned char)rest.at[1];
        must(head == (0x80 | WS_PONG) || head == (0x80 | WS_CLOSE));
        must(length < 126 && rest.n >= 2u + length);
        must(head != (0x80 | WS_CLOSE) || rest.n == 2u + length);
        rest = (struct span){rest.at + 2 + length, rest.n - 2 - length};
    }
}

static void talk(struct buf *out, const uint8_t *data, size_t n, size_t piece)
{
    struct ws *ws = ws_new(NULL, MAX_MESSAGE_BYTES, on_message, out);
    int r = 0;

    for (size_t at = 0; at < n && r == 0; at += piece) {
        size_t length = n - at < piece ? n - at : piece;
        /* A copy of its own, so that a sanitizer sees a read beyond the piece. */
        char *bytes = xmemdup(data + at, length);

        r = ws_take(ws, (struct span){bytes, length});
        free(bytes);
    }
    ws = ws_free(ws);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf said[2], heard[2];

    if (n < 2)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        buf_init(&said[i], MAX_OUT_BYTES);
        buf_init(&heard[i], MAX_OUT_BYTES);
        answers = &said[i];
        talk(&heard[i], data + 1, n - 1, i == 0 ? n : (size_t)(data[0] & 31) + 1);
        check_answers(buf_span(&said[i]));
    }
    must(span_equal(buf_span(&heard[0]), buf_span(&heard[1])));
    for (size_t i = 0; i < 2; i++) {
        buf_deinit(&said[i]);
        buf_deinit(&heard[i]);
    }
    return 0;
}
