#pragma once
/* Texts and colours on the card: the few ways in which all of its parts draw. */

#include <pango/pangocairo.h>
#include <stdbool.h>

#include "base.h"

struct error;

struct colour {
    double r, g, b, a;
};
/* 0xRRGGBB */
struct colour colour_of(unsigned rgb, double alpha);

struct ink {
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoFontMap *map;
    PangoContext *context;
    char *families;
};

/* A picture of so many pixels each way. -ENOENT, -ENOMEM and error; deinit in any case. */
int ink_init(struct ink *ink, int pixels, struct error *error) MUST_CHECK;
void ink_deinit(struct ink *ink);

/* Fills the current path, or draws along it; it is gone then. */
void ink_fill(struct ink *ink, struct colour colour);
void ink_stroke(struct ink *ink, double width, struct colour colour);
/* A rectangle with round corners as the current path. */
void ink_round(struct ink *ink, double x, double y, double width, double height, double radius);

enum ink_weight { INK_REGULAR, INK_BOLD };
enum ink_align { INK_START, INK_CENTRE, INK_END };

struct ink_text {
    struct span text; /* any UTF-8; controls and marks of direction are no part of the picture */
    enum ink_weight weight;
    int size;     /* of a letter, in pixels */
    int min_size; /* it is made smaller until the text fits, down to this; 0 = it stays */
    int lines;    /* at most; what does not fit even then ends with an ellipsis */
    struct colour colour;
    enum ink_align align; /* INK_START: where a text of its script begins */
    double x, y, width;   /* the box; y is the top of it */
    double height; /* of the box; the text stands in its middle. 0 = y is the first baseline */
};

/* Where it came to stand. */
struct ink_box {
    double x, y, width, height;
};
struct ink_box ink_write(struct ink *ink, const struct ink_text *text);
