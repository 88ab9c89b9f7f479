/* Log lines. A full pipe must never block the loop: what standard error does not take at once is
 * kept up to HELD_BYTES, and what is more is counted and told with the next line that fits. So a
 * line is never cut by another one. log_json.c makes JSON of a line's pairs. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "log_json.h"

#define MAX_LINE_BYTES 4096
#define HELD_BYTES ((size_t)64 << 10)

static const char *const level_names[] = {"debug", "info", "warn", "error"};
_Static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_COUNT_, "a level has no name");
static const char *const format_names[] = {"text", "json"};
_Static_assert(ARRAY_SIZE(format_names) == LOG_FORMAT_COUNT_, "a format has no name");

static struct {
    const char *program;
    enum log_level least;
    enum log_format format;
    unsigned long dropped; /* since the last line that fit */
    uint64_t lost;
    size_t n_held;
    char held[HELD_BYTES];
} state = {.program = "parley", .least = LOG_INFO_};

void log_setup(const char *program, enum log_level least, enum log_format format)
{
    state.program = program;
    state.least = least;
    state.format = format;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    /* A terminal is shared with the shell, which would inherit the flag. */
    if (flags >= 0 && !isatty(STDERR_FILENO))
        (void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

static int find_name(struct span name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (span_equal(name, span_of(names[i])))
            return (int)i;
    return -EINVAL;
}

int log_level_parse(struct span name, enum log_level *ret_level)
{
    int i = find_name(name, level_names, ARRAY_SIZE(level_names));

    if (i >= 0)
        *ret_level = (enum log_level)i;
    return i < 0 ? i : 0;
}

int log_format_parse(struct span name, enum log_format *ret_format)
{
    int i = find_name(name, format_names, ARRAY_SIZE(format_names));

    if (i >= 0)
        *ret_format = (enum log_format)i;
    return i < 0 ? i : 0;
}

/* Control characters would let a client forge lines. */
static void escape_controls(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

void log_flush(void)
{
    int kept_errno = errno;

    if (state.n_held > 0) {
        ssize_t n = write(STDERR_FILENO, state.held, state.n_held);

        if (n > 0) {
            state.n_held -= (size_t)n;
            memmove(state.held, state.held + n, state.n_held);
        }
    }
    errno = kept_errno;
}

uint64_t log_lost(void)
{
    return state.lost;
}

/* Whole or not at all. */
static void hold(struct span line)
{
    if (state.n_held + line.n > sizeof(state.held))
        log_flush();
    if (state.n_held + line.n > sizeof(state.held)) {
        state.dropped++;
        state.lost++;
        return;
    }
    memcpy(state.held + state.n_held, line.at, line.n);
    state.n_held += line.n;
    state.dropped = 0;
}

static void write_text(const char *level, const char *at, const char *words, struct buf *out)
{
    buf_addf(out, "%s %s %s[%d] ", at, level, state.program, (int)getpid());
    if (state.dropped > 0)
        buf_addf(out, "dropped=%lu ", state.dropped);
    buf_addf(out, "%s\n", words);
}

static void write_json(const char *level, const char *at, const char *words, struct buf *out)
{
    buf_addf(out, "{\"ts\":\"%s\",\"level\":\"%s\",\"program\":\"%s\",\"pid\":%d", at, level,
             state.program, (int)getpid());
    if (state.dropped > 0)
        buf_addf(out, ",\"dropped\":%lu", state.dropped);
    log_json_members(span_of(words), out);
    buf_add_span(out, SPAN("}\n"));
}

PRINTF_LIKE(2, 0)
static void write_line(enum log_level level, const char *format, va_list args)
{
    char words[MAX_LINE_BYTES], at[CLOCK_TEXT_BYTES];
    int kept_errno = errno;
    struct buf line;

    if (level < state.least)
        return;
    clock_text(clock_wall_ms(), at);
    int n = vsnprintf(words, sizeof(words), format, args);
    escape_controls(words, n < 0 ? 0 : strnlen(words, sizeof(words)));
    buf_init(&line, HELD_BYTES);
    (state.format == LOG_JSON ? write_json : write_text)(level_names[level], at, n < 0 ? "" : words,
                                                         &line);
    hold(buf_span(&line));
    buf_deinit(&line);
    errno = kept_errno;
}

void log_write(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(level, format, args);
    va_end(args);
    log_flush();
}

void log_later(enum log_level level, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(level, format, args);
    va_end(args);
}
