/* Failpoints: one name and one count from the environment, read at the first arrival. */
#include "failpoint.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base.h"
#include "text.h"

#ifdef PARLEY_FAILPOINTS
static struct {
    bool read;
    struct span name;
    uint64_t left; /* arrivals until the end */
} state;

static void read_environment(void)
{
    const char *text = getenv("PARLEY_FAILPOINT");
    struct span rest = span_of(text), count;

    state.read = true;
    state.left = 1;
    if (!text)
        return;
    (void)text_next(&rest, ':', &state.name);
    if (text_next(&rest, ':', &count) && text_to_u64(count, UINT64_MAX, &state.left) < 0)
        abort();
}

void failpoint_hit(const char *name)
{
    if (!state.read)
        read_environment();
    if (span_equal(state.name, span_of(name)) && --state.left == 0)
        (void)kill(getpid(), SIGKILL);
}
#else
typedef int failpoint_nothing; /* a translation unit needs a declaration */
#endif
