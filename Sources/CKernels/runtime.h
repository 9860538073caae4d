// What the kernels share below the instruction sets: the table, the thread pool's inner face, start-up.

#ifndef BALLAST_RUNTIME_H
#define BALLAST_RUNTIME_H

#include "include/CKernels.h"
#include "kernels.h"

#pragma clang assume_nonnull begin

/// One pointer per kernel; every variant fills one.
typedef struct {
#define KERNEL(result, name, parameters, arguments) result(*name) parameters;
  KERNELS(KERNEL)
#undef KERNEL
} ballast_kernel_table;

extern const ballast_kernel_table ballast_kernels_baseline;
#if defined(__x86_64__)
extern const ballast_kernel_table ballast_kernels_avx2;
extern const ballast_kernel_table ballast_kernels_avx512;
#endif

/// The table that start-up has chosen; null until the first kernel is called.
extern const ballast_kernel_table *_Nullable ballast_kernels;

/// The table that this thread has chosen for itself; null if it has not.
extern _Thread_local const ballast_kernel_table *_Nullable ballast_chosen_kernels;

/// Starts up: chooses ballast_kernels, and reports an error of the environment that nobody has asked about.
const ballast_kernel_table *ballast_first_kernels(void);

/// The table to use.
static inline const ballast_kernel_table *ballast_current_kernels(void) {
  const ballast_kernel_table *table = ballast_chosen_kernels;
  if (!table) table = __atomic_load_n(&ballast_kernels, __ATOMIC_ACQUIRE);
  return table ? table : ballast_first_kernels();
}

/// The number of threads that BALLAST_THREADS requests: 0 means one per processor.
int ballast_requested_threads(void);

/// Bytes of B that a tile of a matrix product may use, by the second-level cache of this processor.
size_t ballast_tile_bytes(void);

typedef void (*ballast_range_body)(void *_Nullable context, size_t begin, size_t end);

/// Splits 0..<count into pieces of `grain` (the last may be shorter) and runs them on the pool; a count of at most
/// `grain` runs on the caller at once. The pieces depend on count and grain alone.
void ballast_parallel_range(size_t count, size_t grain, void *_Nullable context, ballast_range_body body);

#pragma clang assume_nonnull end

#endif
