/* Bytecode over blocks. Each instruction reads whole blocks and writes one: the loops are short,
 * stay in the first-level cache. vm_run() uses the vector kernels; the scalar functions here give
 * the same bits, serve one trial at a time, and operations that have no kernel.
 *
 * Slots are numbered when the program is built. An instruction's output may be one of its own
 * inputs, because every loop reads position i before it writes it. The table of operations is
 * VM_OPS. */
#include "vm.h"

#include <math.h>

#include "kernels.h"
#include "poly.h"

typedef void op_fn(double *out, const double *a, const double *b, const double *c, size_t n);

struct instruction {
    enum vm_op op;
    unsigned out;
    unsigned in[VM_INPUTS_MAX];
};

struct constant {
    unsigned slot;
    double value;
};

struct program {
    struct instruction *instructions;
    size_t n_instructions;
    struct constant *constants;
    size_t n_constants;
    bool *temporary; /* by slot */
    unsigned n_slots;
    unsigned *unused; /* temporaries to be used again */
    size_t n_unused;
};

struct vm {
    const struct program *program; /* borrowed from vm_new()'s caller */
    double *memory;
};

static inline double truth(double a, double b, bool value)
{
    return a != a || b != b ? __builtin_nan("") : (double)value;
}

static inline bool is_true(double a)
{
    return a == a && a != 0;
}

/* Inputs an operation does not have are read as its first: always valid memory. */
#define X(name, symbol, inputs, value)                                                             \
    static void op_##name(double *out, const double *as, const double *bs, const double *cs,       \
                          size_t n)                                                                \
    {                                                                                              \
        for (size_t i = 0; i < n; i++) {                                                           \
            double a = as[i], b = bs[i], c = cs[i];                                                \
            (void)b;                                                                               \
            (void)c;                                                                               \
            out[i] = value;                                                                        \
        }                                                                                          \
    }
VM_OPS(X)
#undef X

static const struct {
    const char *symbol;
    size_t n_inputs;
    op_fn *fn;
} ops[] = {
#define X(name, symbol, inputs, value) {symbol, inputs, op_##name},
    VM_OPS(X)
#undef X
};
_Static_assert(ARRAY_SIZE(ops) == VM_OP_COUNT_, "every operation has a row");

/* Against an addition over a block, as measured; what has no row costs 1. */
static const unsigned char costs[VM_OP_COUNT_] = {
    [VM_DIVIDE] = 2, [VM_POWER] = 30, [VM_SQRT] = 3, [VM_EXP] = 6,  [VM_LN] = 6,
    [VM_LOG10] = 15, [VM_ROUND] = 2,  [VM_SIN] = 30, [VM_COS] = 30, [VM_TAN] = 35,
};

unsigned vm_op_cost(enum vm_op op)
{
    return costs[op] > 0 ? costs[op] : 1;
}

const char *vm_op_symbol(enum vm_op op)
{
    return ops[op].symbol;
}

size_t vm_op_inputs(enum vm_op op)
{
    return ops[op].n_inputs;
}

bool vm_op_is_condition(enum vm_op op)
{
    return op >= VM_LESS && op <= VM_NOT;
}

struct program *program_new(void)
{
    return xcalloc(1, sizeof(struct program));
}

struct program *program_free(struct program *program)
{
    if (!program)
        return NULL;
    free(program->instructions);
    free(program->constants);
    free(program->temporary);
    free(program->unused);
    free(program);
    return NULL;
}

static unsigned new_slot(struct program *program, bool temporary)
{
    size_t n = program->n_slots + 1u;

    program->temporary = xrealloc(program->temporary, n * sizeof(program->temporary[0]));
    program->unused = xrealloc(program->unused, n * sizeof(program->unused[0]));
    program->temporary[program->n_slots] = temporary;
    return program->n_slots++;
}

unsigned program_input(struct program *program)
{
    return new_slot(program, false);
}

