/* Reads the tables of company names out of the embedded data files, line by line.
 *
 * The files are ours, so what is wrong in them is a bug: a row that cannot be read aborts, and the
 * unit tests look for names claimed twice. Ownership: everything belongs to the one struct names.
 */
#include "tables.h"

#include <stdlib.h>

#include "buf.h"
#include "embedded.h"
#include "key.h"
#include "text.h"
#include "unicode.h"

extern const struct embedded name_files[];

static struct span file_of(const char *name)
{
    for (const struct embedded *file = name_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file->text;
    abort();
}

/* Letters and digits of a form or word, folded: "S.p.A." is "spa". */
static struct span squeeze(struct span text, struct buf *out)
{
    struct buf bare;

    buf_clear(out);
    buf_init(&bare, NAME_MAX_BYTES * 2);
    unicode_bare(text, &bare);
    for (size_t i = 0; i < bare.n; i++) {
        char c = bare.at[i];
        if ((unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            buf_add_char(out, c);
        else if (c == '&')
            buf_add_text(out, "and");
    }
    buf_deinit(&bare);
    return buf_span(out);
}

/* The next line that is no comment. */
static bool next_row(struct span *rest, struct span *ret_row)
{
    while (text_next(rest, '\n', ret_row))
        if (ret_row->n > 0 && ret_row->at[0] != '#' && !text_starts(*ret_row, "version:"))
            return true;
    return false;
}

/* A form is read like a name, so that it has the words a name would have. */
static void add_legal_form(struct names *names, struct span form, unsigned flags)
{
    struct name_words words;
    struct buf key;

    buf_init(&key, NAME_MAX_BYTES * 2);
    name_read(names, form, NAME_DROP, &words);
    for (size_t i = 0; i < words.n; i++)
        buf_add_span(&key, words.at[i]);
    if (key.n > 0)
        (void)name_index_put(&names->index, NAME_LEGAL, buf_span(&key), flags, 0);
    buf_deinit(&key);
}

static void read_legal_forms(struct names *names)
{
    struct span rest = file_of("legal_forms"), row, form, country;

    while (next_row(&rest, &row)) {
        (void)text_next(&row, ':', &country);
        while (text_next(&row, ',', &form)) {
            bool leads = form.n > 0 && form.at[0] == '^';
            form.at += leads;
            form.n -= leads;
            add_legal_form(names, form, leads ? NAME_LEADS : 0);
        }
    }
}

static void add_words(struct names *names, enum name_table table, struct span list)
{
    struct span word;

    while (text_next(&list, ' ', &word))
        if (word.n > 0)
            (void)name_index_put(&names->index, table, word, 0, 0);
}

static void add_synonym(struct names *names, struct span row)
{
    struct span word, meaning;

    (void)text_next(&row, '=', &word);
    meaning = text_trim(row);
    names->words = xrealloc(names->words, (names->n_words + 1) * sizeof(names->words[0]));
    names->words[names->n_words] = xspandup(meaning);
    (void)name_index_put(&names->index, NAME_WORD, word, 0, (uint32_t)names->n_words++);
}

static void read_words(struct names *names)
{
    struct span rest = file_of("words"), row;

    while (next_row(&rest, &row)) {
        struct span list = row, title;
        (void)text_next(&list, ':', &title);
        if (text_starts(row, "generic:"))
            add_words(names, NAME_GENERIC, list);
        else if (text_starts(row, "suffix:"))
            add_words(names, NAME_SUFFIX, list);
        else
            add_synonym(names, row);
    }
}

static unsigned take_flags(struct span *name)
{
    unsigned flags = 0;

    for (; name->n > 0 && strchr("=~!", name->at[0]); name->at++, name->n--) {
        flags |= name->at[0] == '=' ? NAME_EXACT : 0;
        flags |= name->at[0] == '~' ? NAME_PLAIN : 0;
        flags |= name->at[0] == '!' ? NAME_SILENT : 0;
    }
    return flags;
}

/* The whole name as one key, nothing cut off but "the". */
static void add_name(struct names *names, struct span name, unsigned flags)
{
    struct name_words words;
    struct buf key;
    uint32_t number = (uint32_t)(names->n_companies - 1);

    buf_init(&key, NAME_MAX_BYTES * 2);
    name_read(names, name, NAME_TURN, &words);
    name_join(&words, &key);
    if (key.n == 0)
        abort();
    const struct name_entry *entry =
        name_index_put(&names->index, NAME_ALIAS, buf_span(&key), flags, number);
    if ((unsigned char)key.at[0] < 0x80)
        names->begins[(unsigned char)key.at[0]] = true;
    if (entry->value != number && !names->conflict)
        names->conflict = xspandup(name);
    if (!names->companies[number].id)
        names->companies[number].id = xspandup(buf_span(&key));
    buf_deinit(&key);
}

static void add_company(struct names *names, struct span row)
{
    struct span name, tickers, others = row, item;

    (void)text_next(&others, '|', &name);
    if (!text_next(&others, '|', &tickers))
        abort();
    names->companies =
        xrealloc(names->companies, (names->n_companies + 1) * sizeof(names->companies[0]));
    names->companies[names->n_companies++] = (struct company){0};
    unsigned flags = take_flags(&name);
    names->companies[names->n_companies - 1].name = xspandup(name);
    add_name(names, name, flags);
    while (text_next(&others, ';', &item)) {
        unsigned own = take_flags(&item);
        if (item.n > 0)
            add_name(names, item, own);
    }
}

static void add_tickers(struct names *names, struct span row, uint32_t number)
{
    struct span name, tickers, item;
    struct buf key;

    buf_init(&key, NAME_MAX_BYTES);
    (void)text_next(&row, '|', &name);
    (void)text_next(&row, '|', &tickers);
    while (text_next(&tickers, ';', &item))
        if (item.n > 0)
            (void)name_index_put(&names->index, NAME_ALIAS, squeeze(item, &key),
                                 NAME_EXACT | NAME_SILENT | NAME_TICKER, number);
    buf_deinit(&key);
}

/* All names before any ticker: "Gap" is a name first. */
static void read_companies(struct names *names)
{
    struct span file = file_of("companies"), rest = file, row;
    uint32_t number = 0;

    while (next_row(&rest, &row))
        add_company(names, row);
    for (rest = file; next_row(&rest, &row); number++)
        add_tickers(names, row, number);
}

const struct names *names(void)
{
    static struct names all;

    if (all.n_companies == 0) {
        read_words(&all);
        read_legal_forms(&all);
        read_companies(&all);
    }
    return &all;
}
