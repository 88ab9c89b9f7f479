/* Judges a synthesis by what code can know: a model that sums up a debate likes to add a figure, to
 * cite what is not there, and to forget who lost.
 *
 * Pure functions of the debate and two texts. Numbers are compared as they are written, without
 * thousands' commas and trailing points; counts of heads and shares of votes are always allowed,
 * since the writer may count what it reads. */
#include "check.h"

#include <stdio.h>

#include "buf.h"
#include "debate.h"
#include "text.h"

#define MAX_NUMBER_BYTES 32
#define MAX_CITE_BYTES 8
#define MAX_FORMS_BYTES 2048
#define LEAST_MINORITY 0.25

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The next number of a text as digits with at most points in it; "A1" and "D2" are none. */
static bool next_number(struct span *rest, char number[MAX_NUMBER_BYTES])
{
    size_t i = 0, n = 0;

    while (i < rest->n && !(is_digit(rest->at[i]) && (i == 0 || !is_letter(rest->at[i - 1]))))
        i++;
    if (i == rest->n)
        return false;
    for (; i < rest->n; i++) {
        char c = rest->at[i];
        bool inside = (c == ',' || c == '.') && i + 1 < rest->n && is_digit(rest->at[i + 1]);

        if (!is_digit(c) && !inside)
            break;
        if (c != ',' && n + 1 < MAX_NUMBER_BYTES)
            number[n++] = c;
    }
    number[n] = '\0';
    *rest = (struct span){rest->at + i, rest->n - i};
    return true;
}

static bool has_number(struct span text, const char *wanted)
{
    char number[MAX_NUMBER_BYTES];

    while (next_number(&text, number))
        if (strcmp(number, wanted) == 0)
            return true;
    return false;
}

/* Heads, rounds, and shares of the votes in whole percent. */
static bool is_count(const struct debate *debate, const char *number)
{
    for (size_t i = 0; i <= debate->n; i++) {
        char count[MAX_NUMBER_BYTES];

        (void)snprintf(count, sizeof(count), "%zu", i);
        if (strcmp(count, number) == 0)
            return true;
        (void)snprintf(count, sizeof(count), "%.0f", 100 * (double)i / (double)debate->n);
        if (strcmp(count, number) == 0)
            return true;
    }
    return false;
}

static bool numbers_are_known(const struct debate *debate, struct span prose, struct span told,
                              struct buf *why)
{
    char number[MAX_NUMBER_BYTES];
    bool good = true;

    while (next_number(&prose, number)) {
        if (is_count(debate, number) || has_number(told, number))
            continue;
        good = false;
        if (why)
            buf_addf(why, "The number %s does not occur in what you were given. ", number);
    }
    return good;
}

/* "[D2]" or "[A1]": the text inside the brackets when it is one letter and digits. */
static bool next_cite(struct span *rest, struct span *ret_cite)
{
    for (size_t i = 0; i + 3 < rest->n; i++) {
        size_t n = 2;

        if (rest->at[i] != '[' || rest->at[i + 1] < 'A' || rest->at[i + 1] > 'Z')
            continue;
        while (i + n < rest->n && is_digit(rest->at[i + n]) && n < MAX_CITE_BYTES)
            n++;
        if (n == 2 || i + n == rest->n || rest->at[i + n] != ']')
            continue;
        *ret_cite = (struct span){rest->at + i + 1, n - 1};
        *rest = (struct span){rest->at + i + n, rest->n - i - n};
        return true;
    }
    return false;
}

static bool cites_exist(struct span prose, struct span told, struct buf *why)
{
    struct span cite;
    bool good = true;

    while (next_cite(&prose, &cite)) {
        char line[MAX_CITE_BYTES + 2];

        (void)snprintf(line, sizeof(line), "%.*s:", (int)cite.n, cite.at);
        if (text_contains(told, line))
            continue;
        good = false;
        if (why)
            buf_addf(why, "There is no [%.*s]. ", (int)cite.n, cite.at);
    }
    return good;
}

static bool contains_words(struct span text, struct span wanted)
{
    for (size_t i = 0; wanted.n > 0 && i + wanted.n <= text.n; i++)
        if (text_equal_nocase((struct span){text.at + i, wanted.n}, wanted) &&
            (i == 0 || !is_letter(text.at[i - 1])) &&
            (i + wanted.n == text.n || !is_letter(text.at[i + wanted.n])))
            return true;
    return false;
}

/* A minority is named as one, or by somebody's name or answer. */
static bool minority_is_heard(const struct debate *debate, struct span prose, struct buf *why)
{
    bool blind_stands, heard;
    const struct vote *vote = debate_vote(debate, &blind_stands);
    size_t n_against = 0;

    heard = text_contains(prose, "minority") || text_contains(prose, "issent");
    for (size_t i = 0; i < debate->n; i++) {
        const struct verdict *standing = debate_standing(debate)[i];
        struct buf answer;

        if (!debate_dissents(debate, vote, i))
            continue;
        n_against++;
        buf_init(&answer, MAX_FORMS_BYTES);
        ballot_write(&debate->ballot, standing->answer, &answer);
        heard = heard || contains_words(prose, debate->personas[i].name) ||
                contains_words(prose, buf_span(&answer));
        buf_deinit(&answer);
    }
    if (heard || (double)n_against < LEAST_MINORITY * (double)vote->n_votes || n_against == 0)
        return true;
    if (why)
        buf_addf(why, "%zu of %zu voted otherwise: say what this minority holds. ", n_against,
                 vote->n_votes);
    return false;
}

bool check_synthesis(const struct debate *debate, struct span prose, struct span told,
                     struct buf *why)
{
    bool numbers = numbers_are_known(debate, prose, told, why);
    bool cites = cites_exist(prose, told, why);
    bool minority = minority_is_heard(debate, prose, why);

    return numbers && cites && minority;
}
