/* base64 by OpenSSL, whose headers name calls that banned.h poisons. Its decoder forgives spaces
 * and does not count the padding off: what it is given is looked at first. */
#define PARLEY_ALLOW_BANNED
#include "base64.h"

#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_text(struct span bytes)
{
    char *text = xcalloc(bytes.n / 3 * 4 + 5, 1);

    if (bytes.n > INT_MAX / 2)
        abort();
    (void)EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)bytes.at, (int)bytes.n);
    return text;
}

unsigned char *base64_bytes(struct span text, size_t *ret_n)
{
    size_t n_padding = 0;

    while (n_padding < 2 && n_padding < text.n && text.at[text.n - 1 - n_padding] == '=')
        n_padding++;
    if (text.n % 4 != 0 || text.n > INT_MAX)
        return NULL;
    for (size_t i = 0; i < text.n - n_padding; i++)
        if (text.at[i] == '\0' || !strchr(letters, text.at[i]))
            return NULL;
    unsigned char *bytes = xcalloc(text.n / 4 * 3 + 1, 1);
    if (EVP_DecodeBlock(bytes, (const unsigned char *)text.at, (int)text.n) < 0)
        abort();
    *ret_n = text.n / 4 * 3 - n_padding;
    return bytes;
}
