// How a product is cut. C is cut into tiles of some rows times some panels of B, which threads compute independently; a
// tile is computed in strips of most_rows rows. A strip of A stays in the first-level cache while the tile's panels pass
// from the second-level one.
//
// How a product is cut does not change its bits: each element is summed over parts of k in order (longest_k), wherever it lies.

/// A product with its cuts, and the current part of k and block of columns.
typedef struct {
  product base;          // with all of k
  size_t m, n, k;
  size_t b_step;         // from one row of B, as it is stored, to the next
  bool transpose_b;
  size_t part;           // steps of k in a part, but for the last
  size_t row_tiles, tile_rows, column_tiles, tile_panels; // tile_rows is a multiple of most_rows
  size_t begin, first_column, panels; // current: first step of k, first column, number of panels
  float *packed;         // the current panels; null: every tile packs its own
} tiled_product;

INLINE size_t part_steps(size_t k) { return ceiling_quotient(k, ceiling_quotient(k, longest_k)); }

// The part of k that starts at `begin`, as a product of its own.
INLINE product part_of_product(const tiled_product *t, size_t begin) {
  product p = t->base;
  const bool is_last = t->k - begin <= t->part;
  p.k = is_last ? t->k - begin : t->part;
  p.a += begin * p.k_step;
  p.b += t->transpose_b ? begin : begin * t->b_step;
  if (!is_last) p.bias = NULL, p.relu = false;
  p.accumulate = p.accumulate || begin > 0;
  return p;
}

INLINE size_t panel_columns(const tiled_product *t, size_t column) { return smaller_size(panel_width, t->n - column); }

// ---------------------------------------------------------------- Strips of A

// A strip of a transposed A is copied to be contiguous, each step padded to whole vectors, if its steps lie far apart and
// enough panels use it.
enum { strip_step = (most_rows + width - 1) / width * width };

INLINE bool copies_strips(const product *p, size_t panels) {
  return p->row_step == 1 && p->k_step >= far_apart && panels >= panels_worth_a_copy;
}

INLINE void copy_columns(const size_t rows, size_t k, const float *from, size_t from_step, float *to) {
  for (size_t step = 0; step < k; step++, from += from_step, to += strip_step) {
    prefetch(from, 16 * from_step);
    for (size_t i = 0; i < rows; i += width) store(to + i, load_part(from + i, rows - i));
  }
}

static void copy_strip(product *p, size_t rows, float *strip) {
  if (rows == most_rows) copy_columns(most_rows, p->k, p->a, p->k_step, strip);
  else copy_columns(rows, p->k, p->a, p->k_step, strip);
  p->a = strip;
  p->k_step = strip_step;
}

INLINE size_t strip_rows(size_t left) { // rather two even strips than a thin last one
  if (left > most_rows && left < most_rows + most_rows / 2) return (left + 1) / 2;
  return smaller_size(left, most_rows);
}

// ---------------------------------------------------------------- Tiles

// The panels of B that a strip uses: packed already; to be packed for later strips; or of no use to another strip.
typedef enum { panels_packed, panels_for_later, panels_used_once } panel_state;

// Computes a strip times some panels. Panels that are used once share the room of one.
static void compute_strip(const tiled_product *t, product *p, size_t rows, size_t column, size_t panels, float *packed_b,
                          panel_state state) {
  for (size_t panel = 0; panel < panels; panel++, column += panel_width) {
    const size_t columns = panel_columns(t, column);
    block_layout layout = packed;
    const float *b = packed_b;
    if (state != panels_packed && t->transpose_b) {
      pack_columns(p->k, columns, p->b + column * t->b_step, t->b_step, packed_b);
    } else if (state != panels_packed) {
      layout = state == panels_for_later ? packing : direct;
      b = p->b + column;
      p->panel = packed_b;
    }
    blocks[rows - 1][layout][columns > width](p, 0, column, columns, b, t->b_step);
    if (state != panels_used_once) packed_b += panel_width * p->k;
  }
}

