/* The registry's rows. No row here has a published source yet, so every one is grade C: a
 * judgement, with a range wide enough to be honest about it. A row that gets a source names it
 * (publisher, table, year) and may then be graded A or B. Rates are for one person who has set out
 * to do it, not for anybody. */
#include "registry.h"

#include "text.h"

#define JUDGEMENT "judgement"
#define YEAR 365.25
#define YEAR_S 31557600.0

// clang-format off
const struct event_row registry_events[] = {
    {"job", "receives a job offer",
     "job at*|jobs at|work at|work for|working at|working for|hired|hire me|job offer|a job|new job|dream job|internship|job interview|position at|role at|employed at|join * as|become a software engineer",
     {0.005, 0.02, 0.08}, YEAR, 1, 6, JUDGEMENT ": one application to one employer; attempts are applications in a year", 'C'},
    {"promotion", "is promoted or gets a raise", "promot*|a raise|pay rise|pay raise|salary increase|raise at work|become manager|senior position",
     {0.06, 0.15, 0.35}, YEAR, 0, 0, JUDGEMENT ": an employee who asks, within a year", 'C'},
    {"admission", "is admitted", "get into|got into|admitted|admission|accepted to|accepted into|accepted at|university|college|grad school|phd program|mba program|law school|medical school|scholarship",
     {0.04, 0.18, 0.55}, YEAR, 1, 4, JUDGEMENT ": one application to one school; attempts are applications", 'C'},
    {"funding", "closes a funding round", "raise money|raise funding|raise capital|seed round|series a|series b|venture capital|vc funding|angel investment|fund my startup|funding for|funding round|raise a round|investors",
     {0.01, 0.06, 0.25}, YEAR, 0, 0, JUDGEMENT ": a founder who is raising, within a year", 'C'},
    {"exit", "sells the company", "sell my company|sell my startup|sell our company|sell the company|acquired by|be acquired|ipo|go public",
     {0.004, 0.02, 0.1}, YEAR, 0, 0, JUDGEMENT ": a young company, within a year", 'C'},
    {"sales", "reaches the sales target", "revenue|arr|mrr|sales target|sales quota|quota|in sales|customers|paying users|sell",
     {0.08, 0.25, 0.6}, YEAR, 0, 0, JUDGEMENT ": a team with a target it set itself, within a year", 'C'},
    {"weight", "reaches the target weight", "lose weight|lose *kg|lose *lb|lose *lbs|lose * kg|lose * kilos|lose * lb|lose * lbs|lose * pounds|lose * stone|gain *kg|gain * kg|gain * pounds|losing weight|weigh|weight loss|drop weight|gain weight|gain muscle",
     {0.1, 0.28, 0.55}, 180, 0, 0, JUDGEMENT ": someone on a plan, within half a year", 'C'},
    {"fitness", "reaches the fitness goal", "marathon|half marathon|triathlon|ironman|run *k|run a *k|run *km|run * km|run * miles|run a mile|run under|go running|bench press|push ups|push-ups|pull ups|deadlift|swim|get fit|get in shape|cycle",
     {0.2, 0.45, 0.75}, 180, 0, 0, JUDGEMENT ": someone who trains for it, within half a year", 'C'},
    {"exam", "passes the exam", "pass my|pass the|pass|bar exam|exam|driving test|driver's license|certification|certified|cfa|cpa|toefl|ielts|gmat|gre|final exam",
     {0.35, 0.62, 0.85}, YEAR, 0, 0, JUDGEMENT ": a candidate who sits it within a year", 'C'},
    {"relationship", "finds or keeps the relationship", "girlfriend|boyfriend|get married|marry|find love|find a partner|soulmate|date with|dating|relationship|engaged|get back together|fall in love",
     {0.1, 0.3, 0.6}, YEAR, 0, 0, JUDGEMENT ": someone who is looking, within a year", 'C'},
    {"moving", "moves", "move to|moving to|relocate*|emigrate|immigrate|green card|work visa|visa|live in|citizenship",
     {0.06, 0.22, 0.55}, YEAR, 0, 0, JUDGEMENT ": someone who plans to, within a year", 'C'},
    {"house", "buys a home", "buy a house|buy a home|buy an apartment|buy a flat|buy my first home|own a house|own a home|mortgage",
     {0.08, 0.22, 0.5}, 2 * YEAR, 0, 0, JUDGEMENT ": a household that saves for it, within two years", 'C'},
    {"business", "starts a business that lives", "start a business|start my own business|start a company|my startup succeed*|startup succeed*|open a restaurant|open a shop|open a cafe|business succeed*|my business|my startup",
     {0.08, 0.25, 0.55}, 2 * YEAR, 0, 0, JUDGEMENT ": begun and still trading after two years", 'C'},
    {"launch", "launches", "launch|ship|release my|release the|publish my app|go live|finish my app|finish the project|finish my project",
     {0.2, 0.45, 0.75}, 180, 0, 0, JUDGEMENT ": a project under way, within half a year", 'C'},
    {"sports", "wins", "win the match|win the game|win the world cup|world cup|olympic*|championship|super bowl|win the league|win the title|win gold|medal|tournament|win the race",
     {0.02, 0.12, 0.45}, YEAR, 0, 0, JUDGEMENT ": a serious contender among several", 'C'},
    {"election", "wins the election", "election|elected|re-elected|run for|win the vote|become president|become mayor|become governor|senate|parliament",
     {0.08, 0.35, 0.7}, YEAR, 0, 0, JUDGEMENT ": a candidate on the ballot", 'C'},
    {"market", "reaches the price", "stock|stocks|share price|bitcoin|btc|ethereum|crypto|s&p 500|nasdaq|market|gold price|oil price|interest rate|inflation",
     {0.1, 0.35, 0.7}, YEAR, 0, 0, JUDGEMENT ": a price target somebody names, within a year", 'C'},
    {"language", "becomes fluent", "fluent|learn spanish|learn french|learn german|learn english|learn chinese|learn japanese|learn mandarin|learn italian|learn to speak|speak spanish|speak french|speak german",
     {0.05, 0.18, 0.45}, YEAR, 0, 0, JUDGEMENT ": a learner, within a year", 'C'},
    {"skill", "learns the skill", "learn to|learn|learn how to|become good at|master the|play the guitar|play the piano|learn to code",
     {0.2, 0.45, 0.7}, YEAR, 0, 0, JUDGEMENT ": a beginner who has begun, within a year", 'C'},
    {"quit_habit", "stays free of the habit", "quit smoking|stop smoking|quit drinking|stop drinking|get sober|stay sober|quit vaping|quit sugar|give up smoking|quit social media",
     {0.04, 0.12, 0.35}, YEAR, 0, 0, JUDGEMENT ": one serious attempt, still free after a year", 'C'},
    {"publishing", "is published", "publish a book|publish my book|book published|bestseller|novel published|publish a novel|paper accepted|publish a paper|write a book|finish my novel|write a novel",
     {0.03, 0.12, 0.4}, 2 * YEAR, 0, 0, JUDGEMENT ": a writer at work, within two years", 'C'},
    {"audience", "reaches the audience", "followers|subscribers|go viral|youtube channel|my podcast|tiktok|twitch",
     {0.03, 0.12, 0.4}, YEAR, 0, 0, JUDGEMENT ": a channel that publishes, within a year", 'C'},
    {"saving", "reaches the sum", "save|savings|pay off my|pay off|out of debt|debt free|debt-free|become a millionaire|retire early|retire",
     {0.1, 0.3, 0.6}, YEAR, 0, 0, JUDGEMENT ": a household with a plan, within a year", 'C'},
};
const size_t registry_n_events = ARRAY_SIZE(registry_events);

