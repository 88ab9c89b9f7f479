/* From texts to a program: names are resolved in any order, each definition is compiled once,
 * before its first user; a definition that is met again while it is open is a cycle, and the path
 * is told.
 *
 * Faults do not stop the work: what cannot be compiled becomes slot 0, so that every wrong name of
 * a model is found in one pass. The program is thrown away by mc_new() when there was a fault. */
#include "buf.h"
#include "fault.h"
#include "mc.h"
#include "vm.h"

struct linker {
    struct mc *mc;
    struct faults *faults;
    const char *path;                               /* of the expression being compiled */
    size_t offset;                                  /* added to spans */
    struct mc_definition *open[MC_DEFINITIONS_MAX]; /* being compiled, outermost first */
    size_t n_open;
};

static unsigned compile(struct linker *linker, unsigned root);

static void refuse_cycle(struct linker *linker, const struct mc_definition *definition)
{
    size_t i = 0;
    struct buf path;

    buf_init(&path, 1024);
    while (linker->open[i] != definition)
        i++;
    for (; i < linker->n_open; i++)
        buf_addf(&path, "%s -> ", linker->open[i]->name);
    buf_add_text(&path, definition->name);
    fault_add(linker->faults, FAULT_CYCLE, (struct place){definition->path, 0, 0}, NULL,
              "it depends on itself: %s", buf_ok(&path) ? path.at : definition->name);
    buf_deinit(&path);
}

static unsigned link_definition(struct linker *linker, struct mc_definition *definition)
{
    const char *path = linker->path;

    if (definition->state == MC_OPEN)
        refuse_cycle(linker, definition);
    if (definition->state != MC_NEW)
        return definition->slot;
    definition->state = MC_OPEN;
    linker->open[linker->n_open++] = definition;
    linker->path = definition->path;
    if (definition->good)
        definition->slot = compile(linker, definition->root);
    program_keep(linker->mc->program, definition->slot);
    linker->path = path;
    linker->n_open--;
    definition->state = MC_DONE;
    return definition->slot;
}

static unsigned unknown_name(struct linker *linker, const struct expr_node *node)
{
    const struct mc *mc = linker->mc;
    const char *names[MC_VARIABLES_MAX + MC_DEFINITIONS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < mc->n_variables; i++)
        names[n++] = mc->variables[i].name;
    for (size_t i = 0; i < mc->n_definitions; i++)
        names[n++] = mc->definitions[i].name;
    const char *near = nearest_name(node->name, names, n);
    CLEANUP(charp_freep) char *hint = near ? xprintf("did you mean '%s'?", near) : NULL;
    fault_add(linker->faults, FAULT_NAME, (struct place){linker->path, node->from, node->to}, hint,
              "there is no variable, let or output '%.*s'",
              (int)(node->name.n < EXPR_NAME_MAX_BYTES ? node->name.n : EXPR_NAME_MAX_BYTES),
              node->name.at);
    return 0;
}

static unsigned compile_name(struct linker *linker, const struct expr_node *node)
{
    struct mc *mc = linker->mc;

    for (size_t i = 0; i < mc->n_variables; i++)
        if (span_equal(node->name, span_of(mc->variables[i].name)))
            return mc->variables[i].slot;
    for (size_t i = 0; i < mc->n_definitions; i++)
        if (span_equal(node->name, span_of(mc->definitions[i].name)))
            return link_definition(linker, &mc->definitions[i]);
    return unknown_name(linker, node);
}

static unsigned compile(struct linker *linker, unsigned root)
{
    const struct expr_node *node = &linker->mc->tree.nodes[root];
    unsigned inputs[VM_INPUTS_MAX] = {0};

    switch (node->kind) {
    case EXPR_NUMBER: return program_constant(linker->mc->program, node->value);
    case EXPR_NAME: return compile_name(linker, node);
    case EXPR_OPERATION: break;
    }
    for (size_t i = 0; i < vm_op_inputs(node->op); i++)
        inputs[i] = compile(linker, node->inputs[i]);
    return program_emit(linker->mc->program, node->op, inputs);
}

static bool mentions(const struct expr_tree *tree, unsigned root, struct span name)
{
    const struct expr_node *node = &tree->nodes[root];

    if (node->kind == EXPR_NAME)
        return span_equal(node->name, name);
    for (size_t i = 0; node->kind == EXPR_OPERATION && i < vm_op_inputs(node->op); i++)
        if (mentions(tree, node->inputs[i], name))
            return true;
    return false;
}

