/* Money as text and as a number. The sums are money.lua's: a C program only names amounts, reads
 * them and shows them. */
#include "money.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "text.h"

#define DECIMALS 6
#define SHOWN_DECIMALS 2

int money_parse(struct span text, int64_t *ret_micro)
{
    const char *point = text.n > 0 ? memchr(text.at, '.', text.n) : NULL;
    struct span whole = {text.at, point ? (size_t)(point - text.at) : text.n};
    struct span rest = {point ? point + 1 : "", point ? text.n - whole.n - 1 : 0};
    uint64_t dollars, decimals = 0;
    int r = text_to_u64(whole, MONEY_MAX / MONEY_USD, &dollars);

    if (r == 0 && point)
        r = rest.n > DECIMALS ? -EINVAL : text_to_u64(rest, MONEY_USD, &decimals);
    if (r < 0)
        return r;
    for (size_t i = rest.n; i < DECIMALS; i++)
        decimals *= 10;
    if (dollars * MONEY_USD + decimals > MONEY_MAX)
        return -ERANGE;
    *ret_micro = (int64_t)(dollars * MONEY_USD + decimals);
    return 0;
}

void money_text(int64_t micro, char out[MONEY_TEXT_BYTES])
{
    uint64_t amount = micro < 0 ? 0 - (uint64_t)micro : (uint64_t)micro;
    int n = snprintf(out, MONEY_TEXT_BYTES, "%s%llu.%06llu", micro < 0 ? "-" : "",
                     (unsigned long long)(amount / MONEY_USD),
                     (unsigned long long)(amount % MONEY_USD));

    for (int i = 0; i < DECIMALS - SHOWN_DECIMALS && out[n - 1] == '0'; i++)
        out[--n] = '\0';
}

int64_t money_of_usd(double usd)
{
    /* The slack takes off what binary fractions add: 0.07 dollars are 70,000 and not 70,001. */
    double micro = ceil(usd * MONEY_USD - 1e-6);

    if (!(micro > 0))
        return 0;
    return micro > (double)MONEY_MAX ? MONEY_MAX : (int64_t)micro;
}
