/* SHA-256 and HMAC by OpenSSL, whose headers name calls that banned.h poisons.
 *
 * They fail only when OpenSSL itself is broken: then nothing we would say about secrets is true,
 * and the process ends. */
#define PARLEY_ALLOW_BANNED
#include "sha256.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>

#include "text.h"

struct hmac {
    EVP_MAC *mac;
    EVP_MAC_CTX *keyed; /* copied for each use */
};

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

void sha1(struct span data, unsigned char out[SHA1_BYTES])
{
    if (!EVP_Digest(data.at, data.n, out, NULL, EVP_sha1(), NULL))
        abort();
}

struct hmac *hmac_new(struct span secret)
{
    struct hmac *hmac = xcalloc(1, sizeof(*hmac));
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    hmac->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    hmac->keyed = hmac->mac ? EVP_MAC_CTX_new(hmac->mac) : NULL;
    if (!hmac->keyed ||
        !EVP_MAC_init(hmac->keyed, (const unsigned char *)secret.at, secret.n, parameters))
        abort();
    return hmac;
}

struct hmac *hmac_free(struct hmac *hmac)
{
    if (!hmac)
        return NULL;
    EVP_MAC_CTX_free(hmac->keyed);
    EVP_MAC_free(hmac->mac);
    free(hmac);
    return NULL;
}

void hmac_of(struct hmac *hmac, struct span data, unsigned char out[SHA256_BYTES])
{
    EVP_MAC_CTX *context = EVP_MAC_CTX_dup(hmac->keyed);
    size_t n = 0;

    if (!context || !EVP_MAC_update(context, (const unsigned char *)data.at, data.n) ||
        !EVP_MAC_final(context, out, &n, SHA256_BYTES) || n != SHA256_BYTES)
        abort();
    EVP_MAC_CTX_free(context);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}
