/* Text on a screen. Columns are counted as code points: good enough for the prose of a debate, and
 * it never tears a character apart. A line is put together in a buffer of its own and written at
 * once, so that nothing gets between its prefix and its words. */
#include "cli/page.h"

#include "buf.h"
#include "text.h"

#define NAME_COLUMNS 16
#define MIN_COLUMNS 24

static const char *const colours[] = {
    [PAGE_PLAIN] = "",
    [PAGE_BOLD] = "\033[1m",
    [PAGE_DIM] = "\033[2m",
    [PAGE_RED] = "\033[31m",
    [PAGE_GREEN] = "\033[32m",
    [PAGE_FIRST_OF_SIX] = "\033[1;36m",
    "\033[1;33m",
    "\033[1;35m",
    "\033[1;34m",
    "\033[1;32m",
    "\033[1;31m",
};

size_t page_columns(struct span text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.at[i] & 0xc0) != 0x80;
    return n;
}

/* Copies without what could steer a terminal: C0 but tab, DEL, and C1 in its UTF-8 form
 * (c2 80..9f). */
static void add_clean(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c == '\t')
            buf_add_char(out, ' ');
        else if (c == 0xc2 && i + 1 < text.n && (unsigned char)text.at[i + 1] < 0xa0)
            i++;
        else if (c >= 0x20 && c != 0x7f)
            buf_add_char(out, (char)c);
    }
}

static void add_coloured(const struct page *page, struct buf *out, enum page_colour colour,
                         struct span text)
{
    bool paint = page->colour && colour != PAGE_PLAIN;

    if (paint)
        buf_add_text(out, colours[colour]);
    add_clean(out, text);
    if (paint)
        buf_add_text(out, "\033[0m");
}

static void add_name(const struct page *page, struct buf *out, struct margin margin)
{
    struct buf clean;
    struct span name;

    buf_init(&clean, 4096);
    add_clean(&clean, span_of(margin.name));
    name = buf_span(&clean);
    /* Cut at a whole character. */
    while (name.n > 0 &&
           (page_columns(name) > NAME_COLUMNS || ((unsigned char)name.at[name.n] & 0xc0) == 0x80))
        name.n--;
    add_coloured(page, out, margin.colour, name);
    for (size_t i = page_columns(name); i < NAME_COLUMNS; i++)
        buf_add_char(out, ' ');
    add_coloured(page, out, PAGE_DIM, SPAN(" │ "));
    buf_deinit(&clean);
}

static void add_margin(const struct page *page, struct buf *out, struct margin margin)
{
    if (margin.name && *margin.name)
        add_name(page, out, margin);
    for (size_t i = 0; i < margin.indent; i++)
        buf_add_char(out, ' ');
}

static size_t room_for_text(const struct page *page, struct margin margin)
{
    size_t used = margin.indent + (margin.name && *margin.name ? NAME_COLUMNS + 3 : 0);

    return page->width > used + MIN_COLUMNS ? page->width - used : MIN_COLUMNS;
}

void page_row(const struct page *page, struct margin margin, enum page_colour colour,
              struct span text)
{
    struct buf out;

    buf_init(&out, 1U << 20);
    add_margin(page, &out, margin);
    add_coloured(page, &out, colour, text);
    buf_add_char(&out, '\n');
    fwrite(out.at, 1, out.n, page->out);
    buf_deinit(&out);
}

const char *page_duration(int64_t ms, char out[PAGE_DURATION_BYTES])
{
    const double s = (double)ms / 1000;

    if (s < 10)
        (void)snprintf(out, PAGE_DURATION_BYTES, "%.1f s", s);
    else if (s < 120)
        (void)snprintf(out, PAGE_DURATION_BYTES, "%.0f s", s);
    else if (s < 7200)
        (void)snprintf(out, PAGE_DURATION_BYTES, "%.0f min", s / 60);
    else
        (void)snprintf(out, PAGE_DURATION_BYTES, "%.0f h", s / 3600);
    return out;
}

/* Takes one screen line off the text: up to the last space that fits, or a whole word that does
 * not. */
static struct span next_line(struct span *rest, size_t columns)
{
    size_t end = 0, used = 0, last_space = 0;
    struct span line = *rest;

    while (end < rest->n) {
        if (((unsigned char)rest->at[end] & 0xc0) != 0x80 && ++used > columns && last_space > 0)
            break;
        if (rest->at[end] == ' ')
            last_space = end;
        end++;
    }
    line.n = end < rest->n ? last_space : end;
    rest->at += line.n;
    rest->n -= line.n;
    *rest = text_trim(*rest);
    return line;
}

void page_text(const struct page *page, struct margin margin, enum page_colour colour,
               struct span text)
{
    struct span paragraph;

    /* Empty lines would only be a name without words. */
    while (text_next(&text, '\n', &paragraph)) {
        while (paragraph.n > 0)
            page_row(page, margin, colour, next_line(&paragraph, room_for_text(page, margin)));
    }
}

void page_rule(const struct page *page, struct span title)
{
    struct buf line;
    size_t width = page->width < 100 ? page->width : 100;

    buf_init(&line, 4096);
    buf_add_text(&line, "── ");
    buf_add_span(&line, title);
    buf_add_char(&line, ' ');
    for (size_t n = page_columns(buf_span(&line)); n < width; n++)
        buf_add_text(&line, "─");
    fputc('\n', page->out);
    page_row(page, (struct margin){0}, PAGE_BOLD, buf_span(&line));
    buf_deinit(&line);
}
