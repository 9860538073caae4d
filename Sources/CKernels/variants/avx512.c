// Kernels for x86-64 processors with AVX-512 (F, BW, DQ, VL).

#include "variant.h"

#if defined(__x86_64__)
#define VECTOR_WIDTH 16
#define TABLE ballast_kernels_avx512
#pragma clang attribute push( \
  __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#include "../families/families.h"
#pragma clang attribute pop
#endif
