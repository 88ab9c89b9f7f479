/* The command line of a load client. The table is the whole of it: what must be given its owner
 * looks after. */
#include "options.h"

#include "figures.h"
#include "text.h"

static const struct option_row *find(const struct option_row *rows, size_t n_rows, const char *name)
{
    for (size_t i = 0; i < n_rows; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static bool take(const struct option_row *row, void *field, const char *value)
{
    const bool yes = true;

    switch (row->type) {
    case OPTION_TEXT: memcpy(field, &value, sizeof(value)); return true;
    case OPTION_NUMBER: return text_to_u64(span_of(value), row->max, field) == 0;
    case OPTION_FLAG: memcpy(field, &yes, sizeof(yes)); return true;
    case OPTION_PID: return cpu_meter_add(field, value) == 0;
    }
    return false;
}

bool options_read(const struct option_row *rows, size_t n_rows, void *ret_options, int argc,
                  char **argv)
{
    for (int i = 1; i < argc; i++) {
        const struct option_row *row = find(rows, n_rows, argv[i]);
        const char *value = row && row->type != OPTION_FLAG && i + 1 < argc ? argv[++i] : "";

        if (!row || !take(row, (char *)ret_options + row->offset, value))
            return false;
    }
    return true;
}