const struct event_row registry_generic =
    {"other", "does what is hoped for", "", {0.03, 0.3, 0.85}, YEAR, 0, 0, "none: no reference class fits", 'D'};

/*   id           event        unit           label                 reference  elasticity     missing p10, p90 */
const struct factor_row registry_factors[] = {
    {"experience", "job",       UNIT_DURATION, "experience",         5 * YEAR_S, 0.50, 0.20,  0.1, 2.5},
    {"experience", "promotion", UNIT_DURATION, "experience",         3 * YEAR_S, 0.25, 0.15,  0.3, 2.5},
    {"gpa",        "admission", UNIT_GPA,      "grade point average", 3.5,       6.00, 2.00,  0.85, 1.12},
    {"amount",     "funding",   UNIT_MONEY,    "sum to raise",       1e6,       -0.35, 0.15,  0.1, 5},
    {"amount",     "sales",     UNIT_MONEY,    "target",             1e5,       -0.40, 0.15,  0.1, 10},
    {"count",      "sales",     UNIT_COUNT,    "number to sell",     100,       -0.40, 0.15,  0.2, 5},
    {"mass",       "weight",    UNIT_MASS,     "weight to change",   6,         -0.80, 0.25,  0.5, 2},
    {"distance",   "fitness",   UNIT_LENGTH,   "distance",           10000,     -0.45, 0.20,  0.4, 3},
    {"amount",     "house",     UNIT_MONEY,    "price",              3e5,       -0.40, 0.20,  0.5, 2.5},
    {"count",      "audience",  UNIT_COUNT,    "audience",           10000,     -0.60, 0.20,  0.1, 10},
    {"amount",     "saving",    UNIT_MONEY,    "sum to save",        10000,     -0.45, 0.20,  0.2, 5},
    {"amount",     "exit",      UNIT_MONEY,    "price",              1e7,       -0.40, 0.20,  0.1, 10},
};
const size_t registry_n_factors = ARRAY_SIZE(registry_factors);

