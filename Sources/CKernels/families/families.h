// All kernels, for the instruction set that the including variant has switched on.
// It defines VECTOR_WIDTH (floats in a vector: 4, 8 or 16) and TABLE (the name of its table).
//
// What every kernel keeps:
// - Work is cut by shape alone, never by the number of threads, and whatever decides the order of a sum is the same on
//   every machine (tuning.h, "bits"). One instruction set thus gives the same bits for any number of threads.
// - Tails are masked: nothing is read or written outside of an operand. (Scratch memory is padded to whole vectors.)
// - Operands need the alignment of a float. Vectors are loaded and stored through types that may alias (vector.h).
// - Subnormal numbers are zeros: the public entry points and the pool's threads see to it (floating_point.h). The compiler
//   does not know, so that no kernel may rely on it to simplify x * 1 or x + 0.

#pragma clang fp contract(fast)

#include "../tuning.h"
#include "vector.h"

#include "gemm.h"

#include "convolution.h"
#include "pooling.h"

#include "elementwise.h"

#include "broadcast.h"
#include "reductions.h"
#include "softmax.h"
#include "normalization.h"
#include "random.h"
#include "updates.h"
#include "batches.h"
#include "sampling.h"

const ballast_kernel_table TABLE = {
#define KERNEL(result, name, parameters, arguments) .name = kernel_##name,
  KERNELS(KERNEL)
#undef KERNEL
};
