/* Words of a normalised text, phrases over them, and quantities: numbers with multiplier and unit.
 *
 * A word is a run of letters, digits and the few signs that belong to them ("self-taught", "$2.5m",
 * "s&p"); everything else separates. The grammar of a quantity: currency? digits multiplier? unit?,
 * where multiplier and unit may be glued to the digits or follow as words. */
#include <math.h>

#include "predict.h"
#include "text.h"

#define NUMBER_MAX_BYTES 32

static const struct {
    const char *words;
    double factor;
} multipliers[] = {
    {"k|thousand",       1e3},
    {"m|mm|mio|million", 1e6},
    {"b|bn|billion",     1e9},
};

static const char *const number_words[] = {"zero", "one",    "two",   "three", "four",
                                           "five", "six",    "seven", "eight", "nine",
                                           "ten",  "eleven", "twelve"};

static bool is_word_byte(char c)
{
    return (unsigned char)c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("'&.%$+-_/", c));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void words_init(struct text_words *words, struct span text)
{
    *words = (struct text_words){.text = text};
    words->at = xcalloc(PREDICT_WORDS_MAX, sizeof(words->at[0]));
    for (size_t i = 0; i < text.n;) {
        size_t from = i;
        while (i < text.n && is_word_byte(text.at[i]))
            i++;
        size_t to = i;
        while (to > from && strchr(".'-/", text.at[to - 1]))
            to--;
        if (to > from && words->n < PREDICT_WORDS_MAX)
            words->at[words->n++] = (struct word){from, to};
        else if (to > from)
            words->cut = true;
        i += i == from;
    }
}

void words_deinit(struct text_words *words)
{
    free(words->at);
    *words = (struct text_words){0};
}

struct span words_at(const struct text_words *words, size_t i)
{
    if (i >= words->n)
        return SPAN("");
    return (struct span){words->text.at + words->at[i].from, words->at[i].to - words->at[i].from};
}

struct span words_between(const struct text_words *words, size_t first, size_t last)
{
    size_t from = words->at[first].from;

    return (struct span){words->text.at + from, words->at[last].to - from};
}

static double multiplier_of(struct span word)
{
    for (size_t i = 0; word.n > 0 && i < ARRAY_SIZE(multipliers); i++)
        if (text_listed(multipliers[i].words, word))
            return multipliers[i].factor;
    return 0;
}

/* A currency sign before the digits. */
static const struct unit_row *take_sign(struct span *word)
{
    static const char *const signs[] = {"$", "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5",
                                        "\xe2\x82\xb9"};

    for (size_t i = 0; i < ARRAY_SIZE(signs); i++) {
        size_t n = strlen(signs[i]);
        if (word->n > n && memcmp(word->at, signs[i], n) == 0) {
            word->at += n;
            word->n -= n;
            return registry_unit(span_of(signs[i]));
        }
    }
    return NULL;
}

/* The digits at the start of the word; what is behind them stays in it. */
static bool take_digits(struct span *word, double *ret_value)
{
    char digits[NUMBER_MAX_BYTES];
    size_t n = 0;

    while (n < word->n && (is_digit(word->at[n]) || (word->at[n] == '.' && n > 0)))
        n++;
    if (n == 0 || n >= sizeof(digits))
        return false;
    memcpy(digits, word->at, n);
    digits[n] = '\0';
    char *end = digits;
    *ret_value = strtod(digits, &end);
    word->at += n;
    word->n -= n;
    return *end == '\0' && isfinite(*ret_value);
}

static bool take_number_word(struct span *word, double *ret_value)
{
    for (size_t i = 0; i < ARRAY_SIZE(number_words); i++) {
        if (span_equal(*word, span_of(number_words[i]))) {
            *ret_value = (double)i;
            word->at += word->n;
            word->n = 0;
            return true;
        }
    }
    return false;
}

size_t number_end(const struct text_words *words, size_t i)
{
    const char *text = words->text.at;

    for (; i + 1 < words->n; i++) {
        const struct word *word = &words->at[i];
        if (word[1].from != word->to + 1 || !strchr(":,", text[word->to]) ||
            !is_digit(text[word->to - 1]) || !is_digit(text[word[1].from]))
            break;
    }
    return i;
}

