/* From a name as somebody wrote it to the words that make its key.
 *
 * name_read(): letters folded and without accents; "&" and "+" are "and"; apostrophes and dots
 * vanish; EDGAR's "/DE/" and parentheses are taken out; abbreviations are written out;
 * "the" goes. What is cut off the end is decided by the caller, step by step, because a table may
 * know a name before something is cut off. Everything lies in the struct, nothing is owned. */
#include "key.h"

#include "buf.h"
#include "tables.h"
#include "text.h"
#include "unicode.h"

#define JOINED_MAX_BYTES 64
#define FORM_WORDS_MAX 6

static bool is_letter(char c)
{
    return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool has_word(const struct names *names, enum name_table table, struct span word)
{
    return name_index_get(&names->index, table, word) != NULL;
}

static void add_word(const struct names *names, struct name_words *words, struct span word)
{
    const struct name_entry *entry = name_index_get(&names->index, NAME_WORD, word);

    if (words->n == NAME_WORDS_MAX) {
        words->overflow = true;
        return;
    }
    words->at[words->n++] = entry ? span_of(names->words[entry->value]) : word;
}

/* ---- reading ---- */

/* EDGAR puts the state of a company or /NEW/ behind its name, with slashes either way. */
static void take_suffix(const struct names *names, struct span *text, struct name_words *words)
{
    struct span rest = *text;

    while (rest.n > 0 && strchr(" /\\.", rest.at[rest.n - 1]))
        rest.n--;
    size_t to = rest.n, from = to;
    while (from > 0 && is_letter(rest.at[from - 1]))
        from--;
    size_t slash = from;
    while (slash > 0 && rest.at[slash - 1] == ' ')
        slash--;
    if (slash == 0 || (rest.at[slash - 1] != '/' && rest.at[slash - 1] != '\\') ||
        to - from >= sizeof(words->suffix) ||
        !has_word(names, NAME_SUFFIX, (struct span){rest.at + from, to - from}))
        return;
    memcpy(words->suffix, rest.at + from, to - from);
    words->suffix[to - from] = '\0';
    text->n = slash - 1;
}

/* A letter for itself: of "A/S" and "S/A" the slash is no space. */
static bool is_single(struct span text, size_t i)
{
    return is_letter(text.at[i]) && (i == 0 || !is_letter(text.at[i - 1])) &&
           (i + 1 == text.n || !is_letter(text.at[i + 1]));
}

static bool is_glue(struct span text, size_t i)
{
    char c = text.at[i];

    if (c == '\'' || c == '.')
        return true;
    return c == '/' && i > 0 && i + 1 < text.n && is_single(text, i - 1) && is_single(text, i + 1);
}

/* Words of one stretch without parentheses. The letters go into words->text, glued. */
static void read_words(const struct names *names, struct span text, struct name_words *words)
{
    for (size_t i = 0; i <= text.n;) {
        size_t from = words->n_text;
        for (; i < text.n && (is_letter(text.at[i]) || is_glue(text, i)); i++) {
            if (is_letter(text.at[i]) && words->n_text < sizeof(words->text))
                words->text[words->n_text++] = text.at[i];
        }
        if (words->n_text == sizeof(words->text))
            words->overflow = true;
        if (words->n_text > from)
            add_word(names, words, (struct span){words->text + from, words->n_text - from});
        if (i < text.n && (text.at[i] == '&' || text.at[i] == '+'))
            add_word(names, words, SPAN("and"));
        i++;
    }
}

/* "(the)", "(Class A)", "(NYSE: KO)", "(formerly Square)" say nothing of the name. */
static bool says_nothing(struct span inside)
{
    static const char openings[] = "the|class|cl|series|publ|formerly|former|fka|nyse|nasdaq";
    struct span rest = inside, first;

    return memchr(inside.at, ':', inside.n) || !text_next(&rest, ' ', &first) ||
           text_listed(openings, first);
}

/* Given names stand in front: at most two words, of letters, and no place. */
static bool is_given_name(struct span inside)
{
    static const char places[] =
        "usa|us|uk|canada|bermuda|cayman|holdings|group|international|china|india|europe|asia|"
        "delaware|ireland|jersey|australia|germany|france|japan|israel|singapore|hong kong";
    size_t n_spaces = 0;

    for (size_t i = 0; i < inside.n; i++) {
        n_spaces += inside.at[i] == ' ';
        if (inside.at[i] >= '0' && inside.at[i] <= '9')
            return false;
    }
    return inside.n > 0 && n_spaces <= 2 && !text_listed(places, inside);
}

static void read_parens(const struct names *names, struct span text, enum name_parens parens,
                        struct name_words *words)
{
    const char *open = memchr(text.at, '(', text.n);
    const char *close = open ? memchr(open, ')', text.n - (size_t)(open - text.at)) : NULL;

    if (!close) {
        read_words(names, text, words);
        return;
    }
    struct span before = {text.at, (size_t)(open - text.at)};
    struct span inside = text_trim((struct span){open + 1, (size_t)(close - open - 1)});
    struct span after = {close + 1, text.n - (size_t)(close + 1 - text.at)};
    bool silent = parens == NAME_DROP || says_nothing(inside);
    if (has_word(names, NAME_SUFFIX, inside) && inside.n < sizeof(words->suffix)) {
        memcpy(words->suffix, inside.at, inside.n);
        words->suffix[inside.n] = '\0';
        silent = true;
    }
    bool turned = !silent && text_trim(before).n > 0 && is_given_name(inside);

    if (turned)
        read_words(names, inside, words);
    read_words(names, before, words);
    if (!silent && !turned)
        read_words(names, inside, words);
    read_words(names, after, words);
}

static void remove_words(struct name_words *words, size_t from, size_t n)
{
    memmove(&words->at[from], &words->at[from + n], (words->n - from - n) * sizeof(words->at[0]));
    words->n -= n;
}

static void cut_the(struct name_words *words)
{
    if (words->n > 1 && span_equal(words->at[0], SPAN("the")))
        remove_words(words, 0, 1);
    if (words->n > 1 && span_equal(words->at[words->n - 1], SPAN("the")))
        words->n--;
}

/* "United States Steel" is U.S. Steel. */
static void shorten_country(struct name_words *words)
{
    for (size_t i = 0; i + 1 < words->n; i++) {
        if (span_equal(words->at[i], SPAN("united")) &&
            span_equal(words->at[i + 1], SPAN("states"))) {
            words->at[i] = SPAN("us");
            remove_words(words, i + 1, 1);
        }
    }
}

/* EDGAR writes "SMITH A O CORP": initials between a surname and the rest go in front. */
static void turn_initials(const struct names *names, struct name_words *words)
{
    size_t n = 0;
    struct span surname = words->n > 0 ? words->at[0] : SPAN("");

    while (1 + n < words->n && words->at[1 + n].n == 1 && words->at[1 + n].at[0] >= 'a' &&
           words->at[1 + n].at[0] <= 'z')
        n++;
    bool ends = 1 + n == words->n || has_word(names, NAME_LEGAL, words->at[1 + n]);
    if (n < 2 || surname.n < 4 || !ends)
        return;
    memmove(&words->at[0], &words->at[1], n * sizeof(words->at[0]));
    words->at[n] = surname;
}

void name_read(const struct names *names, struct span name, enum name_parens parens,
               struct name_words *ret_words)
{
    struct buf bare;

    *ret_words = (struct name_words){.overflow = name.n > NAME_MAX_BYTES};
    buf_init(&bare, 16 * NAME_MAX_BYTES);
    if (!ret_words->overflow)
        unicode_bare(name, &bare);
    struct span text = text_trim(buf_span(&bare));
    take_suffix(names, &text, ret_words);
    read_parens(names, text, parens, ret_words);
    cut_the(ret_words);
    shorten_country(ret_words);
    turn_initials(names, ret_words);
    buf_deinit(&bare);
}

/* ---- cutting ---- */

static bool is_class_letter(struct span word)
{
    return word.n == 1 && word.at[0] >= 'a' && word.at[0] <= 'c';
}

static bool word_is(const struct name_words *words, size_t i, const char *list)
{
    return i < words->n && text_listed(list, words->at[i]);
}

/* Where "Class A Common Stock", "American Depositary Shares, each …" and the like begin. */
static size_t share_begins(const struct name_words *words)
{
    for (size_t i = 1; i < words->n; i++) {
        if (word_is(words, i,
                    "american|ordinary|common|preferred|depositary|capital|subordinate|registry|"
                    "registered") &&
            word_is(words, i + 1, "stock|share|shares|depositary|depository|receipts|units|voting"))
            return i;
        if (word_is(words, i, "class|cl|series") && i + 1 < words->n && words->at[i + 1].n == 1 &&
            (i + 2 == words->n ||
             word_is(words, i + 2,
                     "common|ordinary|shares|share|capital|stock|non|voting|subordinate|limited")))
            return i;
        if (i + 1 == words->n && word_is(words, i, "adr|adrs|ads|gdr"))
            return i;
    }
    return words->n;
}

/* How many words at the end are one legal form: "inc" 1, "s p a" 3; the longest that is known. */
static size_t legal_length(const struct names *names, const struct name_words *words)
{
    char joined[JOINED_MAX_BYTES];
    size_t n = 0, best = 0;

    for (size_t i = 1; i < words->n && i <= FORM_WORDS_MAX; i++) {
        struct span word = words->at[words->n - i];
        if (n + word.n > sizeof(joined))
            break;
        memmove(joined + word.n, joined, n);
        memcpy(joined, word.at, word.n);
        n += word.n;
        if (has_word(names, NAME_LEGAL, (struct span){joined, n}))
            best = i;
    }
    return best;
}

/* Forms written without a space: 株式会社 and the like. */
static void cut_glued_form(const struct names *names, struct name_words *words)
{
    struct span *last = &words->at[words->n - 1], *first = &words->at[0];

    for (size_t n = 6; n + 3 <= last->n && (unsigned char)last->at[0] >= 0x80; n += 3) {
        if (has_word(names, NAME_LEGAL, (struct span){last->at + last->n - n, n})) {
            last->n -= n;
            break;
        }
    }
    for (size_t n = 6; n + 3 <= first->n && (unsigned char)first->at[0] >= 0x80; n += 3) {
        const struct name_entry *form =
            name_index_get(&names->index, NAME_LEGAL, (struct span){first->at, n});
        if (form && form->flags & NAME_LEADS) {
            first->at += n;
            first->n -= n;
            break;
        }
    }
}

static void cut_leading_form(const struct names *names, struct name_words *words)
{
    const struct name_entry *form =
        words->n > 1 ? name_index_get(&names->index, NAME_LEGAL, words->at[0]) : NULL;

    if (form && form->flags & NAME_LEADS)
        remove_words(words, 0, 1);
}

/* "Inc A", "Inc New": a class of share or a mark, only behind a legal form. */
static bool has_mark(const struct names *names, const struct name_words *words)
{
    return words->n > 2 && has_word(names, NAME_LEGAL, words->at[words->n - 2]) &&
           (is_class_letter(words->at[words->n - 1]) ||
            word_is(words, words->n - 1, "new|com|the|unit|units|warrant|warrants|right|rights"));
}

void name_cut_forms(const struct names *names, struct name_words *words)
{
    size_t n;

    if (words->n == 0)
        return;
    words->n = share_begins(words);
    if (has_mark(names, words))
        words->n--;
    while ((n = legal_length(names, words)) > 0) {
        words->n -= n;
        while (words->n > 1 && span_equal(words->at[words->n - 1], SPAN("and")))
            words->n--;
    }
    cut_leading_form(names, words);
    cut_glued_form(names, words);
    cut_the(words);
}

bool name_cut_hints(struct name_words *words)
{
    size_t before = words->n;

    while (words->n > 1 && word_is(words, words->n - 1, "group|holdings"))
        words->n--;
    return words->n < before;
}

bool name_is_generic(const struct names *names, const struct name_words *words)
{
    for (size_t i = 0; i < words->n; i++)
        if (!has_word(names, NAME_GENERIC, words->at[i]))
            return false;
    return true;
}

/* "and" between two initials is part of the name: S&P, AT&T. */
static bool is_silent_and(const struct name_words *words, size_t i)
{
    if (!span_equal(words->at[i], SPAN("and")) || i == 0 || i + 1 == words->n)
        return false;
    return words->at[i - 1].n > 2 || words->at[i + 1].n > 2;
}

void name_join(const struct name_words *words, struct buf *out)
{
    for (size_t i = 0; i < words->n; i++)
        if (!is_silent_and(words, i))
            buf_add_span(out, words->at[i]);
}
