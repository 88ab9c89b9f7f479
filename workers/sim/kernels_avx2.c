/* The kernels for AVX2: four lanes. */
#define LANES 4
#define KERNELS kernels_avx2
#define KERNELS_NAME "avx2"
#include "kernels.inc"
