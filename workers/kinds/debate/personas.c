/* The shipped board (domain.md F3) as a table, and the personas of a debate.
 *
 * A role text says what the person is answerable for and what they fear, since that is what makes
 * twelve answers of one model differ. A new shipped persona is a row; `in_standard` says who sits
 * in a debate of four. */
#include "personas.h"

#include <errno.h>

#include "error.h"
#include "json.h"

#define EXPANDED(text)                                                                             \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

// clang-format off
static const struct {
    struct persona persona;
    bool in_standard;
} shipped[] = {
    {{.id = EXPANDED("chair"), .name = EXPANDED("Chair"), .votes = false,
      .role = EXPANDED("who moderates this board and has no vote. You answer for a decision that the table can carry together. Name the widest gap between the members and ask the one question whose answer would close it")}, false},
    {{.id = EXPANDED("cfo"), .name = EXPANDED("CFO"), .votes = true,
      .role = EXPANDED("the chief financial officer. You answer for cash, margin and payback, and you have seen good ideas fail for want of money. Say what it costs, when it pays and what the bad case does to the balance")}, true},
    {{.id = EXPANDED("coo"), .name = EXPANDED("COO"), .votes = true,
      .role = EXPANDED("the chief operating officer. You answer for the work getting done on an ordinary day. Ask who does it, with which hours, in which order, and what breaks first")}, false},
    {{.id = EXPANDED("cto"), .name = EXPANDED("CTO"), .votes = true,
      .role = EXPANDED("the chief technology officer. You answer for what is built, how it runs and who repairs it at night. Weigh what is proven against what is new, and how one gets out again")}, true},
    {{.id = EXPANDED("customer"), .name = EXPANDED("Customer"), .votes = true,
      .role = EXPANDED("a customer of many years who was invited to this table. You owe the company nothing. Say what you would notice, what you would pay for and what would make you leave")}, true},
    {{.id = EXPANDED("sales"), .name = EXPANDED("Sales"), .votes = true,
      .role = EXPANDED("the head of sales and marketing. You answer for the orders of the next twelve months. Say who would buy because of this, who would not, and how long the explaining takes")}, false},
    {{.id = EXPANDED("legal"), .name = EXPANDED("Legal"), .votes = true,
      .role = EXPANDED("the general counsel, answerable for law and risk. Name the duty, the exposure and the clause, tell the likely harm from the grave one, and say what would make it defensible")}, false},
    {{.id = EXPANDED("people"), .name = EXPANDED("People"), .votes = true,
      .role = EXPANDED("the head of people. You answer for those who would carry it out. Ask what it asks of them, who would leave, who would come, and whether trust allows it now")}, false},
    {{.id = EXPANDED("competitor"), .name = EXPANDED("Competitor"), .votes = true,
      .role = EXPANDED("the strategist of the strongest competitor, who for once tells the truth here. Say how you would answer each option, which one you fear and which one you would enjoy")}, false},
    {{.id = EXPANDED("sceptic"), .name = EXPANDED("Sceptic"), .votes = true, .doubts = true,
      .role = EXPANDED("the sceptic of the board. You answer for the question nobody asked. Look for the assumption that everything hangs on, for what would prove the plan wrong, and for how it can be stopped")}, true},
    {{.id = EXPANDED("longview"), .name = EXPANDED("Long view"), .votes = true,
      .role = EXPANDED("who speaks for the long term and for ethics. You answer for how this looks in ten years and for those who are not in the room. Say what cannot be undone and who bears it")}, false},
    {{.id = EXPANDED("expert"), .name = EXPANDED("Outside expert"), .votes = true,
      .role = EXPANDED("an outside expert without a stake. You answer for the base rate: what happened when others tried, why, and in what this case differs. Say how sure one can be")}, false},
};
// clang-format on
_Static_assert(ARRAY_SIZE(shipped) == DEBATE_MAX_PERSONAS, "the shipped board has twelve members");

static size_t take_shipped(bool all, struct persona personas[DEBATE_MAX_PERSONAS])
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(shipped); i++) {
        if (!all && !shipped[i].in_standard)
            continue;
        personas[n] = shipped[i].persona;
        personas[n++].temperature = -1;
    }
    return n;
}

struct json *personas_shipped(bool all)
{
    struct json *json = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(shipped); i++) {
        const struct persona *persona = &shipped[i].persona;
        struct json *row;

        if (!all && !shipped[i].in_standard)
            continue;
        row = json_object();
        json_set_string(row, "id", persona->id);
        json_set_string(row, "name", persona->name);
        json_set_string(row, "role", persona->role);
        json_set_bool(row, "votes", persona->votes);
        json_set_bool(row, "devil", persona->doubts);
        json_append(json, row);
    }
    return json;
}

static void read_persona(const struct json *json, struct persona *persona)
{
    *persona = (struct persona){
        .id = json_get_string(json, "id", ""),
        .name = json_get_string(json, "name", ""),
        .role = json_get_string(json, "role", ""),
        .stance = json_get_string(json, "stance", ""),
        .expertise = json_get_string(json, "expertise", ""),
        .provider = json_get_string(json, "provider", ""),
        .model = json_get_string(json, "model", ""),
        .temperature = json_get_number(json, "temperature", -1),
        .votes = json_get_bool(json, "votes", true),
        .doubts = json_get_bool(json, "devil", false),
    };
}

int personas_init(const struct json *list, bool all, struct persona personas[DEBATE_MAX_PERSONAS],
                  size_t *ret_n, struct error *error)
{
    size_t n = json_length(list);

    if (!list) {
        *ret_n = take_shipped(all, personas);
        return 0;
    }
    if (n < DEBATE_MIN_PERSONAS || n > DEBATE_MAX_PERSONAS)
        return error_set(error, ERROR_INVALID, -EINVAL,
                         "/personas must have %d to %d members, not %zu", DEBATE_MIN_PERSONAS,
                         DEBATE_MAX_PERSONAS, n);
    for (size_t i = 0; i < n; i++) {
        read_persona(json_at(list, i), &personas[i]);
        for (size_t j = 0; j < i; j++)
            if (span_equal(personas[i].id, personas[j].id))
                return error_set(error, ERROR_INVALID, -EINVAL,
                                 "/personas/%zu/id is \"%.*s\" like that of /personas/%zu", i,
                                 (int)personas[i].id.n, personas[i].id.at, j);
    }
    *ret_n = n;
    return 0;
}
