/* How many connections each client's address has.
 *
 * An address stands for one customer's line: a whole IPv4 address, the /64 of an IPv6 one. It is in
 * the tree as long as it has a connection, and belongs to the server; the connections borrow it.
 * And which addresses only this machine reaches. */
#include <netinet/in.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "http_conn.h"

struct http_address {
    unsigned char line[16];
    size_t n_connections;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(((struct http_address *)NULL)->line));
}

/* false: it has no address that could be counted. */
static bool line_of(const struct sockaddr_storage *peer, unsigned char line[16])
{
    if (peer->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof(in));
        line[10] = line[11] = 0xff;
        memcpy(line + 12, &in.sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, peer, sizeof(in6));
        memcpy(line, &in6.sin6_addr, IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) ? 16 : 8);
    } else {
        return false;
    }
    return true;
}

bool http_address_enter(struct http_server *server, const struct sockaddr_storage *peer,
                        struct http_address **ret_address)
{
    const struct http_options *options = &server->options;
    struct http_address wanted = {0};

    *ret_address = NULL;
    if (!line_of(peer, wanted.line) ||
        (options->is_counted && !options->is_counted(peer, options->arg)))
        return true;
    void *found = tfind(&wanted, &server->addresses, compare);
    if (!found) {
        struct http_address *address = xcalloc(1, sizeof(*address));

        *address = wanted;
        found = tsearch(address, &server->addresses, compare);
        if (!found)
            abort();
    }
    struct http_address *address = *(struct http_address **)found;
    if (address->n_connections >= options->max_per_address)
        return false;
    address->n_connections++;
    *ret_address = address;
    return true;
}

void http_address_leave(struct http_server *server, struct http_address *address)
{
    if (!address || --address->n_connections > 0)
        return;
    (void)tdelete(address, &server->addresses, compare);
    free(address);
}

bool http_socket_is_local(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        return false;
    if (address.ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)&address;
        return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)&address;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
    }
    return address.ss_family == AF_UNIX;
}

bool http_server_is_local(const struct http_server *server)
{
    return http_socket_is_local(server->listen_fd);
}
