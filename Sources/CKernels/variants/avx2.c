// Kernels for x86-64 processors with AVX2 and FMA.

#include "variant.h"

#if defined(__x86_64__)
#define VECTOR_WIDTH 8
#define TABLE ballast_kernels_avx2
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#include "../families/families.h"
#pragma clang attribute pop
#endif
