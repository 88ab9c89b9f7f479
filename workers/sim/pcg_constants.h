#pragma once
/* PCG RXS-M-XS 64/64, shared by pcg.c and the vector kernels. */
#define PCG_MULTIPLIER 6364136223846793005u
#define PCG_SCRAMBLE 12605985483714917081u
