/* The kinds of meson.build's list: one embedded schema each. */
#include "kinds.h"

const struct embedded *kind_schema(struct span name)
{
    for (const struct embedded *file = schema_files; file->name; file++)
        if (span_equal(name, span_of(file->name)))
            return file;
    return NULL;
}