bool quantity_read(const struct text_words *words, size_t i, struct quantity *ret_quantity)
{
    struct span rest = words_at(words, i);
    struct quantity quantity = {.first = i, .last = i};

    quantity.unit = take_sign(&rest);
    if (!take_digits(&rest, &quantity.value) && !take_number_word(&rest, &quantity.value))
        return false;
    /* "5m", "5m€", "5 million", "2-year" */
    if (rest.n > 0 && (rest.at[0] == '-' || rest.at[0] == '+')) {
        rest.at++;
        rest.n--;
    }
    double factor = multiplier_of(rest);
    if (rest.n > 0 && factor == 0) {
        const struct unit_row *unit = registry_unit(rest);
        factor = rest.n > 1 && multiplier_of((struct span){rest.at, 1}) > 0 && !unit
                     ? multiplier_of((struct span){rest.at, 1})
                     : 1;
        if (!unit)
            unit = registry_unit((struct span){rest.at + 1, rest.n - 1});
        if (!unit)
            return false;
        quantity.unit = unit;
    } else if (factor == 0) {
        factor = multiplier_of(words_at(words, i + 1));
        quantity.last += factor > 0;
        factor = factor > 0 ? factor : 1;
    }
    quantity.value *= factor;
    const struct unit_row *unit = registry_unit(words_at(words, quantity.last + 1));
    if (!quantity.unit && unit) {
        quantity.unit = unit;
        quantity.last++;
    }
    *ret_quantity = quantity;
    return isfinite(quantity.value);
}

/* "wins" is "win", "passes" is "pass": he does what I want to do. */
static bool is_inflected(struct span word, struct span part)
{
    if (part.n < 2 || word.n <= part.n || memcmp(word.at, part.at, part.n) != 0 ||
        part.at[part.n - 1] < 'a' || part.at[part.n - 1] > 'z')
        return false;
    word.at += part.n;
    word.n -= part.n;
    return span_equal(word, SPAN("s")) || span_equal(word, SPAN("es"));
}

/* "raise*" has any ending, "*kg" any beginning, "*" is any word. */
static bool word_fits(struct span word, struct span part)
{
    bool any_ending = part.n > 0 && part.at[part.n - 1] == '*';
    bool any_beginning = part.n > 1 && part.at[0] == '*';

    if (!any_ending && !any_beginning)
        return span_equal(word, part) || is_inflected(word, part);
    part.at += any_beginning;
    part.n -= (size_t)any_beginning + any_ending;
    if (word.n == 0 || word.n < part.n)
        return false;
    return memcmp(any_beginning ? word.at + word.n - part.n : word.at, part.at, part.n) == 0;
}

/* Whether the phrase can begin with the word: nearly all cannot, and a long text asks millions of
 * times. */
static bool may_begin(struct span phrase, struct span word)
{
    return phrase.n > 0 && word.n > 0 && (phrase.at[0] == '*' || phrase.at[0] == word.at[0]);
}

/* How many words the phrase takes at word i; 0: it is not there. */
static size_t phrase_length(const struct text_words *words, struct span phrase, size_t i)
{
    struct span part;
    size_t n = 0;

    while (text_next(&phrase, ' ', &part)) {
        if (!word_fits(words_at(words, i + n), part))
            return 0;
        n++;
    }
    return n;
}

/* Bytes of a phrase that say something. */
static size_t weight_of(struct span phrase)
{
    size_t n = 0;

    for (size_t i = 0; i < phrase.n; i++)
        n += phrase.at[i] != '*';
    return n;
}

size_t words_find(const struct text_words *words, const char *phrases, size_t start,
                  size_t *ret_first, size_t *ret_last)
{
    struct span rest = span_of(phrases), phrase;
    size_t best = 0, first = 0, last = 0;

    while (text_next(&rest, '|', &phrase)) {
        size_t weight = weight_of(phrase);
        for (size_t i = start; weight >= best && i < words->n; i++) {
            size_t n = may_begin(phrase, words_at(words, i)) ? phrase_length(words, phrase, i) : 0;
            if (n > 0 && (weight > best || i < first)) {
                best = weight;
                first = i;
                last = i + n - 1;
            }
        }
    }
    if (best > 0) {
        *ret_first = first;
        *ret_last = last;
    }
    return best;
}
