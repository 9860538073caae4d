#include "limits.h"

#include <string.h>

// Sixteen chains hide the latency of the multiply-adds; two constants keep every value finite.
#define CHAINS(WIDTH, TARGET)                                                                                  \
  typedef float vector##WIDTH __attribute__((vector_size(4 * WIDTH)));                                         \
  TARGET static double multiply_add##WIDTH(size_t rounds, float *sink) {                                       \
    vector##WIDTH chain[16];                                                                                   \
    for (int i = 0; i < 16; i++) chain[i] = (vector##WIDTH){} + 1.0f + (float)i;                               \
    vector##WIDTH factor = (vector##WIDTH){} + 0.999f, term = (vector##WIDTH){} + 0.001f;                      \
    for (size_t round = 0; round < rounds; round++) {                                                          \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < 16; i++)                                          \
          chain[i] = __builtin_elementwise_fma(chain[i], factor, term);                                        \
    }                                                                                                          \
    for (int i = 1; i < 16; i++) chain[0] += chain[i];                                                         \
    memcpy(sink, &chain[0], sizeof(float));                                                                    \
    return (double)rounds * 16 * WIDTH * 2;                                                                    \
  }

#if defined(__x86_64__)
CHAINS(16, __attribute__((target("avx512f"))))
CHAINS(8, __attribute__((target("avx2,fma"))))

double limits_multiply_add(size_t rounds, float *sink) {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) return multiply_add16(rounds, sink);
  return multiply_add8(rounds, sink);
}

const char *limits_vectors(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") ? "avx512" : "avx2";
}
#else
CHAINS(4, )

double limits_multiply_add(size_t rounds, float *sink) { return multiply_add4(rounds, sink); }
const char *limits_vectors(void) { return "128 bits"; }
#endif
