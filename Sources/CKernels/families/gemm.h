// Matrix products: C = relu?(alpha op(A) op(B) + bias + C?).
//
// B is cut into panels of two vectors' width, packed so that the inner loop reads it in a row.

#include "transpose.h"

#include "gemm_block.h"

#include "gemm_vector.h"

#include "gemm_tiles.h"

#include "gemm_thin.h"

// The whole product on the caller, without packing: for few rows, or a B that stays in the first-level cache.
static void multiply_directly(const tiled_product *t) {
  for (size_t column = 0; column < t->n; column += panel_width) {
    size_t columns = smaller_size(panel_width, t->n - column);
    compute_panel(&t->base, direct, 0, t->m, column, columns, t->base.b + column, t->b_step);
  }
}

// C = relu?(bias + C?): what is left without any k.
static void finish_without_k(const product *p, size_t m, size_t n) {
  product empty = *p;
  empty.k = 0;
  for (size_t column = 0; column < n; column += panel_width) {
    compute_panel(&empty, direct, 0, m, column, smaller_size(panel_width, n - column), NULL, 0);
  }
}

static void kernel_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, const float *a,
                        const float *b, const float *bias, bool relu, bool accumulate, float *c) {
  if (m == 0 || n == 0) return;
  if (k == 1) transpose_b = false;            // a row and a column are stored alike
  if (m == 1 || n == 1) {
    vector_product v = {.k = k, .alpha = alpha, .bias = bias, .relu = relu, .accumulate = accumulate, .c = c};
    if (m == 1) {
      v.n = n, v.a = a, v.b = b, v.dot = transpose_b, v.bias_step = 1;
    } else {                                  // C^T = op(B)^T op(A)^T
      v.n = m, v.a = b, v.b = a, v.dot = !transpose_a && k > 1, v.bias_step = 0;
    }
    multiply_vector(&v);
    return;
  }
  tiled_product t = {
    .base = {.k = k, .a = a, .b = b, .row_step = transpose_a ? 1 : k, .k_step = transpose_a ? m : 1, .c = c, .c_step = n,
             .alpha = alpha, .bias = bias, .relu = relu, .accumulate = accumulate},
    .m = m, .n = n, .k = k, .b_step = transpose_b ? k : n, .transpose_b = transpose_b
  };
  if (k == 0) {
    finish_without_k(&t.base, m, n);
    return;
  }
  if (is_thin(&t)) {
    multiply_thinly(&t);
    return;
  }
  const double operations = 2.0 * (double)m * (double)n * (double)k;
  if (!transpose_b && k <= longest_k && operations < task_operations
      && ((m <= 2 * most_rows && operations < 2 * task_operations) || n * k <= 8192)) {
    multiply_directly(&t);
    return;
  }
  multiply_tiles(&t);
}

// ---------------------------------------------------------------- Batches

typedef struct {
  bool transpose_a, transpose_b, accumulate;
  size_t m, n, k, stride_a, stride_b, stride_c;
  float alpha;
  const float *a, *b;
  float *c;
} batched_product;

static void multiply_some(void *context, size_t begin, size_t end) {
  const batched_product *p = context;
  for (size_t i = begin; i < end; i++) {
    kernel_gemm(p->transpose_a, p->transpose_b, p->m, p->n, p->k, p->alpha, p->a + i * p->stride_a, p->b + i * p->stride_b,
                NULL, false, p->accumulate, p->c + i * p->stride_c);
  }
}

static void kernel_gemm_batched(size_t batch, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                                const float *a, size_t stride_a, const float *b, size_t stride_b, bool accumulate,
                                float *c, size_t stride_c) {
  batched_product p = {transpose_a, transpose_b, accumulate, m, n, k, stride_a, stride_b, stride_c, alpha, a, b, c};
  const double operations = 2.0 * (double)m * (double)n * (double)k;
  if (operations >= 8 * task_operations && batch < 16) { // few and large: each is shared
    multiply_some(&p, 0, batch);
    return;
  }
  size_t grain = operations >= task_operations ? 1 : (size_t)(task_operations / (operations + 1000)) + 1;
  ballast_parallel_range(batch, grain, &p, multiply_some);
}
