// All kernels, for the instruction set that the including variant has switched on.
// It defines VECTOR_WIDTH (floats in a vector: 4, 8 or 16) and TABLE (the name of its table).

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
