/* The head of an answer. Interim answers (1xx) come with a head of their own: each status line
 * starts anew, so what is kept is the last one's. */
#include "fetch_head.h"

#include "fetch.h"
#include "text.h"

void fetch_head_init(struct fetch_head *head)
{
    *head = (struct fetch_head){0};
    buf_init(&head->lines, FETCH_HEAD_BYTES);
}

void fetch_head_deinit(struct fetch_head *head)
{
    buf_deinit(&head->lines);
}

static void take_status(struct fetch_head *head, struct span line)
{
    const char *space = memchr(line.at, ' ', line.n);
    uint64_t status = 0;

    buf_clear(&head->lines);
    head->status = 0;
    if (!space || line.n - (size_t)(space - line.at) < 4)
        return;
    if (text_to_u64((struct span){space + 1, 3}, 999, &status) == 0)
        head->status = (int)status;
}

bool fetch_head_line(struct fetch_head *head, struct span line)
{
    while (line.n > 0 && (line.at[line.n - 1] == '\n' || line.at[line.n - 1] == '\r'))
        line.n--;
    if (head->done)
        return true;
    if (text_starts(line, "HTTP/")) {
        take_status(head, line);
    } else if (line.n > 0) {
        buf_add_span(&head->lines, line);
        buf_add_char(&head->lines, '\0');
    } else {
        head->done = head->status >= 200;
    }
    return buf_ok(&head->lines);
}

struct span fetch_head_field(const struct fetch_head *head, const char *name)
{
    struct span found = {"", 0}, wanted = span_of(name);
    size_t at = 0;

    while (at < head->lines.n) {
        struct span line = span_of(head->lines.at + at);
        const char *colon = memchr(line.at, ':', line.n);

        at += line.n + 1;
        if (!colon || !text_equal_nocase((struct span){line.at, (size_t)(colon - line.at)}, wanted))
            continue;
        size_t n_name = (size_t)(colon - line.at) + 1;
        found = text_trim((struct span){line.at + n_name, line.n - n_name});
    }
    return found;
}
