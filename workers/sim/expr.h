#pragma once
/* Expressions of mc/1: text to a tree. The grammar is closed: numbers, names, operators, known
 * functions. */

#include <stdbool.h>
#include <stddef.h>

#include "base.h"
#include "vm.h"

struct buf;
struct faults;

#define EXPR_NODES_MAX 4096 /* over all expressions of a model */
#define EXPR_DEPTH_MAX 64
#define EXPR_NAME_MAX_BYTES 64

enum expr_kind { EXPR_NUMBER, EXPR_NAME, EXPR_OPERATION };

struct expr_node {
    enum expr_kind kind;
    double value;     /* of a number */
    struct span name; /* borrowed from the text */
    enum vm_op op;
    unsigned inputs[VM_INPUTS_MAX]; /* nodes, all before this one */
    bool shared;                    /* several nodes read it */
    size_t from, to;                /* bytes of the text */
};

/* All expressions of a model share one tree, which owns the nodes. */
struct expr_tree {
    struct expr_node *nodes;
    size_t n;
};

/* One expression: its nodes stand together, the root last. */
struct expr {
    unsigned first, root;
};

void expr_deinit(struct expr_tree *tree);
/* Reads the bytes [from, to) of the text as one expression. false: a fault with this path was
 * added. The text must outlive the tree. */
bool expr_parse(struct expr_tree *tree, struct span text, size_t from, size_t to, const char *path,
                struct faults *faults, struct expr *ret_expr);

/* The same text for every spelling: blanks, brackets and the writing of numbers are forgotten. */
void expr_canonical(const struct expr_tree *tree, struct expr expr, struct buf *out);
bool expr_mentions(const struct expr_tree *tree, struct expr expr, struct span name);

bool expr_is_name(struct span text);     /* [A-Za-z_][A-Za-z0-9_]*, at most EXPR_NAME_MAX_BYTES */
bool expr_is_reserved(struct span text); /* a word of the language */
