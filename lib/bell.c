/* A bell for the loop, rung by other threads: an eventfd, the only thing of the loop that is
 * touched from outside its thread. */
#include "bell.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_ring(evutil_socket_t fd, short what, void *arg)
{
    struct bell *bell = arg;
    uint64_t rings;

    (void)what;
    (void)!read(fd, &rings, sizeof(rings));
    bell->fn(bell->arg);
}

void bell_init(struct bell *bell, struct loop *loop, loop_fn *fn, void *arg)
{
    *bell = (struct bell){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .fn = fn, .arg = arg};
    if (bell->fd < 0 || event_assign(&bell->event, loop_base(loop), bell->fd, EV_READ | EV_PERSIST,
                                     on_ring, bell) < 0)
        abort();
    (void)event_add(&bell->event, NULL);
}

void bell_ring(const struct bell *bell)
{
    const uint64_t one = 1;

    (void)!write(bell->fd, &one, sizeof(one)); /* full: it will be heard anyway */
}

void bell_clear(struct bell *bell)
{
    if (!bell->fn)
        return;
    (void)event_del(&bell->event);
    (void)close(bell->fd);
    bell->fn = NULL;
}
