/* A hash table with open addressing, at most half full, so that a look takes a step or two. */
#include "index.h"

#define FIRST_SLOTS 1024

static uint32_t hash_of(enum name_table table, struct span key)
{
    uint32_t hash = 2166136261U ^ (uint32_t)table;

    for (size_t i = 0; i < key.n; i++)
        hash = (hash ^ (unsigned char)key.at[i]) * 16777619U;
    return hash ^ hash >> 15;
}

/* The entry of the key, or the free one where it belongs. */
static struct name_entry *find(const struct name_index *index, enum name_table table,
                               struct span key)
{
    size_t i = hash_of(table, key) & (index->n_slots - 1);

    for (;; i = (i + 1) & (index->n_slots - 1)) {
        struct name_entry *entry = &index->entries[i];
        if (!entry->key ||
            (entry->table == table && span_equal((struct span){entry->key, entry->n}, key)))
            return entry;
    }
}

static void grow(struct name_index *index)
{
    struct name_index larger = {.n = index->n};

    larger.n_slots = index->n_slots > 0 ? 2 * index->n_slots : FIRST_SLOTS;
    larger.entries = xcalloc(larger.n_slots, sizeof(larger.entries[0]));
    for (size_t i = 0; i < index->n_slots; i++) {
        const struct name_entry *old = &index->entries[i];
        if (old->key)
            *find(&larger, old->table, (struct span){old->key, old->n}) = *old;
    }
    free(index->entries);
    *index = larger;
}

const struct name_entry *name_index_put(struct name_index *index, enum name_table table,
                                        struct span key, unsigned flags, uint32_t value)
{
    if (2 * index->n >= index->n_slots)
        grow(index);
    struct name_entry *entry = find(index, table, key);
    if (!entry->key) {
        *entry = (struct name_entry){xspandup(key), key.n, table, flags, value};
        index->n++;
    }
    return entry;
}

const struct name_entry *name_index_get(const struct name_index *index, enum name_table table,
                                        struct span key)
{
    const struct name_entry *entry = index->n_slots > 0 ? find(index, table, key) : NULL;

    return entry && entry->key ? entry : NULL;
}
