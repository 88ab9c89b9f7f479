/* The parser of expressions: one function of precedence climbing over a table of operators, on the
 * tokens of expr_scan.c.
 *
 * From loose to tight: or, and, not, comparisons, + -, * /, unary -, ^ (to the right). So -2^2 is
 * -4 and 2^-1 is 0.5. Functions that are compositions (clamp, sum, mean, npv) become operations
 * here. The nodes of one expression stand together in the tree, inputs before their users; a node
 * that several others read is marked as shared, so that it is worked out once. */
#include "expr.h"

#include <math.h>

#include "buf.h"
#include "dist.h"
#include "expr_scan.h"
#include "fault.h"

#define NO_NODE ((unsigned)-1)
#define QUOTED_MAX 64

struct parser {
    struct expr_tree *tree;
    struct scan scan;
    size_t last_to; /* where the token taken last ended */
    unsigned depth;
    const char *path;
    struct faults *faults;
};

/* The arguments of a call. */
struct arguments {
    unsigned *at;
    size_t n;
};

enum binding {
    BIND_NONE,
    BIND_OR,
    BIND_AND,
    BIND_NOT,
    BIND_COMPARE,
    BIND_ADD,
    BIND_MULTIPLY,
    BIND_UNARY,
    BIND_POWER
};

static const struct {
    const char *symbol;
    enum vm_op op;
    enum binding binding;
} operators[] = {
    {"or",  VM_OR,            BIND_OR      },
    {"and", VM_AND,           BIND_AND     },
    {"<",   VM_LESS,          BIND_COMPARE },
    {"<=",  VM_LESS_EQUAL,    BIND_COMPARE },
    {">",   VM_GREATER,       BIND_COMPARE },
    {">=",  VM_GREATER_EQUAL, BIND_COMPARE },
    {"==",  VM_EQUAL,         BIND_COMPARE },
    {"!=",  VM_NOT_EQUAL,     BIND_COMPARE },
    {"+",   VM_ADD,           BIND_ADD     },
    {"-",   VM_SUBTRACT,      BIND_ADD     },
    {"*",   VM_MULTIPLY,      BIND_MULTIPLY},
    {"/",   VM_DIVIDE,        BIND_MULTIPLY},
    {"^",   VM_POWER,         BIND_POWER   },
};

typedef unsigned shape_fn(struct parser *parser, enum vm_op op, size_t from,
                          const struct arguments *arguments);

static unsigned parse(struct parser *parser, enum binding loosest);

void expr_deinit(struct expr_tree *tree)
{
    free(tree->nodes);
    *tree = (struct expr_tree){0};
}

static void advance(struct parser *parser)
{
    parser->last_to = parser->scan.token.to;
    scan_next(&parser->scan);
}

static unsigned refuse(struct parser *parser, enum fault_code code, size_t from, size_t to,
                       const char *message)
{
    fault_add(parser->faults, code, (struct place){parser->path, from, to}, NULL, "%s", message);
    return NO_NODE;
}

static unsigned unexpected(struct parser *parser, const char *expected)
{
    struct token token = parser->scan.token;
    bool ends = token.type == TOKEN_END;
    size_t from = token.from, to = token.to;
    CLEANUP(charp_freep)
    char *got = ends ? xstrdup("the end")
                     : xspandup((struct span){
                           token.text.at, token.text.n < QUOTED_MAX ? token.text.n : QUOTED_MAX});

    /* An end of text has no bytes: point at the last one there is. */
    if (ends && to > 0)
        from = to - 1;
    fault_add_detail(parser->faults, FAULT_PARSE, (struct place){parser->path, from, to},
                     (struct fault_detail){NULL, expected, got},
                     ends ? "%s expected, but the text ends" : "%s expected, not '%s'", expected,
                     got);
    return NO_NODE;
}

static unsigned new_node(struct parser *parser, struct expr_node node)
{
    struct expr_tree *tree = parser->tree;

    if (tree->n == EXPR_NODES_MAX)
        return refuse(parser, FAULT_LIMIT, node.from, node.to,
                      "the model has more than 4,096 nodes");
    if (tree->n % 64 == 0)
        tree->nodes = xrealloc(tree->nodes, (tree->n + 64) * sizeof(tree->nodes[0]));
    tree->nodes[tree->n] = node;
    return (unsigned)tree->n++;
}

