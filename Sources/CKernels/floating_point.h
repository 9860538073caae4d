// How kernels treat subnormal numbers, the ones below FLT_MIN: as zeros, on the way in and on the way out.
//
// Arithmetic with them takes a hundred cycles on many processors, and decaying moments and weights are full of them. The
// processor's own switch does it, which is part of each thread's floating-point state: workers set it once, and the public
// kernels (dispatch.c) and ballast_parallel set it for their duration. Rounding and exceptions are the defaults meanwhile,
// whatever the caller's are: results depend on nothing but the operands.

#ifndef BALLAST_FLOATING_POINT_H
#define BALLAST_FLOATING_POINT_H

#include <stdint.h>

// Writing the sticky exception flags is slow (50 to 90 ns on a Xeon with AMX, where other bits take 5): they keep what the
// caller has, and what a kernel raises goes when it returns.

#if defined(__x86_64__)
typedef unsigned int ballast_floating_point_state; // MXCSR
enum { ballast_kernel_state = 0x1f80 | 1 << 15 | 1 << 6, ballast_sticky_flags = 0x3f }; // masked exceptions, FTZ, DAZ
static inline ballast_floating_point_state ballast_get_state(void) { return __builtin_ia32_stmxcsr(); }
static inline void ballast_set_state(ballast_floating_point_state state) { __builtin_ia32_ldmxcsr(state); }
#elif defined(__aarch64__)
typedef uint64_t ballast_floating_point_state; // FPCR; the flags are in another register
enum { ballast_kernel_state = 1 << 24, ballast_sticky_flags = 0 }; // FZ
static inline ballast_floating_point_state ballast_get_state(void) { return __builtin_arm_rsr64("FPCR"); }
static inline void ballast_set_state(ballast_floating_point_state state) { __builtin_arm_wsr64("FPCR", state); }
#else
typedef int ballast_floating_point_state;
enum { ballast_kernel_state = 0, ballast_sticky_flags = 0 };
static inline ballast_floating_point_state ballast_get_state(void) { return 0; }
static inline void ballast_set_state(ballast_floating_point_state state) { (void)state; }
#endif

/// Switches to the kernels' state, and returns the caller's.
static inline ballast_floating_point_state ballast_enter_kernel(void) {
  const ballast_floating_point_state before = ballast_get_state();
  ballast_set_state((before & ballast_sticky_flags) | ballast_kernel_state);
  return before;
}

static inline void ballast_leave_kernel(const ballast_floating_point_state *before) { ballast_set_state(*before); }

/// Holds the kernels' state until the end of the block.
#define BALLAST_KERNEL_STATE \
  __attribute__((cleanup(ballast_leave_kernel))) const ballast_floating_point_state ballast_state_before = ballast_enter_kernel()

#endif