const struct adjustment_row registry_adjustments[] = {
    {"referral", "job", "referral|referred|referred by|know someone|friend works|my friend works", "a referral", {0.3, 0.9, 1.6}},
    {"interview", "job", "interview scheduled|have an interview|got an interview|final round|final interview|onsite interview", "an interview is set", {0.7, 1.5, 2.4}},
    {"no_experience", "job", "no experience|without experience|zero experience|never worked", "no experience", {-1.8, -1.0, -0.3}},
    {"doctorate", "job|admission", "phd|doctorate|ph.d", "a doctorate", {0.1, 0.6, 1.2}},
    {"master", "job|admission|promotion", "master's|masters degree|master degree|msc|m.sc|mba", "a master's degree", {0.0, 0.3, 0.7}},
    {"bachelor", "job|admission|promotion", "cs grad|graduate|grad|bachelor|bachelor's|bachelors|bsc|b.sc|college degree|university degree|degree in", "a bachelor's degree", {-0.1, 0.15, 0.5}},
    {"self_taught", "job", "self-taught|self taught|bootcamp|no degree|dropout|dropped out|without a degree", "no degree", {-1.2, -0.5, 0.1}},
    {"top_grades", "admission|exam|job", "top of my class|straight a*|valedictorian|honors|honours|first class", "top grades", {0.3, 0.8, 1.4}},
    {"extracurricular", "admission", "extracurricular*|olympiad|research experience|published research", "achievements beside the grades", {0.1, 0.5, 1.0}},
    {"good_review", "promotion", "exceeds expectations|great review|good review|strong review|top performer", "good reviews", {0.3, 0.8, 1.4}},
    {"traction", "funding|exit|business", "paying customers|growing|revenue growth|profitable|traction|product market fit|product-market fit", "traction", {0.2, 0.8, 1.5}},
    {"second_time", "funding|exit|business", "second-time founder|second time founder|sold my last|previous exit|serial founder|yc|y combinator", "a founder who did it before", {0.3, 0.9, 1.6}},
    {"idea_stage", "funding|exit|launch", "just an idea|idea stage|no product|pre-revenue|no revenue|no prototype", "only an idea so far", {-1.8, -1.0, -0.3}},
    {"coach", "weight|fitness|language|skill|exam", "coach|personal trainer|dietitian|nutritionist|tutor|teacher|support group", "help of a professional", {0.1, 0.5, 1.0}},
    {"daily", "weight|fitness|language|skill|exam|saving|quit_habit", "every day|daily|each day|twice a day|every morning", "daily practice", {0.1, 0.5, 1.0}},
    {"failed_before", "weight|fitness|exam|quit_habit|funding|language", "failed before|failed last|failed twice|failed three times|tried before|third attempt|second attempt|relapsed", "it did not work before", {-0.9, -0.4, 0.0}},
    {"injury", "fitness|sports", "injury|injured|knee pain|back pain|surgery", "an injury", {-1.5, -0.8, -0.2}},
    {"sponsor", "moving", "job offer there|employer sponsor*|sponsorship|have a visa|citizen of|family there|already have a job", "a way in", {0.6, 1.3, 2.2}},
    {"favourite", "sports|election", "favorite|favourite|leading in the polls|ahead in the polls|defending champion|unbeaten|incumbent", "the favourite", {0.4, 1.1, 1.8}},
    {"underdog", "sports|election", "underdog|behind in the polls|trailing|unknown candidate|outsider", "an outsider", {-1.8, -1.0, -0.3}},
    {"pre_approved", "house", "pre-approved|preapproved|mortgage approved|down payment saved|have the down payment", "money is ready", {0.6, 1.3, 2.2}},
};
const size_t registry_n_adjustments = ARRAY_SIZE(registry_adjustments);

/* Currencies: rough rates of judgement until a dated series is there; only ratios to a reference are made of
 * them. */
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
    {"kg|kgs|kilo|kilos|kilogram|kilograms", UNIT_MASS, "kg", 1},
    {"lb|lbs|pound|pounds", UNIT_MASS, "kg", 0.45359237},
    {"stone", UNIT_MASS, "kg", 6.35029318},
    {"km|kms|kilometer|kilometers|kilometre|kilometres", UNIT_LENGTH, "m", 1000},
    {"mile|miles|mi", UNIT_LENGTH, "m", 1609.344},
    {"meter|meters|metre|metres", UNIT_LENGTH, "m", 1},
    {"%|percent", UNIT_PERCENT, "1", 0.01},
    {"gpa", UNIT_GPA, "1", 1},
};
const size_t registry_n_units = ARRAY_SIZE(registry_units);
// clang-format on

bool registry_list_has(const char *list, struct span word)
{
    struct span rest = span_of(list), item;

    while (text_next(&rest, '|', &item))
        if (span_equal(item, word))
            return true;
    return false;
}

const struct unit_row *registry_unit(struct span word)
{
    for (size_t i = 0; word.n > 0 && i < registry_n_units; i++)
        if (registry_list_has(registry_units[i].words, word))
            return &registry_units[i];
    return NULL;
}
