#pragma once
/* Bytes as text: base64 with padding, RFC 4648 section 4. */

#include <stddef.h>

#include "base.h"

char *base64_text(struct span bytes); /* heap */
/* Heap, NULL when the text is none (no line feeds, nothing left out). */
unsigned char *base64_bytes(struct span text, size_t *ret_n);
