/* The kernels for x86-64's SSE2, ARM's NEON, or whatever the compiler makes of pairs. */
#define LANES 2
#define KERNELS kernels_base
#define KERNELS_NAME "base"
#include "kernels.inc"
