// The public entry points: each calls through the table in use.

#include "runtime.h"

#define KERNEL(result, name, parameters, arguments) \
  result ballast_##name parameters { return ballast_current_kernels()->name arguments; }
KERNELS(KERNEL)
