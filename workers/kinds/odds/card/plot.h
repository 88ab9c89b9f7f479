#pragma once
/* The histogram of the simulations over the bar of the 80 % interval. */

struct ink;
struct json;

/* Draws into the box; result is that of a predict job. */
void plot_draw(struct ink *ink, const struct json *result, double x, double y, double width,
               double height);