/* P(expression) */
static void link_probability(struct linker *linker, struct mc_ask *ask)
{
    struct mc *mc = linker->mc;

    ask->type = MC_ASK_PROBABILITY;
    if (!expr_parse(&mc->tree, ask->text, 2, ask->text.n - 1, linker->path, linker->faults,
                    &ask->root))
        return;
    const struct expr_node *node = &mc->tree.nodes[ask->root];
    if (node->kind != EXPR_OPERATION || !vm_op_is_condition(node->op)) {
        fault_add(linker->faults, FAULT_PARSE, (struct place){linker->path, 2, ask->text.n - 1},
                  "like P(profit > 0)", "P() needs a comparison");
        return;
    }
    ask->slot = compile(linker, ask->root);
    program_keep(mc->program, ask->slot);
    ask->mentions = xcalloc(mc_n_outputs(mc) + 1, sizeof(ask->mentions[0]));
    for (size_t i = 0; i < mc_n_outputs(mc); i++)
        ask->mentions[i] = mentions(&mc->tree, ask->root, span_of(mc_output(mc, i)->name));
}

/* NAME.mean or NAME.pN */
static void link_figure(struct linker *linker, struct mc_ask *ask, size_t dot)
{
    struct mc *mc = linker->mc;
    struct span name = {ask->text.at, dot};
    struct span figure = {ask->text.at + dot + 1, ask->text.n - dot - 1};
    struct place place = {linker->path, dot + 1, ask->text.n};
    const char *names[MC_DEFINITIONS_MAX];

    for (ask->output = 0; ask->output < mc_n_outputs(mc); ask->output++) {
        names[ask->output] = mc_output(mc, ask->output)->name;
        if (span_equal(name, span_of(names[ask->output])))
            break;
    }
    if (ask->output == mc_n_outputs(mc)) {
        const char *near = nearest_name(name, names, ask->output);
        CLEANUP(charp_freep) char *hint = near ? xprintf("did you mean '%s'?", near) : NULL;
        fault_add(linker->faults, FAULT_NAME, (struct place){linker->path, 0, dot}, hint,
                  "there is no output '%.*s'", (int)(dot < 64 ? dot : 64), name.at);
    }
    ask->type = MC_ASK_MEAN;
    if (span_equal(figure, SPAN("mean")))
        return;
    ask->type = MC_ASK_PERCENTILE;
    if (figure.n < 2 || figure.at[0] != 'p' ||
        !number_read((struct span){figure.at + 1, figure.n - 1}, &ask->percentile) ||
        !(ask->percentile > 0 && ask->percentile < 100))
        fault_add(linker->faults, FAULT_PARSE, place, "like profit.p5 or profit.mean",
                  "after the dot comes mean or p1 to p99");
}

static void link_ask(struct linker *linker, struct mc_ask *ask)
{
    const char *dot = memchr(ask->text.at, '.', ask->text.n);

    if (ask->text.n > 3 && memcmp(ask->text.at, "P(", 2) == 0 &&
        ask->text.at[ask->text.n - 1] == ')')
        link_probability(linker, ask);
    else if (dot)
        link_figure(linker, ask, (size_t)(dot - ask->text.at));
    else
        fault_add(linker->faults, FAULT_PARSE, (struct place){linker->path, 0, ask->text.n},
                  "like P(profit > 0), profit.p5 or profit.mean", "this is not a question we know");
}

void mc_link(struct mc *mc, struct faults *faults)
{
    struct linker linker = {.mc = mc, .faults = faults};

    (void)program_constant(mc->program, 0); /* slot 0: stands for what could not be compiled */
    for (size_t i = 0; i < mc->n_variables; i++)
        mc->variables[i].slot = program_input(mc->program);
    for (size_t i = 0; i < mc->n_definitions; i++)
        (void)link_definition(&linker, &mc->definitions[i]);
    for (size_t i = 0; i < mc->n_asks; i++) {
        CLEANUP(charp_freep) char *path = xprintf("/ask/%zu", i);
        linker.path = path;
        if (mc->asks[i].text.n > 0)
            link_ask(&linker, &mc->asks[i]);
        else
            fault_add(faults, FAULT_PARSE, (struct place){path, 0, 0}, NULL, "a question is empty");
    }
}
