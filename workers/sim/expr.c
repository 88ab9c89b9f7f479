/* The parser of expressions: a scanner of tokens and one function of precedence climbing over a
 * table of operators.
 *
 * From loose to tight: or, and, not, comparisons, + -, * /, unary -, ^ (to the right). So -2^2 is
 * -4 and 2^-1 is 0.5. Functions that are compositions (clamp, sum, mean) become operations here;
 * functions of mc/1 that are not there yet stand in the table too and are refused by name. */
#include "expr.h"

#include <math.h>

#include "dist.h"
#include "fault.h"

#define NO_NODE ((unsigned)-1)

enum token_type { TOKEN_END, TOKEN_NUMBER, TOKEN_WORD, TOKEN_SYMBOL, TOKEN_WRONG };

struct token {
    enum token_type type;
    struct span text;
    size_t from, to;
};

struct parser {
    struct expr_tree *tree;
    struct span text;
    size_t at, end;
    struct token token; /* the next one, not yet taken */
    size_t last_to;     /* where the one taken last ended */
    unsigned depth;
    const char *path;
    struct faults *faults;
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

enum shape { SHAPE_PLAIN, SHAPE_FOLD, SHAPE_MEAN, SHAPE_CLAMP, SHAPE_LATER };

static const struct function {
    const char *name;
    enum shape shape;
    enum vm_op op;
    size_t min_arguments, max_arguments;
} functions[] = {
    {"if",    SHAPE_PLAIN,      VM_IF, 3, 3},
    {"min",      SHAPE_FOLD,                     VM_MIN, 1, EXPR_NODES_MAX},
    {"max",   SHAPE_FOLD,    VM_MAX, 1, EXPR_NODES_MAX},
    {"sum",      SHAPE_FOLD,        VM_ADD, 1, EXPR_NODES_MAX},
    {"mean",   SHAPE_MEAN,       VM_ADD, 1, EXPR_NODES_MAX},
    {"clamp",      SHAPE_CLAMP,        VM_MIN, 3, 3},
    {"abs",   SHAPE_PLAIN,    VM_ABS, 1, 1},
    {"sqrt",      SHAPE_PLAIN,        VM_SQRT, 1, 1},
    {"exp",  SHAPE_PLAIN,      VM_EXP, 1, 1},
    {"ln",      SHAPE_PLAIN,        VM_LN, 1, 1},
    {"floor", SHAPE_PLAIN, VM_FLOOR, 1, 1},
    {"log10",      SHAPE_LATER                    },
    {"ceil",   SHAPE_LATER     },
    {"round",      SHAPE_LATER                    },
    {"sign",  SHAPE_LATER },
    {"sin",      SHAPE_LATER                    },
    {"cos",   SHAPE_LATER      },
    {"tan",      SHAPE_LATER                    },
    {"npv",    SHAPE_LATER   },
};

static unsigned parse(struct parser *parser, enum binding loosest);

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool expr_is_name(struct span text)
{
    if (text.n == 0 || text.n > EXPR_NAME_MAX_BYTES || !is_letter(text.at[0]))
        return false;
    for (size_t i = 1; i < text.n; i++)
        if (!is_letter(text.at[i]) && !is_digit(text.at[i]))
            return false;
    return true;
}

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

void expr_deinit(struct expr_tree *tree)
{
    free(tree->nodes);
    *tree = (struct expr_tree){0};
}

/* 12  12.5  .5  1e3  1e-3  5% */
static size_t number_length(const char *at, size_t n)
{
    size_t i = 0;

    while (i < n && (is_digit(at[i]) || at[i] == '.'))
        i++;
    if (i < n && (at[i] == 'e' || at[i] == 'E')) {
        size_t sign = i + 1 < n && (at[i + 1] == '+' || at[i + 1] == '-');
        if (i + 1 + sign < n && is_digit(at[i + 1 + sign])) {
            i += 1 + sign;
            while (i < n && is_digit(at[i]))
                i++;
        }
    }
    return i + (i < n && at[i] == '%');
}

static size_t symbol_length(const char *at, size_t n)
{
    if (n > 1 && at[1] == '=' && strchr("<>=!", at[0]))
        return 2;
    return strchr("+-*/^<>(),", at[0]) ? 1 : 0;
}

static void advance(struct parser *parser)
{
    parser->last_to = parser->token.to;
    while (parser->at < parser->end && is_blank(parser->text.at[parser->at]))
        parser->at++;

    const char *at = parser->text.at + parser->at;
    size_t n = parser->end - parser->at, length = 0;
    enum token_type type = TOKEN_END;
    if (n > 0 && at[0] != '\0') {
        if (is_digit(at[0]) || at[0] == '.') {
            type = TOKEN_NUMBER;
            length = number_length(at, n);
        } else if (is_letter(at[0])) {
            type = TOKEN_WORD;
            while (length < n && (is_letter(at[length]) || is_digit(at[length])))
                length++;
        } else {
            length = symbol_length(at, n);
            type = length > 0 ? TOKEN_SYMBOL : TOKEN_WRONG;
        }
    } else if (n > 0) {
        type = TOKEN_WRONG;
    }
    if (type == TOKEN_WRONG)
        length = 1;
    parser->token = (struct token){
        type, {at, length},
         parser->at, parser->at + length
    };
    parser->at += length;
}

static bool at_symbol(const struct parser *parser, const char *symbol)
{
    return (parser->token.type == TOKEN_SYMBOL || parser->token.type == TOKEN_WORD) &&
           span_equal(parser->token.text, span_of(symbol));
}

static unsigned refuse(struct parser *parser, enum fault_code code, size_t from, size_t to,
                       const char *message)
{
    /* An end of text has no bytes: point at the last one there is. */
    if (from >= to && to > 0)
        from = to - 1;
    fault_add(parser->faults, code, (struct place){parser->path, from, to}, NULL, "%s", message);
    return NO_NODE;
}

static unsigned unexpected(struct parser *parser, const char *expected)
{
    struct token token = parser->token;
    CLEANUP(charp_freep)
    char *message = token.type == TOKEN_END
                        ? xprintf("%s expected, but the text ends", expected)
                        : xprintf("%s expected, not '%.*s'", expected,
                                  (int)(token.text.n < 64 ? token.text.n : 64),
                                  (unsigned char)token.text.at[0] < 0x80 ? token.text.at : "?");

    return refuse(parser, FAULT_PARSE, token.from, token.to, message);
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

static unsigned new_operation(struct parser *parser, enum vm_op op, size_t from, unsigned a,
                              unsigned b, unsigned c)
{
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

/* Folds the arguments as they come: f(f(a, b), c). */
static unsigned parse_arguments(struct parser *parser, const struct function *function, size_t from,
                                unsigned *arguments, size_t *ret_n)
{
    unsigned folded = NO_NODE;
    size_t n = 0;

    do {
        advance(parser); /* "(" or "," */
        unsigned argument = parse(parser, BIND_OR);
        if (argument == NO_NODE)
            return NO_NODE;
        if (n < VM_INPUTS_MAX)
            arguments[n] = argument;
        n++;
        folded = n == 1 || function->shape == SHAPE_PLAIN || function->shape == SHAPE_CLAMP
                     ? argument
                     : new_operation(parser, function->op, from, folded, argument, 0);
        if (folded == NO_NODE)
            return NO_NODE;
    } while (at_symbol(parser, ","));
    if (!at_symbol(parser, ")"))
        return unexpected(parser, "')' or ','");
    advance(parser);
    *ret_n = n;
    return folded;
}

static unsigned parse_call(struct parser *parser, const struct function *function, size_t from)
{
    unsigned arguments[VM_INPUTS_MAX] = {0};
    size_t n = 0;
    unsigned folded = parse_arguments(parser, function, from, arguments, &n);

    if (folded == NO_NODE)
        return NO_NODE;
    if (n < function->min_arguments || n > function->max_arguments) {
        CLEANUP(charp_freep)
        char *message =
            xprintf("%s takes %zu argument%s, not %zu", function->name, function->min_arguments,
                    function->min_arguments == 1 ? "" : "s", n);
        return refuse(parser, FAULT_ARITY, from, parser->last_to, message);
    }
    switch (function->shape) {
    case SHAPE_PLAIN:
        return new_operation(parser, function->op, from, arguments[0], arguments[1], arguments[2]);
    case SHAPE_MEAN: {
        unsigned count = new_number(parser, (double)n, from);
        return count == NO_NODE ? NO_NODE
                                : new_operation(parser, VM_DIVIDE, from, folded, count, 0);
    }
    case SHAPE_CLAMP: {
        unsigned low = new_operation(parser, VM_MAX, from, arguments[0], arguments[1], 0);
        return low == NO_NODE ? NO_NODE : new_operation(parser, VM_MIN, from, low, arguments[2], 0);
    }
    case SHAPE_FOLD:
    case SHAPE_LATER: break;
    }
    return folded;
}

static unsigned parse_word(struct parser *parser)
{
    struct token word = parser->token;
    const struct function *function = NULL;
    const char *names[ARRAY_SIZE(functions)];

    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        names[i] = functions[i].name;
        if (span_equal(word.text, span_of(functions[i].name)))
            function = &functions[i];
    }
    advance(parser);
    if (!at_symbol(parser, "("))
        return new_node(
            parser, (struct expr_node){
                        .kind = EXPR_NAME, .name = word.text, .from = word.from, .to = word.to});
    if (function && function->shape != SHAPE_LATER)
        return parse_call(parser, function, word.from);

    const char *near = function ? NULL : nearest_name(word.text, names, ARRAY_SIZE(names));
    CLEANUP(charp_freep) char *hint = near ? xprintf("did you mean '%s'?", near) : NULL;
    fault_add(parser->faults, function ? FAULT_UNSUPPORTED : FAULT_NAME,
              (struct place){parser->path, word.from, word.to}, hint,
              function ? "%.*s() is not available yet" : "there is no function '%.*s'",
              (int)(word.text.n < 64 ? word.text.n : 64), word.text.at);
    return NO_NODE;
}

static unsigned parse_number(struct parser *parser)
{
    struct token token = parser->token;
    double value;

    if (!number_read(token.text, &value))
        return refuse(parser, FAULT_PARSE, token.from, token.to,
                      "this is not a number we can hold");
    advance(parser);
    return new_number(parser, value, token.from);
}

static unsigned parse_unary(struct parser *parser, enum vm_op op, enum binding binding)
{
    size_t from = parser->token.from;

    advance(parser);
    unsigned operand = parse(parser, binding);
    return operand == NO_NODE ? NO_NODE : new_operation(parser, op, from, operand, 0, 0);
}

static unsigned parse_operand(struct parser *parser)
{
    if (parser->token.type == TOKEN_NUMBER)
        return parse_number(parser);
    if (at_symbol(parser, "-"))
        return parse_unary(parser, VM_NEGATE, BIND_UNARY);
    if (at_symbol(parser, "not"))
        return parse_unary(parser, VM_NOT, BIND_NOT);
    if (at_symbol(parser, "(")) {
        advance(parser);
        unsigned inside = parse(parser, BIND_OR);
        if (inside == NO_NODE)
            return NO_NODE;
        if (!at_symbol(parser, ")"))
            return unexpected(parser, "')'");
        advance(parser);
        return inside;
    }
    if (parser->token.type == TOKEN_WORD && !at_symbol(parser, "and") && !at_symbol(parser, "or"))
        return parse_word(parser);
    return unexpected(parser, "a number, a name or '('");
}

static size_t operator_at(const struct parser *parser)
{
    size_t i = 0;

    while (i < ARRAY_SIZE(operators) && !at_symbol(parser, operators[i].symbol))
        i++;
    return i;
}

/* Reads operators that bind at least as tight as `loosest`. */
static unsigned parse_operators(struct parser *parser, enum binding loosest)
{
    size_t from = parser->token.from;
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
            return refuse(parser, FAULT_PARSE, parser->token.from, parser->token.to,
                          "comparisons cannot be chained: write a < b and b < c");
    }
    return left;
}

static unsigned parse(struct parser *parser, enum binding loosest)
{
    if (parser->depth == EXPR_DEPTH_MAX)
        return refuse(parser, FAULT_LIMIT, parser->token.from, parser->token.to,
                      "the expression is nested deeper than 64");
    parser->depth++;
    unsigned node = parse_operators(parser, loosest);
    parser->depth--;
    return node;
}

bool expr_parse(struct expr_tree *tree, struct span text, size_t from, size_t to, const char *path,
                struct faults *faults, unsigned *ret_root)
{
    struct parser parser = {
        .tree = tree, .text = text, .at = from, .end = to, .path = path, .faults = faults};

    advance(&parser);
    unsigned root = parse(&parser, BIND_OR);
    if (root != NO_NODE && parser.token.type != TOKEN_END)
        root = unexpected(&parser, "an operator");
    if (root == NO_NODE)
        return false;
    *ret_root = root;
    return true;
}
