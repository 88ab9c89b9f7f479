#pragma once
/* Text of any language made comparable. Only unicode.c knows utf8proc. */

#include "base.h"

struct buf;

/* NFKC with letters folded (Unicode's NFKC_Casefold), invisible characters (Cf) gone, every space
 * and control character a space, every dash "-", every quote ' or ". Idempotent. Bytes that are no
 * UTF-8 become U+FFFD. Appends to out. */
void unicode_fold(struct span text, struct buf *out);
/* The same, and without the marks of Latin letters: "Société" is "societe", "Ørsted" is "orsted".
 */
void unicode_bare(struct span text, struct buf *out);
/* The letters of a folded text: how many of a to z, and how many bytes all others take. */
void unicode_letters(struct span text, size_t *ret_n_latin, size_t *ret_n_other_bytes);
