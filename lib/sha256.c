/* SHA-256 by OpenSSL, whose headers name calls that banned.h poisons. */
#define PARLEY_ALLOW_BANNED
#include "sha256.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "text.h"

void sha256(struct span data, unsigned char out[SHA256_BYTES])
{
    if (!EVP_Digest(data.at, data.n, out, NULL, EVP_sha256(), NULL))
        abort();
}

void sha256_text(struct span data, char out[SHA256_TEXT_BYTES])
{
    unsigned char bytes[SHA256_BYTES];

    sha256(data, bytes);
    text_hex(bytes, sizeof(bytes), out);
}
