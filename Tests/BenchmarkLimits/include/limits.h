// What the processor can do at best, to hold achieved figures against.

#ifndef BENCHMARK_LIMITS_H
#define BENCHMARK_LIMITS_H

#include <stddef.h>

#pragma clang assume_nonnull begin

/// Makes `rounds` rounds of independent fused multiply-adds in registers with the widest vectors there are, and returns
/// the number of floating-point operations made. `sink` keeps the result alive.
double limits_multiply_add(size_t rounds, float *sink);

/// The name of the vectors that limits_multiply_add uses.
const char *limits_vectors(void);

#pragma clang assume_nonnull end

#endif
