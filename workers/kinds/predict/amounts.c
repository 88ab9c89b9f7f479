/* Amounts in running text, word by word.
 *
 * amount := [currency] digits [multiplier] [currency | "%"], glued or as words of their own. Where
 * a row of the tables fits, the words are replaced by one; everything else stays byte for byte. A
 * value that doubles cannot hold exactly is left as it was written. */
#include "amounts.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "buf.h"
#include "text.h"

#define DIGITS_MAX 40
#define EXACT_MAX 1e15
#define EXPONENT_MAX 15
#define PASSES_MAX 16

static const struct {
    const char *words, *sign;
} currencies[] = {
    {"$|usd|us$|dollars|dollar|bucks", "$"           },
    {"\xe2\x82\xac|eur|euro|euros",    "\xe2\x82\xac"},
    {"\xc2\xa3|gbp|quid|sterling",     "\xc2\xa3"    },
    {"\xc2\xa5|jpy|yen",               "\xc2\xa5"    },
    {"\xe2\x82\xb9|inr|rupees|rupee",  "\xe2\x82\xb9"},
    {"chf|francs",                     "chf"         },
};

/* The letters alone mean a multiplier only of money. */
static const struct {
    const char *words;
    double factor;
    bool letter;
} multipliers[] = {
    {"k",                          1e3,  true },
    {"m",                          1e6,  true },
    {"b",                          1e9,  true },
    {"thousand",                   1e3,  false},
    {"million|millions|mio|mm|mn", 1e6,  false},
    {"billion|billions|bn",        1e9,  false},
    {"trillion|trillions|tn",      1e12, false},
};

static const char *const number_words[] = {"zero", "one",    "two",   "three", "four",
                                           "five", "six",    "seven", "eight", "nine",
                                           "ten",  "eleven", "twelve"};
static const char counted[] =
    "year|years|month|months|week|weeks|day|days|hour|hours|minute|minutes|kg|kilos|pounds|miles|"
    "thousand|million|billion|trillion";

struct amount {
    double value;
    bool multiplied, percent;
    const char *sign; /* NULL = no money */
    struct span digits;
    size_t end; /* of the amount in the text */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *currency_of(struct span word)
{
    for (size_t i = 0; i < ARRAY_SIZE(currencies); i++)
        if (text_listed(currencies[i].words, word))
            return currencies[i].sign;
    return NULL;
}

static double multiplier_of(struct span word, bool money)
{
    for (size_t i = 0; i < ARRAY_SIZE(multipliers); i++)
        if ((money || !multipliers[i].letter) && text_listed(multipliers[i].words, word))
            return multipliers[i].factor;
    return 0;
}

/* The word at `at`, without punctuation behind it. */
static struct span word_at(struct span text, size_t at)
{
    size_t to = at;

