/* Log lines. A full pipe must never block the loop: what standard error does not take at once is
 * counted and told with the next line that gets through. */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"

#define MAX_LINE_BYTES 4096

static const char *const level_names[] = {"debug", "info", "warn", "error"};
_Static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_COUNT_, "a level has no name");

static struct {
    const char *program;
    enum log_level least;
    unsigned long dropped;
} state = {"parley", LOG_INFO_, 0};

void log_setup(const char *program, enum log_level least)
{
    state.program = program;
    state.least = least;
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    /* A terminal is shared with the shell, which would inherit the flag. */
    if (flags >= 0 && !isatty(STDERR_FILENO))
        (void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

int log_level_parse(struct span name, enum log_level *ret_level)
{
    for (int i = 0; i < LOG_LEVEL_COUNT_; i++) {
        if (span_equal(name, span_of(level_names[i]))) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

/* Control characters would let a client forge lines. */
static void escape_controls(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[MAX_LINE_BYTES], at[CLOCK_TEXT_BYTES];
    int kept_errno = errno;
    va_list args;

    if (level < state.least)
        return;
    clock_text(clock_wall_ms(), at);
    int n = snprintf(line, sizeof(line), "%s %s %s[%d] ", at, level_names[level], state.program,
                     (int)getpid());
    if (state.dropped > 0)
        n += snprintf(line + n, sizeof(line) - (size_t)n, "dropped=%lu ", state.dropped);
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    va_end(args);
    n = m < 0 ? n : n + m;
    if ((size_t)n > sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    escape_controls(line, (size_t)n);
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, (size_t)n) == n)
        state.dropped = 0;
    else
        state.dropped++;
    errno = kept_errno;
}
