// Matrix products: C = relu?(alpha op(A) op(B) + bias + C?).
//
// B is cut into panels of two vectors' width, packed so that the inner loop reads it in a row, and C into tiles of some
// rows times some panels, which threads compute independently. How a product is cut depends on its shape alone.

#include "transpose.h"

#include "gemm_block.h"

#include "gemm_vector.h"

enum { longest_k = 512, tile_bytes = 384 << 10, far_apart = 512, most_tasks = 96, packing_grain = 8192 }; // far_apart: floats from row to row of A
static const double parallel_operations = 3e6; // multiply-adds and others in a product, and in a task, worth sharing
static const double task_operations = 3e6;

/// A product with its cuts.
typedef struct {
  product base;          // with A at the first step of the k in hand
  size_t m, n, k;        // k: steps in hand
  const float *b;        // at the first step of the k in hand
  size_t b_step;         // from one row of B, as it is stored, to the next
  bool transpose_b;
  float *panel;          // all panels, each panel_width * k but the last, which may be narrower
  size_t panels;
  size_t row_tiles, tile_rows, column_tiles, tile_panels;
  bool packs_in_tiles;   // each tile packs its own panels: there is one row of tiles
} tiled_product;

static void pack_panel(const tiled_product *t, size_t panel, float *to) {
  size_t column = panel * panel_width, columns = smaller_size(panel_width, t->n - column);
  if (t->transpose_b) pack_columns(t->k, columns, t->b + column * t->b_step, t->b_step, to);
  else pack_rows(t->k, columns, t->b + column, t->b_step, to);
}

static void pack_panels(void *context, size_t begin, size_t end) {
  const tiled_product *t = context;
  for (size_t panel = begin; panel < end; panel++) pack_panel(t, panel, t->panel + panel * panel_width * t->k);
}

static void compute_tile(void *context, size_t index) {
  const tiled_product *t = context;
  const size_t row = index / t->column_tiles * t->tile_rows, rows = smaller_size(t->tile_rows, t->m - row);
  const size_t first = index % t->column_tiles * t->tile_panels, end = smaller_size(first + t->tile_panels, t->panels);
  product tile = t->base;
  tile.a += row * tile.row_step;
  tile.c += row * tile.c_step;
  // A transposed A with long rows touches a page with every step of k, for less than a cache line if blocks have few rows:
  // its tile is drawn together.
  const bool gathers = most_rows < 12 && tile.row_step == 1 && tile.k_step >= far_apart && end - first >= 3;
  const size_t bytes = gathers ? rows * t->k * sizeof(float) : 0;
  float *gathered = gathers ? ballast_allocate(bytes) : NULL;
  if (gathers) {
    for (size_t p = 0; p < t->k; p++) memcpy(gathered + p * rows, tile.a + p * tile.k_step, rows * sizeof(float));
    tile.a = gathered;
    tile.k_step = rows;
  }
  for (size_t panel = first; panel < end; panel++) {
    const size_t column = panel * panel_width, columns = smaller_size(panel_width, t->n - column);
    float *packed_panel = t->panel + panel * panel_width * t->k;
    if (t->packs_in_tiles) pack_panel(t, panel, packed_panel);
    compute_panel(&tile, packed, 0, rows, column, columns, packed_panel, 0);
  }
  if (gathers) ballast_release(gathered, bytes);
}

// The whole product on the caller, without packing: for few rows, or a B that stays in the first-level cache.
static void multiply_directly(const tiled_product *t) {
  for (size_t column = 0; column < t->n; column += panel_width) {
    size_t columns = smaller_size(panel_width, t->n - column);
    compute_panel(&t->base, direct, 0, t->m, column, columns, t->b + column, t->b_step);
  }
}

// The k in hand, tile by tile.
static void multiply_tiles(tiled_product *t) {
  const double operations = 2.0 * (double)t->m * (double)t->n * (double)t->k;
  if (operations < parallel_operations) { // one panel at a time
    for (size_t panel = 0; panel < t->panels; panel++) {
      size_t column = panel * panel_width, columns = smaller_size(panel_width, t->n - column);
      pack_panel(t, panel, t->panel);
      compute_panel(&t->base, packed, 0, t->m, column, columns, t->panel, 0);
    }
    return;
  }
  const size_t tasks = smaller_size((size_t)(operations / task_operations), most_tasks);
  t->tile_rows = larger_size(2, tile_bytes / sizeof(float) / t->k / most_rows) * most_rows;
  t->row_tiles = ceiling_quotient(t->m, t->tile_rows);
  t->tile_rows = round_up(ceiling_quotient(t->m, t->row_tiles), most_rows);
  t->row_tiles = ceiling_quotient(t->m, t->tile_rows);
  t->column_tiles = smaller_size(t->panels, larger_size(1, tasks / t->row_tiles));
  t->tile_panels = ceiling_quotient(t->panels, t->column_tiles);
  t->column_tiles = ceiling_quotient(t->panels, t->tile_panels);
  t->packs_in_tiles = t->row_tiles == 1;
  if (!t->packs_in_tiles) {
    ballast_parallel_range(t->panels, larger_size(1, packing_grain / (panel_width * t->k)), t, pack_panels);
  }
  ballast_parallel(t->row_tiles * t->column_tiles, t, compute_tile);
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
    .base = {.k = k, .a = a, .row_step = transpose_a ? 1 : k, .k_step = transpose_a ? m : 1, .c = c, .c_step = n,
             .alpha = alpha, .bias = bias, .relu = relu, .accumulate = accumulate},
    .m = m, .n = n, .k = k, .b = b, .b_step = transpose_b ? k : n, .transpose_b = transpose_b,
    .panels = ceiling_quotient(n, panel_width)
  };
  if (k == 0) {
    finish_without_k(&t.base, m, n);
    return;
  }
  const bool few_rows = m <= 2 * most_rows && (double)m * (double)n * (double)k < parallel_operations;
  if (!transpose_b && k <= longest_k && (few_rows || n * k <= 8192)
      && 2.0 * (double)m * (double)n * (double)k < parallel_operations) {
    multiply_directly(&t);
    return;
  }
  const size_t parts = ceiling_quotient(k, longest_k), most_k = ceiling_quotient(k, parts);
  const size_t bytes = sizeof(float) * most_k * round_up(n, panel_width);
  t.panel = ballast_allocate(bytes);
  for (size_t begin = 0; begin < k; begin += most_k) {
    const bool is_last = begin + most_k >= k;
    t.k = t.base.k = is_last ? k - begin : most_k;
    t.base.a = a + begin * t.base.k_step;
    t.b = b + begin * (transpose_b ? 1 : n);
    t.base.bias = is_last ? bias : NULL;
    t.base.relu = is_last && relu;
    t.base.accumulate = accumulate || begin > 0;
    multiply_tiles(&t);
  }
  ballast_release(t.panel, bytes);
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
  if (operations >= 8 * parallel_operations && batch < 16) { // few and large: each is shared
    multiply_some(&p, 0, batch);
    return;
  }
  size_t grain = operations >= task_operations ? 1 : (size_t)(task_operations / (operations + 1000)) + 1;
  ballast_parallel_range(batch, grain, &p, multiply_some);
}