/* NO_NODE when an input is. */
static unsigned new_operation(struct parser *parser, enum vm_op op, size_t from, unsigned a,
                              unsigned b, unsigned c)
{
    if (a == NO_NODE || b == NO_NODE || c == NO_NODE)
        return NO_NODE;
    return new_node(parser, (struct expr_node){
                                .kind = EXPR_OPERATION,
                                .op = op,
                                .inputs = {a, b, c},
                                .from = from,
                                .to = parser->last_to
    });
}

static unsigned new_number(struct parser *parser, double value, size_t from)
{
    return new_node(parser,
                    (struct expr_node){
                        .kind = EXPR_NUMBER, .value = value, .from = from, .to = parser->last_to});
}

/* ---- what a call becomes ---- */

static unsigned plain(struct parser *parser, enum vm_op op, size_t from,
                      const struct arguments *arguments)
{
    unsigned inputs[VM_INPUTS_MAX] = {0};

    memcpy(inputs, arguments->at, vm_op_inputs(op) * sizeof(inputs[0]));
    return new_operation(parser, op, from, inputs[0], inputs[1], inputs[2]);
}

/* f(f(a, b), c) */
static unsigned fold(struct parser *parser, enum vm_op op, size_t from,
                     const struct arguments *arguments)
{
    unsigned folded = arguments->at[0];

    for (size_t i = 1; i < arguments->n; i++)
        folded = new_operation(parser, op, from, folded, arguments->at[i], 0);
    return folded;
}

static unsigned average(struct parser *parser, enum vm_op op, size_t from,
                        const struct arguments *arguments)
{
    unsigned sum = fold(parser, op, from, arguments);

    return new_operation(parser, VM_DIVIDE, from, sum,
                         new_number(parser, (double)arguments->n, from), 0);
}

static unsigned clamp(struct parser *parser, enum vm_op op, size_t from,
                      const struct arguments *arguments)
{
    const unsigned *at = arguments->at;

    return new_operation(parser, op, from, new_operation(parser, VM_MAX, from, at[0], at[1], 0),
                         at[2], 0);
}

/* npv(r, a, b, c) = (a + (b + c/g)/g)/g with g = 1 + r: the first amount comes after one period. */
static unsigned discount(struct parser *parser, enum vm_op op, size_t from,
                         const struct arguments *arguments)
{
    unsigned one = new_number(parser, 1, from);
    unsigned growth = new_operation(parser, VM_ADD, from, one, arguments->at[0], 0);
    unsigned value = arguments->at[arguments->n - 1];

    if (growth != NO_NODE)
        parser->tree->nodes[growth].shared = true;
    value = new_operation(parser, op, from, value, growth, 0);
    for (size_t i = arguments->n - 1; i-- > 1;) {
        value = new_operation(parser, VM_ADD, from, arguments->at[i], value, 0);
        value = new_operation(parser, op, from, value, growth, 0);
    }
    return value;
}

#define ANY_NUMBER EXPR_NODES_MAX

static const struct function {
    const char *name;
    shape_fn *fn;
    enum vm_op op;
    size_t min_arguments, max_arguments;
} functions[] = {
    {"if",    plain,    VM_IF,     3, 3         },
    {"min",   fold,     VM_MIN,    1, ANY_NUMBER},
    {"max",   fold,     VM_MAX,    1, ANY_NUMBER},
    {"sum",   fold,     VM_ADD,    1, ANY_NUMBER},
    {"mean",  average,  VM_ADD,    1, ANY_NUMBER},
    {"npv",   discount, VM_DIVIDE, 2, ANY_NUMBER},
    {"clamp", clamp,    VM_MIN,    3, 3         },
    {"abs",   plain,    VM_ABS,    1, 1         },
    {"sqrt",  plain,    VM_SQRT,   1, 1         },
    {"exp",   plain,    VM_EXP,    1, 1         },
    {"ln",    plain,    VM_LN,     1, 1         },
    {"log10", plain,    VM_LOG10,  1, 1         },
    {"floor", plain,    VM_FLOOR,  1, 1         },
    {"ceil",  plain,    VM_CEIL,   1, 1         },
    {"round", plain,    VM_ROUND,  1, 1         },
    {"sign",  plain,    VM_SIGN,   1, 1         },
    {"sin",   plain,    VM_SIN,    1, 1         },
    {"cos",   plain,    VM_COS,    1, 1         },
    {"tan",   plain,    VM_TAN,    1, 1         },
};

