#pragma once
/* Numbers as text. */

/* The fewest of 15, 16 or 17 digits that read back as the same double, as printf's %g writes them.
 * x must be finite. Returns the bytes written; out is NUL-terminated. */
#define NUMBER_BYTES 32
unsigned number_text(double x, char out[NUMBER_BYTES]);
