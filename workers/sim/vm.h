#pragma once
/* The machine that evaluates a model: one instruction works on a block of up to 1,024 trials.
 *
 * A `struct program` is built once and then read only; a `struct vm` is its memory, one a thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

#define BLOCK_TRIALS 1024

/* X(ENUM, symbol, inputs, value from a, b, c). Not-a-number goes through everything except the
 * branch of if() that was not chosen, and `and` / `or` that the other side decides. */
#define VM_OPS(X)                                                                                  \
    X(NEGATE, "-", 1, -a)                                                                          \
    X(ADD, "+", 2, a + b)                                                                          \
    X(SUBTRACT, "-", 2, a - b)                                                                     \
    X(MULTIPLY, "*", 2, a *b)                                                                      \
    X(DIVIDE, "/", 2, a / b)                                                                       \
    X(POWER, "^", 2, poly_power(a, b))                                                             \
    X(LESS, "<", 2, truth(a, b, a < b))                                                            \
    X(LESS_EQUAL, "<=", 2, truth(a, b, a <= b))                                                    \
    X(GREATER, ">", 2, truth(a, b, a > b))                                                         \
    X(GREATER_EQUAL, ">=", 2, truth(a, b, a >= b))                                                 \
    X(EQUAL, "==", 2, truth(a, b, a == b))                                                         \
    X(NOT_EQUAL, "!=", 2, truth(a, b, a != b))                                                     \
    X(AND, "and", 2, a == 0 || b == 0 ? 0 : truth(a, b, true))                                     \
    X(OR, "or", 2, is_true(a) || is_true(b) ? 1 : truth(a, b, false))                              \
    X(NOT, "not", 1, truth(a, a, a == 0))                                                          \
    X(IF, "if", 3, a != a ? a : a != 0 ? b : c)                                                    \
    X(MIN, "min", 2, a != a || a < b ? a : b)                                                      \
    X(MAX, "max", 2, a != a || a > b ? a : b)                                                      \
    X(ABS, "abs", 1, fabs(a))                                                                      \
    X(SQRT, "sqrt", 1, poly_sqrt(a))                                                               \
    X(EXP, "exp", 1, poly_exp(a))                                                                  \
    X(LN, "ln", 1, poly_log(a))                                                                    \
    X(FLOOR, "floor", 1, poly_floor(a))                                                            \
    X(LOG10, "log10", 1, poly_log10(a))                                                            \
    X(CEIL, "ceil", 1, -poly_floor(-a))                                                            \
    X(ROUND, "round", 1, poly_round(a))                                                            \
    X(SIGN, "sign", 1, a != a ? a : (double)(a > 0) - (double)(a < 0))                             \
    X(SIN, "sin", 1, poly_sin(a))                                                                  \
    X(COS, "cos", 1, poly_cos(a))                                                                  \
    X(TAN, "tan", 1, poly_tan(a))

enum vm_op {
#define X(name, symbol, inputs, value) VM_##name,
    VM_OPS(X)
#undef X
        VM_OP_COUNT_
};

#define VM_INPUTS_MAX 3

const char *vm_op_symbol(enum vm_op op);
size_t vm_op_inputs(enum vm_op op);
/* What one instruction costs for a trial, in units of an addition. */
unsigned vm_op_cost(enum vm_op op);
bool vm_op_is_condition(enum vm_op op); /* gives 0 or 1 */

/* Building. A slot is a number; temporaries are used again as soon as they were an input. */
struct program *program_new(void);
struct program *program_free(struct program *program);
unsigned program_input(struct program *program); /* a slot filled before each run */
unsigned program_constant(struct program *program, double value); /* equal values share a slot */
unsigned program_emit(struct program *program, enum vm_op op, const unsigned inputs[VM_INPUTS_MAX]);
uint64_t program_cost(const struct program *program);      /* for a trial */
void program_keep(struct program *program, unsigned slot); /* never used again for another value */

struct vm *vm_new(const struct program *program); /* borrows the program */
struct vm *vm_free(struct vm *vm);
double *vm_slot(struct vm *vm, unsigned slot); /* BLOCK_TRIALS values */
void vm_run(struct vm *vm, size_t n);          /* for the first n trials of the slots */

/* Runs for one trial of the inputs and names the first instruction whose inputs are finite numbers
 * and whose value is not. false: there is none. */
struct vm_fault {
    enum vm_op op;
    double inputs[VM_INPUTS_MAX];
};
bool vm_find_fault(struct vm *vm, size_t trial, struct vm_fault *ret_fault);
