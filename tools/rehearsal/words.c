/* The tables of phrases, and the search for a speaker's theme. A new kind of persona is a row of
 * `themes`; its lines must hold for any question, since nobody here understands one. */
#include "words.h"

#include <stdbool.h>

#include "text.h"

// clang-format off
static const struct theme themes[] = {
    {"cfo|financial|finance|treasurer|budget", "cash, margin and payback", "a payback longer than two budget years",
     {"The payback fits inside two budget years", "The money is there without a new loan", "The fixed cost is small against what it earns", "Waiting costs more each quarter than starting"},
     {"The cost is certain and the income is not", "It ties up cash we may need in a bad quarter", "The margin does not carry a second mistake", "The forecast assumes every month goes well"}},
    {"coo|operations|operating|logistics|supply", "how the work gets done on an ordinary Tuesday", "proof that the teams have slack for it",
     {"The teams can absorb it within one planning cycle", "It removes a step that fails every week", "We can start small and stop without damage", "The suppliers have already shown they can follow"},
     {"Every shift is full and nobody has the hours", "It adds a hand-over in the place where we lose most", "Two sites would depend on one person", "The start falls into our busiest season"}},
    {"cto|technology|technical|engineer|software|security|architect", "what can be built, run and repaired", "a failed trial on our own data",
     {"The parts are proven and we run most of them today", "It can be switched off again in an hour", "It pays down a debt we already service", "A trial of four weeks would tell us the truth"},
     {"It couples two systems that fail at different times", "Nobody on call today could repair it at night", "The estimate leaves out migration and tests", "We would depend on a supplier we cannot replace"}},
    {"customer|user|buyer|client|patient", "what I notice as the one who pays", "a sign that most of us would not miss it",
     {"It solves a thing I complain about every month", "I would tell others about it without being asked", "It saves me time, and time is why I stay", "It keeps a promise that was made to me long ago"},
     {"I did not ask for this and would pay for it", "It changes what already works for me", "I would only see the first months of mistakes", "My real problem is somewhere else"}},
    {"sales|market|marketing|growth|commercial|revenue", "the next twelve months of orders", "three large accounts that say no",
     {"Two of our largest accounts ask for exactly this", "It opens a door that price alone never opened", "It gives the field a reason to call", "The window closes when others have it too"},
     {"It would take a year to explain it", "Discounts would eat what it brings", "Our best people would sell it instead of what pays", "No customer has put an order behind the wish"}},
    {"legal|risk|lawyer|counsel|compliance|audit|regulat", "what we would have to defend in writing", "a written opinion that differs",
     {"The duties are known and we meet most of them", "The exposure can be capped by contract", "Doing nothing carries a liability too", "We can document every step before we take it"},
     {"The rules change next year and not in our favour", "One clause leaves the damage with us", "We could not show who decided what", "Insurance covers the likely case only"}},
    {"people|hr|human|staff|culture|union", "the people who would carry it", "a quiet word from three team leads",
     {"It gives good people a reason to stay", "The skills exist here and are bored", "The teams asked for a decision, any decision", "Training fits into the winter"},
     {"It arrives after two hard years without a pause", "The people who could lead it are leaving", "It asks for trust that we spent last spring", "We would hire in a market that has nobody"}},
    {"competitor|rival|opponent|adversary", "how I would answer if I were against you", "a move of mine that you have already priced in",
     {"I would hate to see you do this well", "It takes the one argument I use against you", "You would be first, and I would need a year", "I could copy it but not the people behind it"},
     {"I would wait, copy it and undercut you", "You would show me your plan before it earns a cent", "It pulls you away from the place where you hurt me", "I would hire your tired people the month after"}},
    {"sceptic|skeptic|devil|doubter|contrarian", "the case nobody here wants to make", "one number that nobody at this table estimated",
     {"I looked for the hidden cost and did not find it", "Even the bad case leaves us standing", "The usual objection assumes a world that has gone", "The doubt is real, and it is small"},
     {"The plan works only if three guesses are right at once", "We are in love with the answer and forgot the question", "Nobody would say how we stop it once it has begun", "The last time we were this sure we were wrong"}},
    {"long|ethic|sustain|future|climate|society|moral", "how it looks in ten years", "a harm that cannot be undone",
     {"In ten years we would regret not having begun", "It treats the absent as fairly as the present", "It keeps more doors open than it closes", "It is a thing we could explain to our children"},
     {"The gain is ours and the damage is others'", "It trades a decade for a quarter", "It cannot be undone once it stands", "We would be ashamed to see it in a newspaper"}},
    {"outside|expert|external|advisor|adviser|consultant|scientist|professor", "what happened when others tried", "a comparable case that went the other way",
     {"Four of six comparable cases paid off within three years", "The base rate is better than this room believes", "Those who waited ended up paying for the same thing", "The failures had a cause that does not exist here"},
     {"Most comparable attempts came in late and over budget", "The success stories are the ones that were told", "Those who did well had done it once before", "The base rate is one in three, and we are not special"}},
    {"chair|moderator|president|secretary|facilitator", "what this board can carry together", "a member who cannot live with it",
     {"The arguments for it do not depend on one another", "We can decide a first step and keep the second open", "Nobody named a reason that cannot be handled", "Deciding now frees us for other work"},
     {"We agree on the aim and not on the price", "The widest gap is about timing, and it is wide", "A decision against half the table does not last", "We lack one fact, and it can be had in a month"}},
    {"", "the plain facts of the question", "a fact that has not been mentioned yet",
     {"The simplest reading of the facts speaks for it", "The benefits arrive early and the costs can be spread", "It can be tried in a small way first", "The alternatives have been tried already"},
     {"The simplest reading of the facts speaks against it", "The costs arrive early and the benefits may not", "It cannot be tried in a small way first", "A cheaper alternative has not been looked at"}},
};

