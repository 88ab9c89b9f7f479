/* Names of jobs. The random part comes from the kernel, never from a seeded generator: two hosts
 * that start together must not make the same id.
 *
 * It is fetched for many ids at once, and each byte is used once and then forgotten. So a process
 * that has made an id must not go on in two after a fork(): none of ours does. */
#include "id.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void id_random(void *out, size_t n)
{
    if (getrandom(out, n, 0) != (ssize_t)n)
        abort();
}

/* Up to so many bytes the kernel gives whole, whatever signals come. */
#define POOL_BYTES 250

static void take_random(unsigned char *out, size_t n)
{
    static unsigned char pool[POOL_BYTES];
    static size_t left;

    if (left < n) {
        id_random(pool, sizeof(pool));
        left = sizeof(pool);
    }
    left -= n;
    memcpy(out, pool + left, n);
    memset(pool + left, 0, n);
}

void id_new(int64_t wall_ms, char out[ID_TEXT_BYTES])
{
    unsigned char bytes[16];
    __extension__ unsigned __int128 value = 0;

    take_random(bytes + 6, sizeof(bytes) - 6);
    for (int i = 0; i < 6; i++)
        bytes[i] = (unsigned char)(wall_ms >> (40 - 8 * i));
    for (size_t i = 0; i < sizeof(bytes); i++)
        value = value << 8 | bytes[i];
    for (int i = ID_TEXT_BYTES - 2; i >= 0; i--) {
        out[i] = alphabet[value & 31];
        value >>= 5;
    }
    out[ID_TEXT_BYTES - 1] = '\0';
}

void id_bytes(const char *id, unsigned char out[ID_BYTES])
{
    __extension__ unsigned __int128 value = 0;

    for (size_t i = 0; id[i] != '\0'; i++) {
        const char *digit = strchr(alphabet, id[i]);

        value = value << 5 | (digit ? (unsigned)(digit - alphabet) : 0);
    }
    for (size_t i = ID_BYTES; i-- > 0; value >>= 8)
        out[i] = (unsigned char)value;
}

bool id_valid(struct span text)
{
    if (text.n != ID_TEXT_BYTES - 1)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!memchr(alphabet, text.at[i], sizeof(alphabet) - 1))
            return false;
    return true;
}

void id_uuid(const char *id, char out[ID_UUID_BYTES])
{
    __extension__ unsigned __int128 value = 0;
    char *to = out;

    assert(id_valid(span_of(id)));
    for (; *id; id++) {
        const char *digit = strchr(alphabet, *id);
        value = value << 5 | (unsigned)(digit - alphabet);
    }
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20)
            *to++ = '-';
        *to++ = "0123456789abcdef"[(unsigned)(value >> (124 - 4 * i)) & 15];
    }
    *to = '\0';
}
