/* Where Redis lives: from an address to a socket that is connecting, without ever waiting. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "redis_private.h"

/* Numeric hosts only, so that no name server is ever asked on the loop; "localhost" is our own
 * word. */
static int resolve(const char *address, struct sockaddr_storage *out, socklen_t *ret_n)
{
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (!colon)
        return -EINVAL;
    char *host CLEANUP(charp_freep) = xspandup((struct span){address, (size_t)(colon - address)});
    if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, colon + 1, &hints,
                    &found) != 0)
        return -EINVAL;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *ret_n = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int find(const char *address, struct sockaddr_storage *out, socklen_t *ret_n)
{
    struct sockaddr_un *path = (struct sockaddr_un *)(void *)out;

    if (address[0] != '/')
        return resolve(address, out, ret_n);
    if (strlen(address) >= sizeof(path->sun_path))
        return -ENAMETOOLONG;
    path->sun_family = AF_UNIX;
    memcpy(path->sun_path, address, strlen(address));
    *ret_n = sizeof(*path);
    return 0;
}

int redis_open_socket(const char *address)
{
    struct sockaddr_storage where = {0};
    socklen_t n = 0;
    int on = 1, r = find(address, &where, &n);

    if (r < 0)
        return r;
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (where.ss_family != AF_UNIX)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&where, n) < 0 && errno != EINPROGRESS && errno != EAGAIN) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}
