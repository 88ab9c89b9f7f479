/* Units of measure as people write them, and what one of each is in SI.
 *
 * Money is measured in US dollars by rough rates of judgement: only ratios to a reference are made
 * of it. */
#include "registry.h"

#include "text.h"

#define YEAR_S 31557600.0 /* 365.25 days */

// clang-format off
const struct unit_row registry_units[] = {
    {"year|years|yr|yrs|y", UNIT_DURATION, "s", YEAR_S},
    {"month|months|mo|mos", UNIT_DURATION, "s", YEAR_S / 12},
    {"week|weeks|wk|wks", UNIT_DURATION, "s", 604800},
    {"day|days", UNIT_DURATION, "s", 86400},
    {"hour|hours|hr|hrs|h", UNIT_DURATION, "s", 3600},
    {"minute|minutes|min|mins", UNIT_DURATION, "s", 60},
    {"usd|dollars|dollar|bucks|$", UNIT_MONEY, "USD", 1},
    {"eur|euros|euro|\xe2\x82\xac", UNIT_MONEY, "USD", 1.1},
    {"gbp|pounds sterling|sterling|quid|\xc2\xa3", UNIT_MONEY, "USD", 1.3},
    {"jpy|yen|\xc2\xa5", UNIT_MONEY, "USD", 0.007},
    {"inr|rupees|rupee|\xe2\x82\xb9", UNIT_MONEY, "USD", 0.012},
    {"chf|francs", UNIT_MONEY, "USD", 1.1},
    {"kg|kgs|kilo|kilos|kilogram|kilograms", UNIT_MASS, "kg", 1},
    {"lb|lbs|pound|pounds", UNIT_MASS, "kg", 0.45359237},
    {"stone", UNIT_MASS, "kg", 6.35029318},
    {"km|kms|kilometer|kilometers|kilometre|kilometres", UNIT_LENGTH, "m", 1000},
    {"mile|miles|mi", UNIT_LENGTH, "m", 1609.344},
    {"g|grams|gram", UNIT_MASS, "kg", 0.001},
    {"meter|meters|metre|metres", UNIT_LENGTH, "m", 1},
    {"%|percent", UNIT_PERCENT, "1", 0.01},
    {"gpa", UNIT_GPA, "1", 1},
};
const size_t registry_n_units = ARRAY_SIZE(registry_units);
// clang-format on

const struct unit_row *registry_unit(struct span word)
{
    for (size_t i = 0; word.n > 0 && i < registry_n_units; i++)
        if (text_listed(registry_units[i].words, word))
            return &registry_units[i];
    return NULL;
}
