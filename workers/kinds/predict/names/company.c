/* The canonical key of a company's name.
 *
 * The name is cut shorter step by step: as it is, without legal forms, without Group and Holdings;
 * at each step the table is asked. Group and Holdings count only when the table confirms them,
 * because "Target Group" is not Target: they are a hint, not a rule. A name the table does not know
 * keeps the words of the second step. One made of nothing but generic words keeps its state as
 * well: First Bancorp /PR/ and First Bancorp /NC/ are two. */
#include "company.h"

#include "buf.h"
#include "key.h"
#include "tables.h"
#include "text.h"
#include "unicode.h"

#define GUESS_MIN_BYTES 4

const char *company_id(const struct company *company)
{
    return company->id;
}

const char *company_name(const struct company *company)
{
    return company->name;
}

const char *company_conflict(void)
{
    return names()->conflict;
}

static const struct company *known(const struct names *names, const struct name_words *words,
                                   unsigned refused)
{
    const struct name_entry *entry;
    struct buf key;

    buf_init(&key, 2 * NAME_MAX_BYTES);
    name_join(words, &key);
    entry = name_index_get(&names->index, NAME_ALIAS, buf_span(&key));
    buf_deinit(&key);
    return entry && !(entry->flags & refused) ? &names->companies[entry->value] : NULL;
}

/* A hint counts for a company's first name only. */
static bool is_id(const struct company *company, const struct name_words *words)
{
    struct buf key;

    buf_init(&key, 2 * NAME_MAX_BYTES);
    name_join(words, &key);
    bool same = span_equal(buf_span(&key), span_of(company->id));
    buf_deinit(&key);
    return same;
}

/* Cuts the words as far as the table needs to know them. When it does not, they are left without
 * legal forms. */
static const struct company *look_up(const struct names *names, struct name_words *words)
{
    const struct company *company = known(names, words, 0);

    if (company)
        return company;
    name_cut_forms(names, words);
    company = known(names, words, NAME_EXACT);
    if (company)
        return company;
    struct name_words shorter = *words;
    if (!name_cut_hints(&shorter) || name_is_generic(names, &shorter))
        return NULL;
    company = known(names, &shorter, NAME_EXACT | NAME_PLAIN | NAME_SILENT | NAME_TICKER);
    return company && is_id(company, &shorter) ? company : NULL;
}

static void add_unknown(const struct names *names, const struct name_words *words, struct buf *out)
{
    name_join(words, out);
    if (name_is_generic(names, words) && !text_listed("de|new|the", span_of(words->suffix)))
        buf_add_text(out, words->suffix);
}

/* Too long for a name: only folded. */
static void add_folded(struct span name, struct buf *out)
{
    struct buf bare;

    buf_init(&bare, 16 * name.n + 1);
    unicode_bare(name, &bare);
    for (size_t i = 0; i < bare.n; i++)
        if (bare.at[i] != ' ')
            buf_add_char(out, bare.at[i]);
    buf_deinit(&bare);
}

const struct company *company_key(struct span name, struct buf *out)
{
    const struct names *all = names();
    struct name_words words, without;

    name_read(all, name, NAME_TURN, &words);
    if (words.overflow) {
        add_folded(name, out);
        return NULL;
    }
    const struct company *company = look_up(all, &words);
    if (!company && memchr(name.at, '(', name.n)) {
        name_read(all, name, NAME_DROP, &without);
        company = look_up(all, &without);
    }
    if (company)
        buf_add_text(out, company->id);
    else
        add_unknown(all, &words, out);
    return company;
}

const char *company_guess(struct span name)
{
    const struct names *all = names();
    struct name_words words;
    struct buf key;

    buf_init(&key, 2 * NAME_MAX_BYTES);
    name_read(all, name, NAME_TURN, &words);
    name_cut_forms(all, &words);
    name_join(&words, &key);
    struct text_guess guess = {.word = buf_span(&key)};
    const struct company *best = NULL;
    for (size_t i = 0; key.n >= GUESS_MIN_BYTES && i < all->index.n_slots; i++) {
        const struct name_entry *entry = &all->index.entries[i];
        /* Most names are told apart by their first letter: only the others are measured. */
        if (!entry->key || entry->table != NAME_ALIAS || entry->flags & NAME_TICKER ||
            entry->n < GUESS_MIN_BYTES || entry->key[0] != key.at[0])
            continue;
        const char *before = guess.best;
        text_guess_offer(&guess, entry->key);
        if (guess.best != before)
            best = &all->companies[entry->value];
    }
    buf_deinit(&key);
    return best ? best->name : NULL;
}
