// Our words are those of the generator's own library (libpcg-cpp-dev), also after advancing.
#include <pcg_random.hpp>

#include <cstdio>

#define PARLEY_ALLOW_BANNED
extern "C" {
#include "sim/pcg.h"
}

int main()
{
    static const uint64_t seeds[][2] = {{42, 54}, {0, 0}, {UINT64_MAX, UINT64_MAX >> 1}, {0x123456789abcdef, 7}};
    static const uint64_t jumps[] = {0, 1, 31, 1024, 1000003, UINT64_C(1) << 40, UINT64_MAX};

    for (const auto &seed : seeds) {
        for (uint64_t jump : jumps) {
            pcg_engines::setseq_rxs_m_xs_64_64 theirs(seed[0], seed[1]);
            struct pcg ours;
            pcg_init(&ours, seed[0], seed[1]);
            theirs.advance(jump);
            pcg_advance(&ours, jump);
            for (int i = 0; i < 10000; i++) {
                uint64_t want = theirs(), got = pcg_next(&ours);
                if (want != got) {
                    std::printf("seed %llu, jump %llu, word %d: %llx, not %llx\n", (unsigned long long)seed[0],
                                (unsigned long long)jump, i, (unsigned long long)got, (unsigned long long)want);
                    return 1;
                }
            }
        }
    }
    return 0;
}
