/* From texts to programs: names are resolved in any order, each definition is compiled once a
 * program, before its first user; a definition that is met again while it is open is a cycle, and
 * the path is told.
 *
 * There are three programs: what the states begin with, one time step, and what follows the last
 * step (or, without steps, all there is). Each takes the definitions it needs; a state is an input
 * of the last two. Faults do not stop the work: what cannot be compiled becomes slot 0, so that
 * every wrong name of a model is found in one pass. The programs are thrown away by mc_new() when
 * there was a fault. */
#include "buf.h"
#include "fault.h"
#include "mc_parts.h"
#include "vm.h"

#define NOT_YET ((unsigned)-1)

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
        definition->slot = link_compile(linker, definition->expr.root);
    program_keep(linker->program, definition->slot);
    linker->path = path;
    linker->n_open--;
    definition->state = MC_DONE;
    return definition->slot;
}

static unsigned unknown_name(struct linker *linker, const struct expr_node *node)
{
    const struct mc *mc = linker->mc;
    const char *names[MC_VARIABLES_MAX + MC_STATES_MAX + MC_DEFINITIONS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < mc->n_variables; i++)
        names[n++] = mc->variables[i].name;
    for (size_t i = 0; i < mc->n_states; i++)
        names[n++] = mc->states[i].name;
    for (size_t i = 0; i < mc->n_definitions; i++)
        names[n++] = mc->definitions[i].name;
    CLEANUP(charp_freep) char *hint = fault_guess(node->name, names, n);
    fault_add(linker->faults, FAULT_NAME, (struct place){linker->path, node->from, node->to}, hint,
              "there is no variable, state, let or output '%.*s'",
              (int)(node->name.n < EXPR_NAME_MAX_BYTES ? node->name.n : EXPR_NAME_MAX_BYTES),
              node->name.at);
    return 0;
}

static unsigned too_early(struct linker *linker, const struct expr_node *node, const char *what)
{
    fault_add(linker->faults, FAULT_NAME, (struct place){linker->path, node->from, node->to}, NULL,
              "'%.*s' %s: it has no value before the first step", (int)node->name.n, node->name.at,
              what);
    return 0;
}

/* NULL: no definition has that name. */
static struct mc_definition *find_definition(struct mc *mc, struct span name)
{
    for (size_t i = 0; i < mc->n_definitions; i++)
        if (span_equal(name, span_of(mc->definitions[i].name)))
            return &mc->definitions[i];
    return NULL;
}

/* NULL: no state has that name, or the output of that name is meant. */
static struct mc_state *find_state(struct linker *linker, struct span name,
                                   const struct mc_definition *definition)
{
    struct mc *mc = linker->mc;

    for (size_t i = 0; i < mc->n_states && !(linker->asking && definition); i++)
        if (span_equal(name, span_of(mc->states[i].name)))
            return &mc->states[i];
    return NULL;
}

static unsigned compile_name(struct linker *linker, const struct expr_node *node)
{
    struct mc *mc = linker->mc;
    struct mc_definition *definition = find_definition(mc, node->name);
    struct mc_state *state = find_state(linker, node->name, definition);

    for (size_t i = 0; i < mc->n_variables; i++) {
        struct mc_variable *variable = &mc->variables[i];
        if (!span_equal(node->name, span_of(variable->name)))
            continue;
        variable->used = true;
        if (variable->redrawn && linker->phase == LINK_INITIAL)
            return too_early(linker, node, "is drawn anew in each step");
        return variable->slot;
    }
    if (state) {
        state->used = state->used || state != linker->self;
        return linker->phase == LINK_INITIAL ? too_early(linker, node, "is a state") : state->slot;
    }
    if (!definition)
        return unknown_name(linker, node);
    definition->used = true;
    return link_definition(linker, definition);
}

static unsigned compile_operation(struct linker *linker, const struct expr_node *node)
{
    unsigned inputs[VM_INPUTS_MAX] = {0};

    for (size_t i = 0; i < vm_op_inputs(node->op); i++)
        inputs[i] = link_compile(linker, node->inputs[i]);
    return program_emit(linker->program, node->op, inputs);
}

unsigned link_compile(struct linker *linker, unsigned root)
{
    const struct expr_node *node = &linker->mc->tree.nodes[root];

    switch (node->kind) {
    case EXPR_NUMBER: return program_constant(linker->program, node->value);
    case EXPR_NAME: return compile_name(linker, node);
    case EXPR_OPERATION: break;
    }
    if (!node->shared)
        return compile_operation(linker, node);
    if (linker->shared[root] == NOT_YET) {
        linker->shared[root] = compile_operation(linker, node);
        program_keep(linker->program, linker->shared[root]);
    }
    return linker->shared[root];
}

/* The same inputs in the same order, so that they have the same slots in all programs. */
static void begin(struct linker *linker, struct program *program)
{
    struct mc *mc = linker->mc;

    linker->program = program;
    (void)program_constant(program, 0); /* slot 0: stands for what could not be compiled */
    for (size_t i = 0; i < mc->n_variables; i++)
        mc->variables[i].slot = program_input(program);
    for (size_t i = 0; i < mc->n_states; i++)
        mc->states[i].slot = program_input(program);
    for (size_t i = 0; i < mc->n_definitions; i++)
        mc->definitions[i].state = MC_NEW;
    for (size_t i = 0; i < EXPR_NODES_MAX; i++)
        linker->shared[i] = NOT_YET;
}

static bool is_state_slot(const struct mc *mc, unsigned slot)
{
    for (size_t i = 0; i < mc->n_states; i++)
        if (mc->states[i].slot == slot)
            return true;
    return false;
}

static unsigned link_state_part(struct linker *linker, const struct mc_state *state,
                                const char *part, struct expr expr)
{
    CLEANUP(charp_freep) char *path = xprintf("/steps/state/%s/%s", state->name, part);

    linker->path = path;
    unsigned slot = link_compile(linker, expr.root);
    /* A state that only takes over another one gets a slot of its own. */
    if (is_state_slot(linker->mc, slot))
        slot = program_emit(linker->program, VM_MAX, (unsigned[VM_INPUTS_MAX]){slot, slot});
    program_keep(linker->program, slot);
    return slot;
}

static void link_states(struct linker *linker)
{
    struct mc *mc = linker->mc;

    linker->phase = LINK_INITIAL;
    begin(linker, mc->initial);
    for (size_t i = 0; i < mc->n_states; i++)
        if (mc->states[i].init_good)
            mc->states[i].init_slot =
                link_state_part(linker, &mc->states[i], "init", mc->states[i].init);
    linker->phase = LINK_STEP;
    begin(linker, mc->step);
    for (size_t i = 0; i < mc->n_states; i++) {
        linker->self = &mc->states[i];
        if (mc->states[i].next_good)
            mc->states[i].next_slot =
                link_state_part(linker, &mc->states[i], "next", mc->states[i].next);
    }
    linker->self = NULL;
}

void mc_link(struct mc *mc, struct faults *faults)
{
    struct linker linker = {.mc = mc, .faults = faults};

    linker.shared = xcalloc(EXPR_NODES_MAX, sizeof(linker.shared[0]));
    link_states(&linker);
    linker.phase = LINK_END;
    begin(&linker, mc->program);
    for (size_t i = 0; i < mc->n_definitions; i++)
        (void)link_definition(&linker, &mc->definitions[i]);
    linker.asking = true;
    link_asks(&linker);
    free(linker.shared);
}
