#pragma once
/* Addresses of clients: networks that are trusted, and whose address a request counts for. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base.h"

struct error;
struct http_request;
struct sockaddr_storage;

/* IPv4 as ::ffff:a.b.c.d. */
struct address {
    uint8_t bytes[16];
    bool known; /* false: a unix socket, or nothing that can be read */
};

struct network {
    struct address address;
    unsigned n_bits; /* of 128 */
};

#define NETWORKS_MAX 32
struct networks {
    size_t n;
    struct network items[NETWORKS_MAX];
};

/* "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; a port behind it is dropped. -EINVAL. */
int address_parse(struct span text, struct address *ret_address) MUST_CHECK;
void address_of(const struct sockaddr_storage *socket_address, struct address *ret_address);
bool address_is_loopback(const struct address *address);
/* What stands for one customer's line: an IPv4 address, or the /64 of an IPv6 one. */
#define ADDRESS_TEXT_BYTES 64
void address_text(const struct address *address, char out[ADDRESS_TEXT_BYTES]);

/* "10.0.0.0/8, ::1": -EINVAL and error (ERROR_CONFIG). NULL = none. */
int networks_parse(const char *list, struct networks *ret_networks, struct error *error) MUST_CHECK;
bool networks_have(const struct networks *networks, const struct address *address);

/* The nearest address that no trusted proxy stands for: the peer's own, or, when that is a trusted
 * proxy, the last of X-Forwarded-For that is none. What cannot be read ends the search: nobody
 * counts as somebody else because of a field we do not understand. */
void address_of_client(const struct networks *trusted, const struct address *peer,
                       const struct http_request *request, struct address *ret_address);
