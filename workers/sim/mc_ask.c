/* What is asked: P(condition), or a figure of an output (name.mean, name.sd, name.p5, name.p99.9).
 * Stop rules watch such questions too; one that nobody asked is added behind the others. */
#include "dist.h"
#include "fault.h"
#include "mc_parts.h"
#include "vm.h"

static const char example[] = "like P(profit > 0), profit.p5, profit.mean or profit.sd";

/* P(expression) */
static void link_probability(struct linker *linker, struct mc_ask *ask)
{
    struct mc *mc = linker->mc;

    ask->type = MC_ASK_PROBABILITY;
    if (!expr_parse(&mc->tree, ask->text, 2, ask->text.n - 1, ask->path, linker->faults,
                    &ask->expr))
        return;
    const struct expr_node *node = &mc->tree.nodes[ask->expr.root];
    if (node->kind != EXPR_OPERATION || !vm_op_is_condition(node->op)) {
        fault_add_detail(linker->faults, FAULT_PARSE, (struct place){ask->path, 2, ask->text.n - 1},
                         (struct fault_detail){"like P(profit > 0)", "a comparison", NULL},
                         "P() needs a comparison");
        return;
    }
    ask->slot = link_compile(linker, ask->expr.root);
    program_keep(mc->program, ask->slot);
    ask->mentions = xcalloc(mc_n_outputs(mc) + 1, sizeof(ask->mentions[0]));
    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        ask->mentions[i] = expr_mentions(&mc->tree, ask->expr, span_of(mc_output(mc, i)->name));
}

static bool read_figure(struct span figure, struct mc_ask *ask)
{
    ask->type = MC_ASK_MEAN;
    if (span_equal(figure, SPAN("mean")))
        return true;
    ask->type = MC_ASK_SD;
    if (span_equal(figure, SPAN("sd")))
        return true;
    ask->type = MC_ASK_PERCENTILE;
    return figure.n >= 2 && figure.at[0] == 'p' && figure.at[1] >= '0' && figure.at[1] <= '9' &&
           number_read((struct span){figure.at + 1, figure.n - 1}, &ask->percentile) &&
           ask->percentile > 0 && ask->percentile < 100;
}

/* NAME.mean, NAME.sd or NAME.pN */
static void link_figure(struct linker *linker, struct mc_ask *ask, size_t dot)
{
    struct mc *mc = linker->mc;
    struct span name = {ask->text.at, dot};
    const char *names[MC_DEFINITIONS_MAX];

    for (ask->output = 0; ask->output < mc_n_outputs(mc); ask->output++) {
        names[ask->output] = mc_output(mc, ask->output)->name;
        if (span_equal(name, span_of(names[ask->output])))
            break;
    }
    if (ask->output == mc_n_outputs(mc)) {
        CLEANUP(charp_freep) char *hint = fault_guess(name, names, ask->output);
        fault_add(linker->faults, FAULT_NAME, (struct place){ask->path, 0, dot}, hint,
                  "there is no output '%.*s'", (int)(dot < 64 ? dot : 64), name.at);
    }
    if (!read_figure((struct span){ask->text.at + dot + 1, ask->text.n - dot - 1}, ask))
        fault_add_detail(linker->faults, FAULT_PARSE,
                         (struct place){ask->path, dot + 1, ask->text.n},
                         (struct fault_detail){example, "mean, sd or p1 to p99", NULL},
                         "after the dot comes mean, sd or p with a number between 0 and 100");
}

static void link_ask(struct linker *linker, struct mc_ask *ask)
{
    struct span text = ask->text;
    const char *dot = memchr(text.at, '.', text.n);

    linker->path = ask->path;
    if (text.n > 3 && memcmp(text.at, "P(", 2) == 0 && text.at[text.n - 1] == ')')
        link_probability(linker, ask);
    else if (dot)
        link_figure(linker, ask, (size_t)(dot - text.at));
    else
        fault_add(linker->faults, FAULT_PARSE, (struct place){ask->path, 0, text.n}, example,
                  "this is not a question we know");
}

/* The question that a rule watches: one that is asked, or a new one. */
static size_t ask_of_rule(struct mc *mc, size_t rule)
{
    size_t i = 0;

    while (i < mc->n_asks && !span_equal(mc->asks[i].text, mc->rules[rule].text))
        i++;
    if (i == mc->n_asks)
        mc->asks[mc->n_asks++] = (struct mc_ask){.text = mc->rules[rule].text,
                                                 .path = xprintf("/trials/until/%zu/of", rule)};
    return i;
}

void link_asks(struct linker *linker)
{
    struct mc *mc = linker->mc;

    for (size_t i = 0; i < mc->n_rules; i++)
        if (mc->rules[i].text.at)
            mc->rules[i].ask = ask_of_rule(mc, i);
    for (size_t i = 0; i < mc->n_asks; i++) {
        if (mc->asks[i].text.at && mc->asks[i].text.n > 0)
            link_ask(linker, &mc->asks[i]);
        else
            fault_add(linker->faults, FAULT_PARSE, (struct place){mc->asks[i].path, 0, 0}, example,
                      "a question is empty");
    }
}
