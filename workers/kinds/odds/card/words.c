/* A probability and a day as people say them: in English, by whole-number arithmetic, so that no
 * locale has a say in it.
 *
 * A share is said with a denominator up to ten where that is near enough, else as one in so many,
 * to two digits; the percentage beside it is the figure. Neither ever says 0 or 100: a simulation
 * cannot know that. */
#include "words.h"

#include <math.h>
#include <stdio.h>

#include "text.h"

#define RARE 0.1              /* below it, or as near to 1: one in so many */
#define PER_DENOMINATOR 0.002 /* how much worse a share may be for each number less in it */
#define LEAST_PERCENT 0.00005 /* what four digits can show */
#define NBSP "\xc2\xa0"

const char *words_percent(double probability, char out[WORDS_MAX_BYTES])
{
    double percent = probability * 100, edge = percent < 50 ? percent : 100 - percent;
    int decimals = percent < 50 && edge < 9.95 ? 1 : 0;
    double below = 0.995; /* two digits need one more place */
    int64_t unit = 1;

    if (edge < LEAST_PERCENT) {
        (void)snprintf(out, WORDS_MAX_BYTES,
                       percent < 50 ? "< 0.0001" NBSP "%%" : "> 99.9999" NBSP "%%");
        return out;
    }
    while (edge < below && decimals < 4) {
        decimals++;
        below /= 10;
    }
    for (int i = 0; i < decimals; i++)
        unit *= 10;
    int64_t value = llround(percent * (double)unit);
    if (decimals == 0)
        (void)snprintf(out, WORDS_MAX_BYTES, "%lld" NBSP "%%", (long long)value);
    else
        (void)snprintf(out, WORDS_MAX_BYTES, "%lld.%0*lld" NBSP "%%", (long long)(value / unit),
                       decimals, (long long)(value % unit));
    return out;
}

const char *words_count(int64_t count, char out[WORDS_MAX_BYTES])
{
    char digits[WORDS_MAX_BYTES / 2];
    int n = snprintf(digits, sizeof(digits), "%lld", (long long)count), at = 0;

    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0 && digits[i - 1] != '-')
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

/* To two digits. */
static int64_t rounded(double value)
{
    int64_t unit = 1;

    while (value / (double)unit >= 99.5)
        unit *= 10;
    return llround(value / (double)unit) * unit;
}

static const char *one_in_many(double probability, char out[WORDS_MAX_BYTES])
{
    bool likely = probability > 0.5;
    double rest = likely ? 1 - probability : probability;
    int64_t n = rounded(1 / (rest > 1e-9 ? rest : 1e-9));
    char all[WORDS_MAX_BYTES], part[WORDS_MAX_BYTES];

    (void)snprintf(out, WORDS_MAX_BYTES, "%.20s in %.20s", words_count(likely ? n - 1 : 1, part),
                   words_count(n, all));
    return out;
}

const char *words_odds(double probability, char out[WORDS_MAX_BYTES])
{
    int best_k = 1, best_n = 2;
    double least = 1;

    if (probability < RARE || probability > 1 - RARE)
        return one_in_many(probability, out);
    for (int n = 2; n <= 10; n++) {
        for (int k = 1; k < n; k++) {
            bool easy = n <= 5 || n == 10 || k == 1 || k == n - 1;
            double cost = fabs(probability - (double)k / n) + PER_DENOMINATOR * n;
            if (!easy || cost >= least)
                continue;
            least = cost;
            best_k = k;
            best_n = n;
        }
    }
    (void)snprintf(out, WORDS_MAX_BYTES, "%d in %d", best_k, best_n);
    return out;
}

const char *words_day(struct span day, char out[WORDS_MAX_BYTES])
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t month = 0, number = 0;

    (void)snprintf(out, WORDS_MAX_BYTES, "%.*s", day.n < 20 ? (int)day.n : 20, day.at);
    if (day.n == 10 && text_to_u64((struct span){day.at + 5, 2}, 12, &month) == 0 && month > 0 &&
        text_to_u64((struct span){day.at + 8, 2}, 31, &number) == 0)
        (void)snprintf(out, WORDS_MAX_BYTES, "%d %s %.4s", (int)number, months[month - 1], day.at);
    return out;
}

const char *words_grade(struct span grade)
{
    static const char *const meanings[] = {"strong evidence", "good evidence", "rough evidence",
                                           "too little evidence"};
    size_t i = grade.n == 1 && grade.at[0] >= 'A' && grade.at[0] <= 'D'
                   ? (size_t)(grade.at[0] - 'A')
                   : ARRAY_SIZE(meanings) - 1;

    return meanings[i];
}
