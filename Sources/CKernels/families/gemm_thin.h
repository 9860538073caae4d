// Products whose few columns would leave lanes idle, where A is stored transposed: the rows of C run through the lanes
// instead. C^T = op(B)^T op(A)^T is computed a panel of C's rows at a time, and each panel transposed as it is finished.
// The order of every sum is the same as in other products.

enum { most_thin_columns = 2 * width };

INLINE bool is_thin(const tiled_product *t) {
  const size_t lanes = round_up(t->n, width);
  return t->base.row_step == 1 && t->m >= 4 * width && t->n <= most_thin_columns && 5 * t->n <= 4 * lanes;
}

// Rows of C from `row` on: `turned` holds them as columns, panel_width floats apart.
static void finish_turned(const product *p, size_t row, size_t rows, size_t n, const float *turned) {
  for (size_t column = 0; column < n; column += width) {
    const size_t columns = smaller_size(width, n - column);
    const float *bias = p->bias ? p->bias + column : NULL;
    for (size_t first = 0; first < rows; first += width) {
      vf x[width];
      for (size_t i = 0; i < width; i++) {
        x[i] = i < columns ? load(turned + (column + i) * panel_width + first) : splat(0);
      }
      transpose_square(x);
      const size_t count = smaller_size(width, rows - first);
      for (size_t i = 0; i < count; i++) {
        finish_row(p, 1, columns, &x[i], bias, 0, p->c + (row + first + i) * p->c_step + column);
      }
    }
  }
}

static void compute_thin_panels(void *context, size_t begin, size_t end) {
  const tiled_product *t = context;
  float turned[most_thin_columns * panel_width];
  for (size_t panel = begin; panel < end; panel++) {
    const size_t row = panel * panel_width, rows = smaller_size(panel_width, t->m - row);
    for (size_t first = 0; first < t->k; first += t->part) {
      const product part = part_of_product(t, first);
      const product p = {.k = part.k, .a = part.b, .row_step = t->transpose_b ? t->b_step : 1,
                         .k_step = t->transpose_b ? 1 : t->b_step, .c = turned, .c_step = panel_width, .alpha = 1};
      compute_panel(&p, direct, 0, t->n, 0, rows, part.a + row, part.k_step);
      finish_turned(&part, row, rows, t->n, turned);
    }
  }
}

static void multiply_thinly(tiled_product *t) {
  t->part = part_steps(t->k);
  const double panel_operations = 2.0 * panel_width * (double)t->n * (double)t->k;
  ballast_parallel_range(ceiling_quotient(t->m, panel_width), (size_t)(task_operations / panel_operations) + 1, t,
                         compute_thin_panels);
}
