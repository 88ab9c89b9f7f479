#pragma once
/* Log lines: one event a line, `event=… key=value …`, to standard error, as they are or as JSON.
 *
 * A value with spaces stands in double quotes. The first word of a line is event=…; what is no pair
 * is a remark for people ("msg" in JSON).
 *
 * Levels are a promise about who must act: error = someone must act; warn = went on without; info =
 * a job or process changed state; debug = for one developer. Code in lib/ logs at debug only. Never
 * pass prompts, answers, keys or tokens. errno is kept. */

#include <stdint.h>

#include "base.h"

enum log_level { LOG_DEBUG_, LOG_INFO_, LOG_WARN_, LOG_ERROR_, LOG_LEVEL_COUNT_ };

enum log_format { LOG_TEXT, LOG_JSON, LOG_FORMAT_COUNT_ };

void log_setup(const char *program, enum log_level least, enum log_format format);
/* "debug", "info", "warn", "error"; -EINVAL for anything else. */
int log_level_parse(struct span name, enum log_level *ret_level) MUST_CHECK;
/* "text", "json". */
int log_format_parse(struct span name, enum log_format *ret_format) MUST_CHECK;
void log_write(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same for lines of which a busy turn has many: they leave together, with log_flush() or the
 * next log_write(). */
void log_later(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
uint64_t log_lost(void); /* lines that never left */
void log_flush(void);    /* the loop does it at the end of each turn */

#define log_debug(...) log_write(LOG_DEBUG_, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO_, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN_, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR_, __VA_ARGS__)