unsigned program_constant(struct program *program, double value)
{
    for (size_t i = 0; i < program->n_constants; i++)
        if (memcmp(&program->constants[i].value, &value, sizeof(value)) == 0)
            return program->constants[i].slot;
    program->constants =
        xrealloc(program->constants, (program->n_constants + 1) * sizeof(program->constants[0]));
    unsigned slot = new_slot(program, false);
    program->constants[program->n_constants++] = (struct constant){slot, value};
    return slot;
}

unsigned program_emit(struct program *program, enum vm_op op, const unsigned inputs[VM_INPUTS_MAX])
{
    struct instruction instruction = {.op = op};

    for (size_t i = 0; i < VM_INPUTS_MAX; i++) {
        instruction.in[i] = i < ops[op].n_inputs ? inputs[i] : inputs[0];
        if (i < ops[op].n_inputs && program->temporary[inputs[i]])
            program->unused[program->n_unused++] = inputs[i];
    }
    instruction.out =
        program->n_unused > 0 ? program->unused[--program->n_unused] : new_slot(program, true);
    program->instructions = xrealloc(program->instructions, (program->n_instructions + 1) *
                                                                sizeof(program->instructions[0]));
    program->instructions[program->n_instructions++] = instruction;
    return instruction.out;
}

uint64_t program_cost(const struct program *program)
{
    uint64_t cost = 0;

    for (size_t i = 0; i < program->n_instructions; i++)
        cost += vm_op_cost(program->instructions[i].op);
    return cost;
}

void program_keep(struct program *program, unsigned slot)
{
    program->temporary[slot] = false;
}

struct vm *vm_new(const struct program *program)
{
    struct vm *vm = xcalloc(1, sizeof(*vm));

    vm->program = program;
    size_t size = (program->n_slots + 1u) * BLOCK_TRIALS * sizeof(double);
    vm->memory = aligned_alloc(64, size);
    if (!vm->memory)
        abort();
    memset(vm->memory, 0, size);
    for (size_t i = 0; i < program->n_constants; i++)
        for (size_t j = 0; j < BLOCK_TRIALS; j++)
            vm_slot(vm, program->constants[i].slot)[j] = program->constants[i].value;
    return vm;
}

struct vm *vm_free(struct vm *vm)
{
    if (!vm)
        return NULL;
    free(vm->memory);
    free(vm);
    return NULL;
}

double *vm_slot(struct vm *vm, unsigned slot)
{
    return vm->memory + (size_t)slot * BLOCK_TRIALS;
}

static void run_one(struct vm *vm, const struct instruction *instruction, size_t first, size_t n)
{
    ops[instruction->op].fn(
        vm_slot(vm, instruction->out) + first, vm_slot(vm, instruction->in[0]) + first,
        vm_slot(vm, instruction->in[1]) + first, vm_slot(vm, instruction->in[2]) + first, n);
}

void vm_run(struct vm *vm, size_t n)
{
    for (size_t i = 0; i < vm->program->n_instructions; i++) {
        const struct instruction *instruction = &vm->program->instructions[i];
        kernel_op_fn *fn = kernels()->ops[instruction->op];
        if (fn)
            fn(vm_slot(vm, instruction->out), vm_slot(vm, instruction->in[0]),
               vm_slot(vm, instruction->in[1]), vm_slot(vm, instruction->in[2]), n);
        else
            run_one(vm, instruction, 0, n);
    }
}

bool vm_find_fault(struct vm *vm, size_t trial, struct vm_fault *ret_fault)
{
    for (size_t i = 0; i < vm->program->n_instructions; i++) {
        const struct instruction *instruction = &vm->program->instructions[i];
        struct vm_fault fault = {.op = instruction->op};
        bool finite = true;

        for (size_t j = 0; j < ops[instruction->op].n_inputs; j++) {
            fault.inputs[j] = vm_slot(vm, instruction->in[j])[trial];
            finite = finite && isfinite(fault.inputs[j]);
        }
        run_one(vm, instruction, trial, 1);
        if (finite && !isfinite(vm_slot(vm, instruction->out)[trial])) {
            *ret_fault = fault;
            return true;
        }
    }
    return false;
}