const char *const words_tags[WORDS_LINES] = {
    "(This is a rehearsal: no model was asked.)", "(Rehearsal answer, made without a model.)", "(A rehearsal speaks here, not a model.)", "(Rehearsal: these words are drawn from a table.)",
    "(This is only a rehearsal.)", "(Rehearsal, so please decide nothing by this.)", "(Spoken by the rehearsal, not by a model.)", "(In rehearsal: no model has read the question.)",
};
const char *const words_openings[WORDS_LINES] = {
    "As {who} I start from {what}.", "{who} speaking: I look first at {what}.", "My chair at this table is that of {who}, so my measure is {what}.", "{who} here: what counts for me is {what}.",
    "From where I sit, as {who}, it comes down to {what}.", "Whoever asks {who} will hear about {what}.", "{who} again, and again it is about {what}.", "Put me down as {who}: my question is always {what}.",
};
const char *const words_links[WORDS_LINES] = {
    "And there is more:", "Beside that:", "Just as important:", "The second point is harder:", "I would add one thing:", "Look at it from the other end:", "It does not stop there:", "What settles it for me:",
};
const char *const words_doubts[WORDS_LINES] = {
    "What would change my mind is {what}.", "I would turn around for {what}.", "Show me {what} and I will think again.", "The one thing that could move me: {what}.",
    "I hold this loosely; {what} would be enough to drop it.", "My doubt has a name: {what}.", "Given {what}, forget what I said.", "I would still like to be shown {what}.",
};
const char *const words_keeps[WORDS_LINES] = {
    "It is a fair point, and it does not outweigh mine.", "I can live with that and still stand where I stood.", "True enough, but it was already in my sum.", "It moves my confidence a little, not my answer.",
    "It is well put. It is also not what decides this.", "I looked for the flaw in my own case and this is not it.", "That is a reason to be careful, not a reason to turn.", "It speaks about the how; my answer is about the whether.",
};
const char *const words_moves[WORDS_LINES] = {
    "I had not weighed that, and it weighs more than mine.", "That is the point I was missing, so I change.", "It answers the doubt I came with.", "Against that my own reason looks small.",
    "I came with the other answer and leave with this one.", "It is better than what I said, so I take it over.", "This changes the order of my reasons, and with it my answer.", "I was wrong about how much that matters.",
};
// clang-format on

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_letter(char c)
{
    c = lower(c);
    return c >= 'a' && c <= 'z';
}

/* Whether a word of the text begins with the keyword, whatever the case. */
static bool has_word(struct span text, struct span keyword)
{
    for (size_t i = 0; keyword.n && i + keyword.n <= text.n; i++) {
        size_t n = 0;
        while (n < keyword.n && lower(text.at[i + n]) == keyword.at[n])
            n++;
        if (n == keyword.n && (i == 0 || !is_letter(text.at[i - 1])))
            return true;
    }
    return false;
}

const struct theme *theme_find(struct span speaker)
{
    for (size_t i = 0; i < ARRAY_SIZE(themes); i++) {
        struct span rest = span_of(themes[i].keywords), keyword;
        while (text_next(&rest, '|', &keyword))
            if (has_word(speaker, keyword))
                return &themes[i];
    }
    return &themes[ARRAY_SIZE(themes) - 1];
}