bool expr_is_reserved(struct span text)
{
    static const char *const words[] = {"and", "or", "not", "P"};

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (span_equal(text, span_of(words[i])))
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
        if (span_equal(text, span_of(functions[i].name)))
            return true;
    return false;
}

/* The parser stands at "(". false: a fault was added. */
static bool parse_arguments(struct parser *parser, struct arguments *arguments)
{
    advance(parser);
    if (scan_is(&parser->scan, ")")) {
        advance(parser);
        return true;
    }
    for (;;) {
        unsigned argument = parse(parser, BIND_OR);
        if (argument == NO_NODE)
            return false;
        if (arguments->n % 16 == 0)
            arguments->at = xrealloc(arguments->at, (arguments->n + 16) * sizeof(arguments->at[0]));
        arguments->at[arguments->n++] = argument;
        if (!scan_is(&parser->scan, ","))
            break;
        advance(parser);
    }
    if (!scan_is(&parser->scan, ")")) {
        (void)unexpected(parser, "')' or ','");
        return false;
    }
    advance(parser);
    return true;
}

static unsigned refuse_arity(struct parser *parser, const struct function *function, size_t from,
                             size_t n)
{
    CLEANUP(charp_freep)
    char *expected =
        xprintf("%s%zu argument%s", function->max_arguments == ANY_NUMBER ? "at least " : "",
                function->min_arguments, function->min_arguments == 1 ? "" : "s");
    CLEANUP(charp_freep) char *got = xprintf("%zu", n);

    fault_add_detail(parser->faults, FAULT_ARITY,
                     (struct place){parser->path, from, parser->last_to},
                     (struct fault_detail){NULL, expected, got}, "%s takes %s, not %s",
                     function->name, expected, got);
    return NO_NODE;
}

static unsigned parse_call(struct parser *parser, const struct function *function, size_t from)
{
    struct arguments arguments = {0};
    unsigned node = NO_NODE;

    if (parse_arguments(parser, &arguments)) {
        if (arguments.n < function->min_arguments || arguments.n > function->max_arguments)
            node = refuse_arity(parser, function, from, arguments.n);
        else
            node = function->fn(parser, function->op, from, &arguments);
    }
    free(arguments.at);
    return node;
}

static unsigned parse_word(struct parser *parser)
{
    struct token word = parser->scan.token;
    const struct function *function = NULL;
    const char *names[ARRAY_SIZE(functions)];

    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        names[i] = functions[i].name;
        if (span_equal(word.text, span_of(functions[i].name)))
            function = &functions[i];
    }
    advance(parser);
    if (!scan_is(&parser->scan, "("))
        return new_node(
            parser, (struct expr_node){
                        .kind = EXPR_NAME, .name = word.text, .from = word.from, .to = word.to});
    if (function)
        return parse_call(parser, function, word.from);

    CLEANUP(charp_freep) char *hint = fault_guess(word.text, names, ARRAY_SIZE(names));
    fault_add(parser->faults, FAULT_NAME, (struct place){parser->path, word.from, word.to}, hint,
              "there is no function '%.*s'",
              (int)(word.text.n < QUOTED_MAX ? word.text.n : QUOTED_MAX), word.text.at);
    return NO_NODE;
}

static unsigned parse_number(struct parser *parser)
{
    struct token token = parser->scan.token;
    double value;

    if (!number_read(token.text, &value))
        return refuse(parser, FAULT_PARSE, token.from, token.to,
                      "this is not a number we can hold");
    advance(parser);
    return new_number(parser, value, token.from);
}

static unsigned parse_unary(struct parser *parser, enum vm_op op, enum binding binding)
{
    size_t from = parser->scan.token.from;

    advance(parser);
    return new_operation(parser, op, from, parse(parser, binding), 0, 0);
}

