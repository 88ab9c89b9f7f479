/* The kernels for AVX-512 (F, DQ, VL): eight lanes. */
#define LANES 8
#define KERNELS kernels_avx512
#define KERNELS_NAME "avx512"
#include "kernels.inc"
