// Kernels for every processor of the architecture: SSE2 on x86-64, NEON on arm64.

#include "variant.h"

#define VECTOR_WIDTH 4
#define TABLE ballast_kernels_baseline
#include "../families/families.h"