static void compute_tile(void *context, size_t index) {
  const tiled_product *t = context;
  const product part = part_of_product(t, t->begin);
  const size_t first_row = index / t->column_tiles * t->tile_rows, end_row = smaller_size(first_row + t->tile_rows, t->m);
  const size_t first = index % t->column_tiles * t->tile_panels, panels = smaller_size(t->tile_panels, t->panels - first);
  const bool copies = copies_strips(&part, panels), has_one_strip = strip_rows(end_row - first_row) == end_row - first_row;
  const size_t strip_bytes = copies ? strip_step * part.k * sizeof(float) : 0;
  const size_t panel_bytes = t->packed ? 0 : (has_one_strip ? 1 : panels) * panel_width * part.k * sizeof(float);
  float *own_strip = copies ? ballast_allocate(strip_bytes) : NULL;
  float *own_panels = t->packed ? NULL : ballast_allocate(panel_bytes);
  float *packed_b = t->packed ? t->packed + first * panel_width * part.k : own_panels;
  for (size_t row = first_row, rows; row < end_row; row += rows) {
    rows = strip_rows(end_row - row);
    product p = part;
    p.c += row * p.c_step;
    p.a += row * p.row_step;
    if (copies) copy_strip(&p, rows, own_strip);
    const panel_state first_state = has_one_strip ? panels_used_once : panels_for_later;
    const panel_state state = own_panels && row == first_row ? first_state : panels_packed;
    compute_strip(t, &p, rows, t->first_column + first * panel_width, panels, packed_b, state);
  }
  if (own_strip) ballast_release(own_strip, strip_bytes);
  if (own_panels) ballast_release(own_panels, panel_bytes);
}

static void pack_panels(void *context, size_t begin, size_t end) {
  const tiled_product *t = context;
  const product p = part_of_product(t, t->begin);
  for (size_t panel = begin; panel < end; panel++) {
    const size_t column = t->first_column + panel * panel_width, columns = panel_columns(t, column);
    float *to = t->packed + panel * panel_width * p.k;
    if (t->transpose_b) pack_columns(p.k, columns, p.b + column * t->b_step, t->b_step, to);
    else pack_rows(p.k, columns, p.b + column, t->b_step, to);
  }
}

// Cuts the rows, or the current panels, into about so many tiles.
static void cut_rows(tiled_product *t, size_t tiles) {
  const size_t strips = ceiling_quotient(t->m, most_rows);
  t->tile_rows = ceiling_quotient(strips, smaller_size(strips, tiles)) * most_rows;
  t->row_tiles = ceiling_quotient(t->m, t->tile_rows);
}

static void cut_panels(tiled_product *t, size_t tiles) {
  t->tile_panels = ceiling_quotient(t->panels, smaller_size(t->panels, tiles));
  t->column_tiles = ceiling_quotient(t->panels, t->tile_panels);
}

// Few rows, or little work: each tile has all rows, and packs its own panels.
static void multiply_with_own_panels(tiled_product *t, size_t tasks) {
  t->panels = ceiling_quotient(t->n, panel_width);
  cut_panels(t, tasks);
  cut_rows(t, 1);
  for (t->begin = 0; t->begin < t->k; t->begin += t->part) ballast_parallel(t->column_tiles, t, compute_tile);
}

// Many rows: all tiles share panels, for as many columns at a time as the caches may hold.
static void multiply_with_shared_panels(tiled_product *t, size_t tasks) {
  const size_t panel_bytes = panel_width * t->part * sizeof(float), all = ceiling_quotient(t->n, panel_width);
  const size_t blocks_of_columns = ceiling_quotient(all, larger_size(1, packed_bytes / panel_bytes));
  const size_t most_panels = ceiling_quotient(all, blocks_of_columns);
  const size_t grain = larger_size(1, packing_grain / (panel_width * t->part));
  t->packed = ballast_allocate(most_panels * panel_bytes);
  for (size_t panel = 0; panel < all; panel += most_panels) {
    t->first_column = panel * panel_width;
    t->panels = smaller_size(most_panels, all - panel);
    cut_panels(t, ceiling_quotient(t->panels * panel_bytes, ballast_tile_bytes()));
    cut_rows(t, larger_size(1, tasks / t->column_tiles));
    for (t->begin = 0; t->begin < t->k; t->begin += t->part) {
      ballast_parallel_range(t->panels, grain, t, pack_panels);
      ballast_parallel(t->row_tiles * t->column_tiles, t, compute_tile);
    }
  }
  ballast_release(t->packed, most_panels * panel_bytes);
}

static void multiply_tiles(tiled_product *t) {
  t->part = part_steps(t->k);
  const double operations = 2.0 * (double)t->m * (double)t->n * (double)t->part;
  const size_t tasks = larger_size(1, (size_t)smaller_double(operations / task_operations, most_tasks));
  const bool has_few_rows = t->m <= most_rows_of_own_panels && !copies_strips(&t->base, ceiling_quotient(t->n, panel_width));
  if (tasks == 1 || has_few_rows) multiply_with_own_panels(t, tasks);
  else multiply_with_shared_panels(t, tasks);
}
