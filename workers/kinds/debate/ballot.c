/* Ballots: open, choice, number, probability. How each is read, compared and counted is a row of
 * `kinds`.
 *
 * Counting is plain arithmetic on the answers in the personas' order, so that the same replies give
 * the same bytes. Nothing is owned: answers borrow from verdicts, choices from the request. */
#include "ballot.h"

#include <math.h>
#include <stdlib.h>

#include "buf.h"
#include "json.h"
#include "line.h"
#include "text.h"

#define MAX_POSITION_BYTES 400
#define NEAR 0.1 /* numbers this near (relative), probabilities this near (absolute) agree */
#define LEAST_PROBABILITY 0.01 /* log-odds of 0 and 1 are infinite: nobody is that sure */
#define TRIM_FROM 5            /* from so many votes on the lowest and the highest are left out */

struct ballot_ops {
    const char *name;
    struct answer (*read)(const struct ballot *ballot, const struct json *answer,
                          struct span position);
    bool (*same)(struct answer a, struct answer b);
    bool (*agrees)(struct answer a, struct answer b);
    void (*count)(struct vote *vote, const struct answer *answers, size_t n,
                  const struct vote *earlier);
};

/* ---- reading ---- */

static struct answer read_open(const struct ballot *ballot, const struct json *answer,
                               struct span position)
{
    (void)ballot;
    (void)answer;
    return (struct answer){.given = position.n > 0, .position = position};
}

/* The text without what models put around it: spaces, quotes, a full stop. */
static struct span bare(struct span text)
{
    text = text_trim(text);
    while (text.n > 0 && strchr("\"'`*([ ", text.at[0])) {
        text.at++;
        text.n--;
    }
    while (text.n > 0 && strchr("\"'`*)] .!", text.at[text.n - 1]))
        text.n--;
    return text;
}

static struct answer read_choice(const struct ballot *ballot, const struct json *answer,
                                 struct span position)
{
    struct span text = bare(json_string(answer));

    (void)position;
    for (size_t i = 0; i < ballot->n_choices; i++)
        if (text_equal_nocase(text, bare(ballot->choices[i])))
            return (struct answer){.given = true, .choice = i};
    return (struct answer){0};
}

/* A number, or the first one in a text: "about 1,200 EUR" is 1200, "62 %" is 62. */
static bool find_number(const struct json *answer, double *ret_number, bool *ret_percent)
{
    struct span text = json_string(answer);
    char digits[64];
    size_t n = 0, i = 0;

    *ret_percent = text_contains(text, "%");
    if (json_is(answer, JSON_NUMBER)) {
        *ret_number = json_number(answer);
        return true;
    }
    while (i < text.n && !(text.at[i] >= '0' && text.at[i] <= '9'))
        i++;
    if (i == text.n)
        return false;
    if (i > 0 && text.at[i - 1] == '-')
        digits[n++] = '-';
    for (; i < text.n && n + 1 < sizeof(digits); i++) {
        if ((text.at[i] >= '0' && text.at[i] <= '9') || text.at[i] == '.')
            digits[n++] = text.at[i];
        else if (text.at[i] != ',')
            break;
    }
    digits[n] = '\0';
    *ret_number = strtod(digits, NULL);
    return isfinite(*ret_number);
}

static struct answer read_number(const struct ballot *ballot, const struct json *answer,
                                 struct span position)
{
    double number = 0;
    bool percent;

    (void)ballot;
    (void)position;
    if (!find_number(answer, &number, &percent))
        return (struct answer){0};
    return (struct answer){.given = true, .number = number};
}

static struct answer read_probability(const struct ballot *ballot, const struct json *answer,
                                      struct span position)
{
    double number = 0;
    bool percent;

    (void)ballot;
    (void)position;
    if (!find_number(answer, &number, &percent))
        return (struct answer){0};
    if (percent || number > 1)
        number /= 100;
    return (struct answer){.given = number >= 0 && number <= 1, .number = number};
}

/* ---- comparing ---- */

static bool same_choice(struct answer a, struct answer b)
{
    return a.choice == b.choice;
}

static bool same_number(struct answer a, struct answer b)
{
    return fabs(a.number - b.number) <= 1e-9 * fmax(1, fabs(a.number));
}

static bool same_position(struct answer a, struct answer b)
{
    return line_alike(a.position, b.position);
}

static bool near_number(struct answer a, struct answer b)
{
    return fabs(a.number - b.number) <= NEAR * fmax(fabs(a.number), fabs(b.number));
}

static bool near_probability(struct answer a, struct answer b)
{
    return fabs(a.number - b.number) <= NEAR + 1e-12;
}

/* ---- counting ---- */

