// The heart of matrix products: a block of C, some rows times one or two vectors, kept in registers while k runs.
// Every element is one chain of fused multiply-adds over k in order, whatever block it falls in.

#if VECTOR_WIDTH == 16 || defined(__aarch64__)
enum { most_rows = 12 }; // 24 accumulators of 32 registers
#else
enum { most_rows = 6 };  // 12 accumulators of 16 registers
#endif
enum { panel_width = 2 * VECTOR_WIDTH };

/// Where a block's operands lie. B is packed in panels, padded to whole vectors (`packed`, and `packed_gathered_a`), or its rows
/// are b_step apart and end with the columns (`direct`, and `packing`, which writes the panel by the way), or row p starts at b + offsets[p] and may be read past its end
/// (`gathered_b`). Element (i, p) of A is a[i * row_step + p * k_step], or a[offsets[i] + p] (`packed_gathered_a`).
typedef enum { packed, direct, packing, gathered_b, packed_gathered_a, layouts } block_layout;

/// A product whose blocks are computed one by one.
typedef struct {
  size_t k;
  const float *a, *b;    // b: for whoever cuts the product, not for its blocks
  size_t row_step, k_step;
  const size_t *offsets;
  float *c;
  size_t c_step;         // from one row of C to the next
  float alpha;
  const float *bias;     // one per column, or null
  const float *row_bias; // one per row, or null
  float *panel;          // that `packing` writes
  bool relu, accumulate;
} product;

// One row of a block, finished and written: `count` is the number of columns in the last vector, 1...width.
INLINE void finish_row(const product *p, int vectors, size_t count, vf *sum, const float *bias, float row_bias, float *c) {
  for (int v = 0; v < vectors; v++) {
    bool last = v == vectors - 1;
    vf x = sum[v] * splat(p->alpha);
    if (p->accumulate) x += last ? load_part(c + v * width, count) : load(c + v * width);
    if (bias) x += last ? load_part(bias + v * width, count) : load(bias + v * width);
    x += splat(row_bias);
    if (p->relu) x = choose(x < 0, splat(0), x); // NaN stays
    if (last) store_part(c + v * width, count, x);
    else store(c + v * width, x);
  }
}

#define HIDE(x) __asm__("" : "+r"(x))

// Computes `rows` rows from `row` on and `columns` columns from `column` on, (vectors - 1) * width < columns <= vectors * width.
// b points to the first of these columns.
INLINE void compute_block(const int rows, const int vectors, const block_layout layout, const product *p, size_t row,
                          size_t column, size_t columns, const float *b, size_t b_step) {
  vf sum[most_rows][2];
  for (int i = 0; i < rows; i++) {
    for (int v = 0; v < vectors; v++) sum[i][v] = splat(0);
  }
  const size_t row_step = p->row_step, k_step = p->k_step, count = columns - (size_t)(vectors - 1) * width;
  // Rows are addressed from every fourth. The compiler must not see how they hang together, or it steps from one to the next
  // in a chain of additions that is longer than the loop's arithmetic.
  const float *a = p->a + row * row_step, *a4 = rows > 4 ? a + 4 * row_step : a, *a8 = rows > 8 ? a + 8 * row_step : a;
  size_t row_step_3 = 3 * row_step;
  HIDE(a4);
  HIDE(a8);
  HIDE(row_step_3);
  float *panel = p->panel;
  const float *gathered[most_rows];
  for (int i = 0; i < rows; i++) gathered[i] = layout == packed_gathered_a ? p->a + p->offsets[row + (size_t)i] : NULL;
  for (size_t step = 0; step < p->k; step++) {
    const float *from_b = layout == gathered_b ? b + p->offsets[step] : b;
    vf y[2];
    for (int v = 0; v < vectors; v++) {
      if ((layout == direct || layout == packing) && v == vectors - 1) {
        y[v] = VECTOR_WIDTH == 4 ? load_part(from_b + v * width, count) : load_tail(from_b + v * width, count);
      } else {
        y[v] = load(from_b + v * width);
      }
      if (vectors == 2 && layout <= packing) prefetch(from_b + v * width, steps_ahead * b_step);
      if (layout == packing) store(panel + v * width, y[v]);
    }
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      const float *from_a = i < 4 ? a : i < 8 ? a4 : a8;
      const size_t offset = i % 4 == 3 ? row_step_3 : (size_t)(i % 4) * row_step;
      vf x = splat(layout == packed_gathered_a ? gathered[i][step] : from_a[offset]);
      for (int v = 0; v < vectors; v++) sum[i][v] += x * y[v];
    }
    a += k_step;
    a4 += k_step;
    a8 += k_step;
    if (layout != gathered_b) b += b_step;
    if (layout == packing) panel += vectors * width;
  }
  float *c = p->c + row * p->c_step + column;
  if (p->alpha == 1 && !p->accumulate && !p->bias && !p->row_bias && !p->relu) {
#pragma clang loop unroll(full)
    for (int i = 0; i < rows; i++) {
      for (int v = 0; v < vectors - 1; v++) store(c + (size_t)i * p->c_step + v * width, sum[i][v]);
      store_part(c + (size_t)i * p->c_step + (vectors - 1) * width, count, sum[i][vectors - 1]);
    }
    return;
  }
  const float *bias = p->bias ? p->bias + column : NULL;
