// The public entry points: each calls through the table in use, in the kernels' floating-point state.

#include "floating_point.h"
#include "runtime.h"

#define KERNEL(result, name, parameters, arguments) \
  result ballast_##name parameters { \
    BALLAST_KERNEL_STATE; \
    return ballast_current_kernels()->name arguments; \
  }
KERNELS(KERNEL)