static unsigned parse_operand(struct parser *parser)
{
    const struct scan *scan = &parser->scan;

    if (scan->token.type == TOKEN_NUMBER)
        return parse_number(parser);
    if (scan_is(scan, "-"))
        return parse_unary(parser, VM_NEGATE, BIND_UNARY);
    if (scan_is(scan, "not"))
        return parse_unary(parser, VM_NOT, BIND_NOT);
    if (scan_is(scan, "(")) {
        advance(parser);
        unsigned inside = parse(parser, BIND_OR);
        if (inside == NO_NODE)
            return NO_NODE;
        if (!scan_is(scan, ")"))
            return unexpected(parser, "')'");
        advance(parser);
        return inside;
    }
    if (scan->token.type == TOKEN_WORD && !scan_is(scan, "and") && !scan_is(scan, "or"))
        return parse_word(parser);
    return unexpected(parser, "a number, a name or '('");
}

static size_t operator_at(const struct parser *parser)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(operators) && !scan_is(&parser->scan, operators[i].symbol))
        i++;
    return i;
}

/* Reads operators that bind at least as tight as `loosest`. */
static unsigned parse_operators(struct parser *parser, enum binding loosest)
{
    size_t from = parser->scan.token.from;
    unsigned left = parse_operand(parser);

    while (left != NO_NODE) {
        size_t i = operator_at(parser);
        if (i == ARRAY_SIZE(operators) || operators[i].binding < loosest)
            break;
        enum binding binding = operators[i].binding;
        advance(parser);
        unsigned right = parse(parser, binding == BIND_POWER ? BIND_UNARY : binding + 1);
        if (right == NO_NODE)
            return NO_NODE;
        left = new_operation(parser, operators[i].op, from, left, right, 0);
        /* a < b < c is nearly always a mistake. */
        if (left != NO_NODE && binding == BIND_COMPARE &&
            operator_at(parser) < ARRAY_SIZE(operators) &&
            operators[operator_at(parser)].binding == BIND_COMPARE)
            return refuse(parser, FAULT_PARSE, parser->scan.token.from, parser->scan.token.to,
                          "comparisons cannot be chained: write a < b and b < c");
    }
    return left;
}

static unsigned parse(struct parser *parser, enum binding loosest)
{
    if (parser->depth == EXPR_DEPTH_MAX)
        return refuse(parser, FAULT_LIMIT, parser->scan.token.from, parser->scan.token.to,
                      "the expression is nested deeper than 64");
    parser->depth++;
    unsigned node = parse_operators(parser, loosest);
    parser->depth--;
    return node;
}

bool expr_parse(struct expr_tree *tree, struct span text, size_t from, size_t to, const char *path,
                struct faults *faults, struct expr *ret_expr)
{
    struct parser parser = {
        .tree = tree, .scan = {text, from, to, {0}},
             .path = path, .faults = faults
    };
    size_t first = tree->n;

    advance(&parser);
    unsigned root = parse(&parser, BIND_OR);
    if (root != NO_NODE && parser.scan.token.type != TOKEN_END)
        root = unexpected(&parser, "an operator");
    if (root == NO_NODE)
        return false;
    *ret_expr = (struct expr){(unsigned)first, root};
    return true;
}

void expr_canonical(const struct expr_tree *tree, struct expr expr, struct buf *out)
{
    for (unsigned i = expr.first; i <= expr.root; i++) {
        const struct expr_node *node = &tree->nodes[i];

        switch (node->kind) {
        case EXPR_NUMBER: buf_addf(out, "%.17g;", node->value + 0.0); break;
        case EXPR_NAME:
            buf_add_span(out, node->name);
            buf_add_char(out, ';');
            break;
        case EXPR_OPERATION:
            buf_add_text(out, vm_op_symbol(node->op));
            for (size_t j = 0; j < vm_op_inputs(node->op); j++)
                buf_addf(out, " %u", i - node->inputs[j]);
            buf_add_char(out, ';');
        }
    }
}

bool expr_mentions(const struct expr_tree *tree, struct expr expr, struct span name)
{
    for (unsigned i = expr.first; i <= expr.root; i++)
        if (tree->nodes[i].kind == EXPR_NAME && span_equal(tree->nodes[i].name, name))
            return true;
    return false;
}