#pragma clang loop unroll(full)
  for (int i = 0; i < rows; i++) {
    finish_row(p, vectors, count, sum[i], bias, p->row_bias ? p->row_bias[row + (size_t)i] : 0, c + (size_t)i * p->c_step);
  }
}

typedef void (*block_function)(const product *p, size_t row, size_t column, size_t columns, const float *b, size_t b_step);

#define BLOCK(rows, vectors, layout, step) \
  static void layout##_block_##rows##x##vectors(const product *p, size_t row, size_t column, size_t columns, const float *b, \
                                                size_t b_step) { \
    (void)b_step; \
    compute_block(rows, vectors, layout, p, row, column, columns, b, step); \
  }
#define BLOCKS(rows) \
  BLOCK(rows, 1, packed, width) BLOCK(rows, 2, packed, 2 * width) \
  BLOCK(rows, 1, direct, b_step) BLOCK(rows, 2, direct, b_step) \
  BLOCK(rows, 1, packing, b_step) BLOCK(rows, 2, packing, b_step) \
  BLOCK(rows, 1, gathered_b, 0) BLOCK(rows, 2, gathered_b, 0) \
  BLOCK(rows, 1, packed_gathered_a, width) BLOCK(rows, 2, packed_gathered_a, 2 * width)
#define ENTRIES(rows) \
  {{packed_block_##rows##x1, packed_block_##rows##x2}, {direct_block_##rows##x1, direct_block_##rows##x2}, \
   {packing_block_##rows##x1, packing_block_##rows##x2}, {gathered_b_block_##rows##x1, gathered_b_block_##rows##x2}, \
   {packed_gathered_a_block_##rows##x1, packed_gathered_a_block_##rows##x2}},

BLOCKS(1) BLOCKS(2) BLOCKS(3) BLOCKS(4) BLOCKS(5) BLOCKS(6)
#if VECTOR_WIDTH == 16 || defined(__aarch64__)
BLOCKS(7) BLOCKS(8) BLOCKS(9) BLOCKS(10) BLOCKS(11) BLOCKS(12)
#endif

static const block_function blocks[most_rows][layouts][2] = { // [rows - 1][layout][vectors - 1]
  ENTRIES(1) ENTRIES(2) ENTRIES(3) ENTRIES(4) ENTRIES(5) ENTRIES(6)
#if VECTOR_WIDTH == 16 || defined(__aarch64__)
  ENTRIES(7) ENTRIES(8) ENTRIES(9) ENTRIES(10) ENTRIES(11) ENTRIES(12)
#endif
};

// Computes rows begin..<end of one panel of at most panel_width columns.
INLINE void compute_panel(const product *p, block_layout layout, size_t begin, size_t end, size_t column, size_t columns,
                          const float *b, size_t b_step) {
  const int vectors = columns > width ? 2 : 1;
  for (size_t row = begin; row < end;) {
    size_t left = end - row, rows = left < most_rows ? left : most_rows;
    // Rather two even blocks than a thin last one.
    if (left > most_rows && left < most_rows + most_rows / 2) rows = (left + 1) / 2;
    blocks[rows - 1][layout][vectors - 1](p, row, column, columns, b, b_step);
    row += rows;
  }
}

// ---------------------------------------------------------------- Packing

// The distance between the rows of a packed panel.
INLINE size_t packed_step(size_t columns) { return columns > width ? 2 * width : width; }

// Packs k rows of `columns` elements that lie `step` apart, padded with zeros to whole vectors.
static void pack_rows(size_t k, size_t columns, const float *b, size_t step, float *panel) {
  if (columns == panel_width) {
    for (size_t p = 0; p < k; p++, b += step, panel += panel_width) {
      store(panel, load(b));
      store(panel + width, load(b + width));
    }
  } else if (columns > width) {
    for (size_t p = 0; p < k; p++, b += step, panel += panel_width) {
      store(panel, load(b));
      store(panel + width, load_tail(b + width, columns - width));
    }
  } else {
    for (size_t p = 0; p < k; p++, b += step, panel += width) store(panel, load_part(b, columns));
  }
}

// The same for columns that lie `step` apart, each with its k elements in a row.
static void pack_columns(size_t k, size_t columns, const float *b, size_t step, float *panel) {
  const size_t panel_step = packed_step(columns);
  for (size_t column = 0; column < columns; column += width) {
    const size_t count = smaller_size(width, columns - column);
    const float *from = b + column * step;
    for (size_t p = 0; p < k; p += width) {
      vf x[width];
      if (count == width && k - p >= width) {
        for (size_t i = 0; i < width; i++) x[i] = load(from + i * step + p);
      } else {
        for (size_t i = 0; i < width; i++) x[i] = i < count ? load_part(from + i * step + p, k - p) : splat(0);
      }
      transpose_square(x);
      float *to = panel + p * panel_step + column;
      const size_t steps = smaller_size(width, k - p);
      for (size_t i = 0; i < steps; i++) store(to + i * panel_step, x[i]);
    }
  }
}