    while (to < text.n && text.at[to] != ' ')
        to++;
    while (to > at && strchr(".,;:!?)\"'", text.at[to - 1]))
        to--;
    return (struct span){text.at + at, to - at};
}

/* The word behind one that ends at `end`; empty when punctuation stands between. */
static struct span word_behind(struct span text, size_t end)
{
    if (text.n < 2 || end > text.n - 2 || text.at[end] != ' ')
        return SPAN("");
    return word_at(text, end + 1);
}

static void advance(struct amount *amount, struct span word)
{
    amount->end += 1 + word.n;
}

/* ",000" or " 000": three digits and no fourth. */
static bool is_group(struct span text, size_t i)
{
    if (i + 3 >= text.n || (text.at[i] != ',' && text.at[i] != ' '))
        return false;
    return is_digit(text.at[i + 1]) && is_digit(text.at[i + 2]) && is_digit(text.at[i + 3]) &&
           (i + 4 == text.n || !is_digit(text.at[i + 4]));
}

struct digits {
    char text[DIGITS_MAX];
    size_t n;
};

static bool put(struct digits *digits, char c)
{
    if (digits->n + 1 == sizeof(digits->text))
        return false;
    digits->text[digits->n++] = c;
    digits->text[digits->n] = '\0';
    return true;
}

/* 1,234.5 from i on; false when they are too many. *i is behind them. */
static bool read_plain(struct span text, size_t *i, struct digits *digits)
{
    size_t first = *i;

    while (*i < text.n && is_digit(text.at[*i]))
        if (!put(digits, text.at[(*i)++]))
            return false;
    char separator = *i < text.n ? text.at[*i] : '\0';
    bool grouped = *i - first <= 3;
    while (grouped && *i < text.n && text.at[*i] == separator && is_group(text, *i))
        for (++*i; *i < text.n && is_digit(text.at[*i]); ++*i)
            if (!put(digits, text.at[*i]))
                return false;
    if (*i + 1 < text.n && text.at[*i] == '.' && is_digit(text.at[*i + 1])) {
        do {
            if (!put(digits, text.at[(*i)++]))
                return false;
        } while (*i < text.n && is_digit(text.at[*i]));
    }
    return true;
}

/* "e6" or "^6" behind a number; 0 when there is none. */
static int read_exponent(struct span text, size_t *i)
{
    size_t at = *i + 1;
    int exponent = 0;

    if (*i >= text.n || (text.at[*i] != 'e' && text.at[*i] != '^'))
        return 0;
    while (at < text.n && is_digit(text.at[at]) && exponent <= EXPONENT_MAX)
        exponent = 10 * exponent + text.at[at++] - '0';
    if (at == *i + 1 || exponent > EXPONENT_MAX || (at < text.n && is_digit(text.at[at])))
        return 0;
    *i = at;
    return exponent;
}

static double power_of_ten(int exponent)
{
    double value = 1;

    while (exponent-- > 0)
        value *= 10;
    return value;
}

static bool read_number(struct span text, size_t i, struct amount *amount)
{
    struct digits digits = {0};
    size_t from = i;

    if (i >= text.n || !is_digit(text.at[i]) || !read_plain(text, &i, &digits))
        return false;
    amount->value = strtod(digits.text, NULL);
    char mark = i < text.n ? text.at[i] : '\0';
    int exponent = read_exponent(text, &i);
    if (exponent > 0) {
        if (mark == '^' && amount->value != 10)
            return false;
        amount->value =
            mark == '^' ? power_of_ten(exponent) : amount->value * power_of_ten(exponent);
        amount->multiplied = true;
    }
    amount->multiplied = amount->multiplied || digits.n < i - from;
    amount->digits = (struct span){text.at + from, i - from};
    amount->end = i;
    return true;
}

/* What is glued to the digits: "k", "m€", "bn", "%", "usd". false: something else. */
static bool read_tail(struct span text, struct amount *amount)
{
    struct span tail = word_at(text, amount->end);
    double factor;

    if (tail.n == 0)
        return true;
    amount->end += tail.n;
    if (span_equal(tail, SPAN("%"))) {
        amount->percent = true;
        return true;
    }
    for (size_t n = 0; n < tail.n; n++) {
        const char *sign = currency_of((struct span){tail.at + n, tail.n - n});
        factor = n > 0 ? multiplier_of((struct span){tail.at, n}, true) : 1;
        if (sign && factor > 0 && !amount->sign) {
            amount->sign = sign;
            amount->value *= factor;
            amount->multiplied = true;
            return true;
        }
    }
    struct span next = word_behind(text, amount->end);
    bool money = amount->sign || currency_of(next);
    factor = multiplier_of(tail, money);
    if (factor == 0)
        return false;
    amount->value *= factor;
    amount->multiplied = true;
    return true;
}

/* Words behind: "million", "dollars", "percent". */
static void read_words(struct span text, struct amount *amount)
{
    struct span word = word_behind(text, amount->end);
    double factor = amount->percent ? 0 : multiplier_of(word, false);

    if (factor > 0) {
        amount->value *= factor;
        amount->multiplied = true;
        advance(amount, word);
        word = word_behind(text, amount->end);
    }
    if (!amount->sign && !amount->percent && currency_of(word)) {
        amount->sign = currency_of(word);
        advance(amount, word);
    } else if (!amount->sign && !amount->percent && text_listed("%|percent|pct|procent", word)) {
        amount->percent = true;
        advance(amount, word);
    } else if (!amount->sign && span_equal(word, SPAN("per")) &&
               span_equal(word_behind(text, amount->end + 4), SPAN("cent"))) {
        amount->percent = true;
        amount->end += strlen(" per cent");
    }
}

/* "$5", "usd 5": the sign before the digits. Returns where the digits begin. */
static size_t read_sign(struct span text, size_t at, struct amount *amount)
{
    struct span word = word_at(text, at);

    for (size_t n = word.n; n > 0; n--) {
        const char *sign = currency_of((struct span){word.at, n});
        if (!sign)
            continue;
        if (n < word.n && is_digit(text.at[at + n])) {
            amount->sign = sign;
            return at + n;
        }
        if (n == word.n && at + n + 1 < text.n && text.at[at + n] == ' ' &&
            is_digit(text.at[at + n + 1])) {
            amount->sign = sign;
            return at + n + 1;
        }
    }
    return at;
}

static bool read_amount(struct span text, size_t at, struct amount *ret_amount)
{
    struct amount amount = {0};
    size_t digits = read_sign(text, at, &amount);

    if (!read_number(text, digits, &amount) || !read_tail(text, &amount))
        return false;
    read_words(text, &amount);
    if (amount.multiplied && !(amount.value < EXACT_MAX))
        return false;
    *ret_amount = amount;
    return true;
}

static void add_amount(struct span text, size_t at, const struct amount *amount, struct buf *out)
{
    if (!amount->multiplied && !amount->sign && !amount->percent) {
        buf_add_span(out, (struct span){text.at + at, amount->end - at});
        return;
    }
    if (amount->sign)
        buf_add_text(out, amount->sign);
    if (amount->multiplied)
        buf_addf(out, "%.15g", amount->value);
    else
        buf_add_span(out, amount->digits);
    if (amount->percent)
        buf_add_char(out, '%');
}

/* "half a million" */
static size_t read_half(struct span text, size_t at, struct buf *out)
{
    struct span half = word_at(text, at), article = word_behind(text, at + half.n);
    size_t n = half.n + 1 + article.n;

    if (!span_equal(half, SPAN("half")) || !span_equal(article, SPAN("a")))
        return 0;
    struct span word = word_behind(text, at + n);
    double factor = multiplier_of(word, false);
    if (!(factor > 0))
        return 0;
    buf_addf(out, "%.15g", factor / 2);
    return n + 1 + word.n;
}

/* "two years", "a million": how long the word is, 0 when it is no number. */
static size_t read_word(struct span text, size_t at, struct buf *out)
{
    struct span word = word_at(text, at);
    struct span next = word_behind(text, at + word.n);

    if (text_listed("a|an", word) && multiplier_of(next, false) > 0) {
        buf_addf(out, "%.15g", multiplier_of(next, false));
        return word.n + 1 + next.n;
    }
    if (!text_listed(counted, next))
        return read_half(text, at, out);
    for (size_t i = 0; i < ARRAY_SIZE(number_words); i++) {
        if (!span_equal(word, span_of(number_words[i])))
            continue;
        double factor = multiplier_of(next, false);
        buf_addf(out, "%.15g", (double)i * (factor > 0 ? factor : 1));
        return factor > 0 ? word.n + 1 + next.n : word.n;
    }
    return 0;
}

static void rewrite_once(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        bool begins = i == 0 || text.at[i - 1] == ' ' || text.at[i - 1] == '(';
        struct amount amount;
        size_t n;

        if (begins && read_amount(text, i, &amount)) {
            add_amount(text, i, &amount, out);
            i = amount.end;
        } else if (begins && (n = read_word(text, i, out)) > 0) {
            i += n;
        } else {
            buf_add_char(out, text.at[i++]);
        }
    }
}

/* Again until nothing changes, since "five million dollars" is "5000000 dollars" first. */
void amounts_rewrite(struct span text, struct buf *out)
{
    struct buf now, next;
    bool settled = false;

    buf_init(&now, 4 * text.n + DIGITS_MAX);
    buf_init(&next, 4 * text.n + DIGITS_MAX);
    buf_add_span(&now, text);
    for (unsigned i = 0; i < PASSES_MAX && !settled; i++) {
        buf_clear(&next);
        rewrite_once(buf_span(&now), &next);
        settled = span_equal(buf_span(&now), buf_span(&next));
        buf_clear(&now);
        buf_add_span(&now, buf_span(&next));
    }
    buf_add_span(out, buf_span(&now));
    buf_deinit(&now);
    buf_deinit(&next);
}
