/* The kinds of meson.build's list. */
#include "kind.h"

#define KIND(name) extern const struct kind kind_##name;
#include "kinds.def"
#undef KIND

const struct kind *const kinds[] = {
#define KIND(name) &kind_##name,
#include "kinds.def"
#undef KIND
    NULL,
};

const struct kind *kind_find(struct span name)
{
    for (const struct kind *const *kind = kinds; *kind; kind++)
        if (span_equal(name, span_of((*kind)->name)))
            return *kind;
    return NULL;
}
