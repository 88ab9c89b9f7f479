/* Numbers as text: what printf and strtod would find, for every size of number. */
#include "number.h"

#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base.h"
#include "main.h"

#define N_RANDOM 300000

static void expect(double x)
{
    char found[NUMBER_BYTES], wanted[NUMBER_BYTES];

    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(wanted, sizeof(wanted), "%.*g", digits, x);
        if (strtod(wanted, NULL) == x)
            break;
    }
    ck_assert_uint_eq(number_text(x, found), strlen(found));
    ck_assert_msg(strcmp(found, wanted) == 0, "%a: %s, not %s", x, found, wanted);
}

START_TEST(numbers_are_written_as_briefly_as_they_can_be_read_back)
{
    static const double rows[] = {0,
                                  -0.0,
                                  1,
                                  -1,
                                  10,
                                  100,
                                  123456789,
                                  0.1,
                                  0.2,
                                  0.3,
                                  1.0 / 3,
                                  2.0 / 3,
                                  0.0001,
                                  0.00012345,
                                  9.9e-5,
                                  1e15,
                                  999999999999999.9,
                                  1e14,
                                  99999999999999.98,
                                  1e300,
                                  5e-324,
                                  1e-310,
                                  0.5,
                                  0.25,
                                  4096,
                                  1e22,
                                  123.456,
                                  1e-4,
                                  1.5e-4,
                                  1e3,
                                  999.9999999999999,
                                  72057594037927936.0};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        expect(rows[i]);
        expect(nextafter(rows[i], 1e308));
        expect(nextafter(rows[i], -1e308));
    }
}
END_TEST

START_TEST(any_bits_give_what_printf_gives)
{
    uint64_t state = 20261121;

    for (int i = 0; i < N_RANDOM; i++) {
        double x;

        state = state * 6364136223846793005u + 1442695040888963407u;
        uint64_t bits = state ^ state >> 29;
        /* Half of them of everyday size. */
        if (i % 2)
            bits = (bits & 0x800fffffffffffffu) | (uint64_t)(1023 - 14 + (state >> 33) % 64) << 52;
        memcpy(&x, &bits, sizeof(x));
        if (isfinite(x))
            expect(x);
        if (isfinite(x) && fabs(x) < 1e15)
            expect(round(x * 1000) / 1000);
    }
}
END_TEST

TEST_MAIN("number", numbers_are_written_as_briefly_as_they_can_be_read_back,
          any_bits_give_what_printf_gives)
