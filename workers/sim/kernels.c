/* Which kernels this process runs: the widest the machine has. The choice changes the time and
 * never a bit of a result, so tests and benchmarks may set another. */
#include "kernels.h"

#include "base.h"

static const struct kernels *chosen;

static bool has(const struct kernels *set)
{
#if defined(__x86_64__)
    if (set == &kernels_avx2)
        return __builtin_cpu_supports("avx2");
    if (set == &kernels_avx512)
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
#endif
    return set == &kernels_base;
}

static const struct kernels *const sets[] = {
#if defined(__x86_64__)
    &kernels_avx512,
    &kernels_avx2,
#endif
    &kernels_base,
};

const struct kernels *kernels(void)
{
    /* Two threads that get here at once store the same pointer. */
    const struct kernels *set = __atomic_load_n(&chosen, __ATOMIC_RELAXED);

    for (size_t i = 0; !set && i < ARRAY_SIZE(sets); i++)
        if (has(sets[i]))
            set = sets[i];
    __atomic_store_n(&chosen, set, __ATOMIC_RELAXED);
    return set;
}

const struct kernels *kernels_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
        if (strcmp(sets[i]->name, name) == 0 && has(sets[i]))
            return sets[i];
    return NULL;
}

void kernels_use(const struct kernels *set)
{
    __atomic_store_n(&chosen, set, __ATOMIC_RELAXED);
}