static void count_choice(struct vote *vote, const struct answer *answers, size_t n,
                         const struct vote *earlier)
{
    size_t best = 0, n_best = 0;

    for (size_t i = 0; i < n; i++)
        if (answers[i].given)
            vote->counts[answers[i].choice]++;
    for (size_t i = 1; i < DEBATE_MAX_CHOICES; i++)
        if (vote->counts[i] > vote->counts[best])
            best = i;
    for (size_t i = 0; i < DEBATE_MAX_CHOICES; i++)
        n_best += vote->counts[i] == vote->counts[best];
    vote->tie = n_best > 1;
    if (vote->tie && earlier && earlier->winner.given &&
        vote->counts[earlier->winner.choice] == vote->counts[best])
        best = earlier->winner.choice;
    vote->winner = (struct answer){.given = true, .choice = best};
}

static int compare_numbers(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static size_t sorted_numbers(struct vote *vote, const struct answer *answers, size_t n,
                             double numbers[DEBATE_MAX_PERSONAS])
{
    size_t n_numbers = 0;

    for (size_t i = 0; i < n; i++)
        if (answers[i].given)
            numbers[n_numbers++] = answers[i].number;
    qsort(numbers, n_numbers, sizeof(*numbers), compare_numbers);
    vote->low = numbers[0];
    vote->high = numbers[n_numbers - 1];
    return n_numbers;
}

static void count_number(struct vote *vote, const struct answer *answers, size_t n,
                         const struct vote *earlier)
{
    double numbers[DEBATE_MAX_PERSONAS];
    size_t n_numbers = sorted_numbers(vote, answers, n, numbers);
    double upper = numbers[n_numbers / 2], lower = numbers[(n_numbers - 1) / 2];

    (void)earlier;
    vote->winner = (struct answer){.given = true, .number = lower + (upper - lower) / 2};
}

static void count_probability(struct vote *vote, const struct answer *answers, size_t n,
                              const struct vote *earlier)
{
    double numbers[DEBATE_MAX_PERSONAS], sum = 0;
    size_t n_numbers = sorted_numbers(vote, answers, n, numbers);
    size_t trim = n_numbers >= TRIM_FROM;

    (void)earlier;
    for (size_t i = trim; i < n_numbers - trim; i++) {
        double p = fmin(fmax(numbers[i], LEAST_PROBABILITY), 1 - LEAST_PROBABILITY);
        sum += log(p / (1 - p));
    }
    double odds = sum / (double)(n_numbers - 2 * trim);
    /* Four digits: the last bits of log() may differ between C libraries, the verdict must not. */
    vote->winner = (struct answer){.given = true, .number = round(1e4 / (1 + exp(-odds))) / 1e4};
}

/* The position that most agree with, the first of them. */
static void count_open(struct vote *vote, const struct answer *answers, size_t n,
                       const struct vote *earlier)
{
    size_t most = 0;

    (void)earlier;
    for (size_t i = 0; i < n; i++) {
        size_t n_same = 0;
        for (size_t j = 0; answers[i].given && j < n; j++)
            n_same += answers[j].given && same_position(answers[i], answers[j]);
        if (n_same > most) {
            most = n_same;
            vote->winner = answers[i];
        }
    }
}

// clang-format off
static const struct ballot_ops kinds_of_ballot[] = {
    [BALLOT_OPEN]        = {"open",        read_open,        same_position, same_position,    count_open       },
    [BALLOT_CHOICE]      = {"choice",      read_choice,      same_choice,   same_choice,      count_choice     },
    [BALLOT_NUMBER]      = {"number",      read_number,      same_number,   near_number,      count_number     },
    [BALLOT_PROBABILITY] = {"probability", read_probability, same_number,   near_probability, count_probability},
};
// clang-format on
_Static_assert(ARRAY_SIZE(kinds_of_ballot) == BALLOT_KIND_COUNT_, "every kind of ballot has a row");

static const struct ballot_ops *ops_of(const struct ballot *ballot)
{
    return &kinds_of_ballot[ballot->kind];
}

/* ---- public ---- */

void ballot_init(struct ballot *ballot, const struct json *answer)
{
    struct span kind = json_get_string(answer, "kind", "open");
    const struct json *choices = json_get(answer, "choices");

    *ballot = (struct ballot){0};
    for (size_t i = 0; i < ARRAY_SIZE(kinds_of_ballot); i++)
        if (span_equal(kind, span_of(kinds_of_ballot[i].name)))
            ballot->kind = (enum ballot_kind)i;
    for (size_t i = 0; i < json_length(choices) && i < DEBATE_MAX_CHOICES; i++)
        ballot->choices[ballot->n_choices++] = json_string(json_at(choices, i));
}

const char *ballot_kind_name(enum ballot_kind kind)
{
    return kinds_of_ballot[kind].name;
}

struct answer ballot_read(const struct ballot *ballot, const struct json *answer,
                          struct span position)
{
    return ops_of(ballot)->read(ballot, answer, position);
}

bool ballot_same(const struct ballot *ballot, struct answer a, struct answer b)
{
    return a.given == b.given && (!a.given || ops_of(ballot)->same(a, b));
}

bool ballot_agrees(const struct ballot *ballot, struct answer a, struct answer b)
{
    return a.given && b.given && ops_of(ballot)->agrees(a, b);
}

void ballot_write(const struct ballot *ballot, struct answer answer, struct buf *out)
{
    if (!answer.given) {
        buf_add_text(out, "no answer");
        return;
    }
    switch (ballot->kind) {
    case BALLOT_OPEN: line_add(out, answer.position, MAX_POSITION_BYTES); break;
    case BALLOT_CHOICE: buf_add_span(out, ballot->choices[answer.choice]); break;
    case BALLOT_NUMBER:
    case BALLOT_PROBABILITY: buf_addf(out, "%.10g", answer.number); break;
    case BALLOT_KIND_COUNT_: break;
    }
}

struct json *ballot_json(const struct ballot *ballot, struct answer answer)
{
    if (!answer.given || ballot->kind == BALLOT_OPEN)
        return json_new_null();
    if (ballot->kind == BALLOT_CHOICE)
        return json_new_string(ballot->choices[answer.choice]);
    return json_new_number(answer.number);
}

/* Each answer joins the first that it agrees with. */
static double entropy_of(const struct ballot *ballot, const struct answer *answers, size_t n,
                         size_t n_votes)
{
    size_t first[DEBATE_MAX_PERSONAS], members[DEBATE_MAX_PERSONAS] = {0}, n_groups = 0;
    double bits = 0;

    for (size_t i = 0; i < n; i++) {
        size_t group = 0;

        if (!answers[i].given)
            continue;
        while (group < n_groups && !ballot_agrees(ballot, answers[first[group]], answers[i]))
            group++;
        if (group == n_groups)
            first[n_groups++] = i;
        members[group]++;
    }
    for (size_t i = 0; i < n_groups; i++) {
        double share = (double)members[i] / (double)n_votes;

        bits -= share * log2(share);
    }
    return bits;
}

void vote_count(struct vote *vote, const struct ballot *ballot, const struct answer *answers,
                size_t n, const struct vote *earlier)
{
    size_t n_agree = 0;

    *vote = (struct vote){0};
    for (size_t i = 0; i < n; i++)
        vote->n_votes += answers[i].given;
    vote->n_abstained = n - vote->n_votes;
    if (vote->n_votes == 0)
        return;
    ops_of(ballot)->count(vote, answers, n, earlier);
    for (size_t i = 0; i < n; i++)
        n_agree += ballot_agrees(ballot, vote->winner, answers[i]);
    vote->agreement = (double)n_agree / (double)vote->n_votes;
    vote->entropy = entropy_of(ballot, answers, n, vote->n_votes);
}

static void add_choices(struct json *json, const struct vote *vote, const struct ballot *ballot)
{
    struct json *histogram = json_object();

    for (size_t i = 0; i < ballot->n_choices; i++) {
        char *name CLEANUP(charp_freep) = xspandup(ballot->choices[i]);
        json_set_integer(histogram, name, (int64_t)vote->counts[i]);
    }
    json_set(json, "histogram", histogram);
    json_set_bool(json, "tie", vote->tie);
}

struct json *vote_json(const struct vote *vote, const struct ballot *ballot)
{
    struct json *json = json_object();

    json_set_text(json, "kind", ballot_kind_name(ballot->kind));
    json_set_integer(json, "votes", (int64_t)vote->n_votes);
    json_set_integer(json, "abstained", (int64_t)vote->n_abstained);
    json_set(json, "answer", ballot_json(ballot, vote->winner));
    if (ballot->kind == BALLOT_CHOICE)
        add_choices(json, vote, ballot);
    if (ballot->kind == BALLOT_OPEN && vote->winner.given)
        json_set_string(json, "position", vote->winner.position);
    if ((ballot->kind == BALLOT_NUMBER || ballot->kind == BALLOT_PROBABILITY) &&
        vote->winner.given) {
        json_set_number(json, "low", vote->low);
        json_set_number(json, "high", vote->high);
    }
    json_set_number(json, "agreement", round(vote->agreement * 1e4) / 1e4);
    json_set_number(json, "entropy", round(vote->entropy * 1e4) / 1e4);
    return json;
}
