/* Company names in running text: every spelling of a known company becomes one word, its id.
 *
 * A name is looked for in runs of up to six words, the longest first found wins, and a legal form
 * behind it goes with it. A name that is a word of the language too counts after a word like "at";
 * a silent one ("visa") only after "at" itself. Rewritten text is left as it is by a second pass.
 */
#include "company.h"

#include "buf.h"
#include "key.h"
#include "tables.h"
#include "text.h"

#define RUN_MAX 6 /* words of a name in text */

/* In text fewer forms are meant as such: "as" and "se" are words. */
static const char forms[] = "inc|incorporated|corp|corporation|llc|ltd|limited|plc|gmbh|ag|sa|spa|"
                            "nv|bv|kgaa|lp|pbc|co|company";
static const char leads[] = "at|for|from|by|join|joining|with|into|leave|leaving|quit|buy|sue";

struct piece {
    size_t from, to; /* of the text, without punctuation around it */
};

static bool is_edge(char c)
{
    return strchr(" ,;:.!?()\"'", c) != NULL;
}

/* The next run of bytes that are no space, cut free of punctuation. */
static bool next_piece(struct span text, size_t at, struct piece *ret_piece)
{
    struct piece piece;

    while (at < text.n && is_edge(text.at[at]))
        at++;
    if (at == text.n)
        return false;
    piece.from = at;
    while (at < text.n && text.at[at] != ' ')
        at++;
    while (at > piece.from && is_edge(text.at[at - 1]))
        at--;
    piece.to = at;
    *ret_piece = piece;
    return true;
}

/* Between two words of one name stands a space, with a comma or the dot of an initial before it. */
static bool is_apart(struct span text, size_t from, size_t to)
{
    return to - from > 2 || text.at[to - 1] != ' ' ||
           (to - from == 2 && !strchr(".,", text.at[from]));
}

/* The dot of a form that was written short. */
static size_t skip_dot(struct span text, size_t at)
{
    size_t from = at;

    while (from > 0 && !is_edge(text.at[from - 1]))
        from--;
    return at < text.n && text.at[at] == '.' &&
                   text_listed(forms, (struct span){text.at + from, at - from})
               ? at + 1
               : at;
}

/* One form behind a name: ", inc.", "& co."; `at` itself when there is none. */
static size_t skip_one_form(struct span text, size_t at)
{
    struct piece piece, next;

    if (!next_piece(text, at, &piece) || piece.from - at > 2)
        return at;
    struct span word = {text.at + piece.from, piece.to - piece.from};
    if ((span_equal(word, SPAN("&")) || span_equal(word, SPAN("and"))) &&
        next_piece(text, piece.to, &next) && next.from == piece.to + 1) {
        word = (struct span){text.at + next.from, next.to - next.from};
        return text_listed("co|company", word) ? skip_dot(text, next.to) : at;
    }
    return text_listed(forms, word) ? skip_dot(text, piece.to) : at;
}

/* All of them: "& co., inc." */
static size_t skip_form(struct span text, size_t at)
{
    size_t end = skip_dot(text, at), next;

    while ((next = skip_one_form(text, end)) > end)
        end = next;
    return end;
}

static bool may_stand(const struct name_entry *entry, struct span previous, size_t n_pieces)
{
    if (entry->flags & NAME_SILENT)
        return span_equal(previous, SPAN("at"));
    if (entry->flags & NAME_PLAIN)
        return text_listed(leads, previous);
    /* "to open ai …" is a verb. */
    return n_pieces == 1 || !span_equal(previous, SPAN("to"));
}

static const struct name_entry *entry_of(const struct names *names, struct span name)
{
    const struct name_entry *entry;
    struct name_words words;
    struct buf key;

    buf_init(&key, 2 * NAME_MAX_BYTES);
    name_read(names, name, NAME_TURN, &words);
    name_join(&words, &key);
    entry = words.overflow ? NULL : name_index_get(&names->index, NAME_ALIAS, buf_span(&key));
    buf_deinit(&key);
    return entry && !(entry->flags & NAME_TICKER) ? entry : NULL;
}

static bool ends_possessive(struct span name)
{
    return name.n > 3 && name.at[name.n - 1] == 's' && name.at[name.n - 2] == '\'';
}

struct found {
    const struct company *company; /* NULL = none */
    size_t end;                    /* of the name in the text */
};

static void try_run(struct span text, size_t from, size_t to, struct span previous, size_t n_pieces,
                    struct found *found)
{
    const struct names *all = names();
    struct span name = {text.at + from, to - from};
    const struct name_entry *entry = entry_of(all, name);
    size_t end = to;

    if (!entry && ends_possessive(name)) {
        end -= 2;
        entry = entry_of(all, (struct span){name.at, name.n - 2});
    }
    if (entry && (may_stand(entry, previous, n_pieces) || skip_form(text, end) > end))
        *found = (struct found){&all->companies[entry->value], end};
}

/* Whether any name begins so: most words are done with by this. */
static bool may_begin(struct span text, struct piece piece)
{
    const struct names *all = names();
    unsigned char c = (unsigned char)text.at[piece.from];

    return c >= 0x80 || all->begins[c];
}

/* A name does not end with a sign: "schwab /" is not all of it. */
static bool has_letter(struct span text, struct piece piece)
{
    for (size_t i = piece.from; i < piece.to; i++) {
        char c = text.at[i];
        if ((unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            return true;
    }
    return false;
}

static struct span span_of_piece(struct span text, struct piece piece)
{
    return (struct span){text.at + piece.from, piece.to - piece.from};
}

static struct found find_name(struct span text, struct piece first, struct span previous)
{
    struct found found = {0};
    struct piece piece = first;

    if (!may_begin(text, first))
        return found;
    for (size_t n = 1; n <= RUN_MAX; n++) {
        /* "at T. Rowe Price" has no AT T in it. */
        bool after_at = n == 2 && span_equal(span_of_piece(text, first), SPAN("at"));
        if (has_letter(text, piece) && !after_at)
            try_run(text, first.from, piece.to, previous, n, &found);
        size_t at = piece.to;
        if (!next_piece(text, at, &piece) || is_apart(text, at, piece.from))
            break;
    }
    return found;
}

void company_rewrite(struct span text, struct buf *out)
{
    struct span previous = SPAN("");
    size_t written = 0, at = 0;
    struct piece piece;

    while (next_piece(text, at, &piece)) {
        struct found found = find_name(text, piece, previous);
        if (found.company) {
            buf_add_span(out, (struct span){text.at + written, piece.from - written});
            buf_add_text(out, found.company->id);
            written = skip_form(text, found.end);
        }
        at = found.company ? written : piece.to;
        previous = span_of_piece(text, piece);
    }
    buf_add_span(out, (struct span){text.at + written, text.n - written});
}

const struct company *company_named(struct span word, struct span previous)
{
    const struct names *all = names();

    if (ends_possessive(word))
        word.n -= 2;
    const struct name_entry *entry = name_index_get(&all->index, NAME_ALIAS, word);
    if (!entry || !may_stand(entry, previous, 1) ||
        !span_equal(word, span_of(all->companies[entry->value].id)))
        return NULL;
    return &all->companies[entry->value];
}
