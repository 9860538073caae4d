// Sums, extremes and positions of extremes along axes of a dense array.
//
// Axes are merged into alternating kept and reduced ones; the innermost pattern [outer, reduced, kept, inner], reduced
// over its second and fourth dimension, is one pass over memory. Long reductions are cut into pieces by shape alone; the
// partial results of the pieces are combined in order.

INLINE float reduction_identity(ballast_reduction reduction) {
  switch (reduction) {
  case ballast_largest: return -INFINITY;
  case ballast_smallest: return INFINITY;
  default: return 0;
  }
}

INLINE vf reduction_combine(ballast_reduction reduction, vf a, vf b) {
  switch (reduction) {
  case ballast_largest: return maximum(a, b);
  case ballast_smallest: return minimum(a, b);
  default: return a + b;
  }
}

INLINE vf reduction_step(ballast_reduction reduction, vf sum, vf x) {
  switch (reduction) {
  case ballast_sum_of_squares: return sum + x * x;
  case ballast_sum_of_magnitudes: return sum + magnitude(x);
  default: return reduction_combine(reduction, sum, x);
  }
}

INLINE float reduction_of_lanes(ballast_reduction reduction, vf x) {
  switch (reduction) {
  case ballast_largest: return lane_maximum(x);
  case ballast_smallest: return lane_minimum(x);
  default: return lane_sum(x);
  }
}

// What later passes over partial results do.
INLINE ballast_reduction reduction_of_partials(ballast_reduction reduction) {
  return reduction == ballast_largest || reduction == ballast_smallest ? reduction : ballast_sum;
}

// Calls f with the reduction as a constant.
#define FOR_REDUCTION(reduction, f, ...) \
  switch (reduction) { \
  case ballast_sum: f(ballast_sum, __VA_ARGS__); break; \
  case ballast_largest: f(ballast_largest, __VA_ARGS__); break; \
  case ballast_smallest: f(ballast_smallest, __VA_ARGS__); break; \
  case ballast_sum_of_squares: f(ballast_sum_of_squares, __VA_ARGS__); break; \
  case ballast_sum_of_magnitudes: f(ballast_sum_of_magnitudes, __VA_ARGS__); break; \
  }

// Vectors added one after the other before their sum is added to the total: rounding errors grow with this number plus
// the number of blocks, not with their product.
enum { reduction_block = 64 };

// `total` combined with count contiguous elements, lane by lane.
INLINE vf reduction_of_run(ballast_reduction reduction, size_t count, const float *x, vf total) {
  vf identity = splat(reduction_identity(reduction));
  size_t i = 0;
  while (i + 4 * width <= count) {
    size_t end = i + smaller_size(reduction_block, (count - i) / (4 * width)) * 4 * width;
    vf a = identity, b = identity, c = identity, d = identity;
    for (; i < end; i += 4 * width) {
      a = reduction_step(reduction, a, load(x + i));
      b = reduction_step(reduction, b, load(x + i + width));
      c = reduction_step(reduction, c, load(x + i + 2 * width));
      d = reduction_step(reduction, d, load(x + i + 3 * width));
    }
    total = reduction_combine(reduction, total, reduction_combine(reduction, reduction_combine(reduction, a, b),
                                                                  reduction_combine(reduction, c, d)));
  }
  for (; i < count; i += width) {
    total = reduction_step(reduction, total, load_filled(x + i, count - i, reduction_identity(reduction)));
  }
  return total;
}

// x seen as [outer, reduced, kept, inner]; y is [outer, kept].
typedef struct {
  ballast_reduction reduction;
  size_t outer, reduced, kept, inner;
  size_t pieces;       // of each output's reduction; with more than one, y is [outer, kept, pieces] or [outer, pieces, kept]
  size_t piece;        // reduced rows in a piece
  size_t inner_pieces; // pieces of a row where rows alone are long
  const float *x;
  float scale;
  bool accumulate;
  float *y;
} reduce_task;

INLINE void reduce_put(const reduce_task *task, float *y, float value) {
  *y = task->accumulate ? *y + value * task->scale : value * task->scale;
}

// ---------------------------------------------------------------- Along rows (inner > 1)

INLINE void reduce_rows(ballast_reduction reduction, const reduce_task *task, size_t begin, size_t end) {
  size_t inner_piece = round_up(ceiling_quotient(task->inner, task->inner_pieces), 4 * width);
  for (size_t i = begin; i < end; i++) {
    size_t output = i / task->pieces, piece = i % task->pieces;
    size_t row = piece / task->inner_pieces * task->piece, start = piece % task->inner_pieces * inner_piece;
    size_t last = smaller_size(task->reduced, row + task->piece);
    size_t count = start < task->inner ? smaller_size(inner_piece, task->inner - start) : 0;
    size_t kept = output % task->kept;
    const float *x = task->x + (output / task->kept * task->reduced * task->kept + kept) * task->inner + start;
    vf total = splat(reduction_identity(reduction));
    while (row < last) {
      vf sum = splat(reduction_identity(reduction));
      size_t stop = smaller_size(last, row + reduction_block);
      for (; row < stop; row++) sum = reduction_of_run(reduction, count, x + row * task->kept * task->inner, sum);
      total = reduction_combine(reduction, total, sum);
    }
    reduce_put(task, task->y + i, reduction_of_lanes(reduction, total));
  }
}

static void reduce_rows_range(void *context, size_t begin, size_t end) {
  const reduce_task *task = context;
  FOR_REDUCTION(task->reduction, reduce_rows, task, begin, end)
}

// ---------------------------------------------------------------- Along columns (inner = 1)

// Columns of one tile, and rows that one narrow tile takes at once.
enum { tile_vectors = 4 };

// Results for `count` columns (at most `width`, or exactly tile_vectors * width if `wide`) from `rows` rows.
INLINE void reduce_tile(ballast_reduction reduction, bool wide, const reduce_task *task, size_t rows, size_t count,
                        const float *x, float *y) {
  vf identity = splat(reduction_identity(reduction)), total[tile_vectors];
  size_t stride = task->kept;
  for (int j = 0; j < tile_vectors; j++) total[j] = identity;
  for (size_t row = 0; row < rows;) {
    vf sum[tile_vectors];
    for (int j = 0; j < tile_vectors; j++) sum[j] = identity;
    size_t end = smaller_size(rows, row + reduction_block);
    if (wide) {
      for (; row < end; row++) {
        for (int j = 0; j < tile_vectors; j++) {
          sum[j] = reduction_step(reduction, sum[j], load(x + row * stride + (size_t)j * width));
        }
      }
    } else {
      for (; row + tile_vectors <= end; row += tile_vectors) {
        for (int j = 0; j < tile_vectors; j++) {
          sum[j] = reduction_step(reduction, sum[j], load_part(x + (row + (size_t)j) * stride, count));
        }
      }
      for (; row < end; row++) sum[0] = reduction_step(reduction, sum[0], load_part(x + row * stride, count));
    }
    for (int j = 0; j < tile_vectors; j++) total[j] = reduction_combine(reduction, total[j], sum[j]);
  }
  if (wide) {
    for (int j = 0; j < tile_vectors; j++) put(y + (size_t)j * width, width, total[j] * task->scale, task->accumulate);
  } else {
    vf result = reduction_combine(reduction, reduction_combine(reduction, total[0], total[1]),
                                  reduction_combine(reduction, total[2], total[3]));
    put(y, count, result * task->scale, task->accumulate);
  }
}

// The same for at most stream_columns, where rows are long: a few rows at a time are read side by side, as memory likes it.
enum { stream_columns = 1024, stream_rows = 8 };

INLINE void reduce_stream(ballast_reduction reduction, const reduce_task *task, size_t rows, size_t count, const float *x,
                          float *y) {
  float total[stream_columns];
  size_t stride = task->kept;
  for (size_t row = 0; row < rows; row += stream_rows) {
    size_t n = smaller_size(stream_rows, rows - row);
    const float *first = x + row * stride;
    OVER_VECTORS(i, part, count, {
      vf sum = reduction_step(reduction, splat(reduction_identity(reduction)), load_part(first + i, part));
      if (n == stream_rows) {
        for (size_t j = 1; j < stream_rows; j++) sum = reduction_step(reduction, sum, load_part(first + j * stride + i, part));
      } else {
        for (size_t j = 1; j < n; j++) sum = reduction_step(reduction, sum, load_part(first + j * stride + i, part));
      }
      store_part(total + i, part, row == 0 ? sum : reduction_combine(reduction, load_part(total + i, part), sum));
    });
  }
  OVER_VECTORS(i, part, count, put(y + i, part, load_part(total + i, part) * task->scale, task->accumulate););
}

INLINE size_t reduction_tile(const reduce_task *task) {
  return task->kept >= stream_columns ? stream_columns : tile_vectors * width;
}

INLINE void reduce_columns(ballast_reduction reduction, const reduce_task *task, size_t begin, size_t end) {
  size_t tile = reduction_tile(task), tiles = ceiling_quotient(task->kept, tile);
  for (size_t i = begin; i < end; i++) {
    size_t slab = i / tiles, row = slab % task->pieces * task->piece, column = i % tiles * tile;
    size_t rows = smaller_size(task->piece, task->reduced - row), last = smaller_size(task->kept, column + tile);
    const float *x = task->x + (slab / task->pieces * task->reduced + row) * task->kept;
    float *y = task->y + slab * task->kept;
    if (tile == stream_columns) {
      reduce_stream(reduction, task, rows, last - column, x + column, y + column);
      continue;
    }
    if (last - column == tile) {
      reduce_tile(reduction, true, task, rows, tile, x + column, y + column);
      continue;
    }
    for (; column < last; column += width) {
      size_t count = smaller_size(width, last - column);
      if (count == width) reduce_tile(reduction, false, task, rows, width, x + column, y + column);
      else reduce_tile(reduction, false, task, rows, count, x + column, y + column);
    }
  }
}

static void reduce_columns_range(void *context, size_t begin, size_t end) {
  const reduce_task *task = context;
  FOR_REDUCTION(task->reduction, reduce_columns, task, begin, end)
}

// ---------------------------------------------------------------- Passes

// Below this many outputs, long reductions are cut into pieces.
enum { enough_outputs = 64, piece_elements = 32768 };

static void reduce_pass(reduce_task task) {
  size_t outputs = task.outer * task.kept, share = task.reduced * task.inner;
  bool rows = task.inner > 1 || task.kept == 1;
  task.pieces = task.inner_pieces = 1;
  task.piece = task.reduced;
  if (share > piece_elements && rows && outputs < enough_outputs) {
    task.piece = larger_size(1, piece_elements / task.inner);
    task.inner_pieces = ceiling_quotient(task.inner, piece_elements);
    task.pieces = ceiling_quotient(task.reduced, task.piece) * task.inner_pieces;
  } else if (!rows && outputs * task.reduced > 2 * piece_elements && task.reduced >= 2 * reduction_block
             && outputs < piece_elements / 2) {
    task.piece = round_up(larger_size(1, piece_elements / task.kept), reduction_block);
    task.pieces = ceiling_quotient(task.reduced, task.piece);
  }
  float *y = task.y, scale = task.scale;
  bool accumulate = task.accumulate;
  size_t bytes = outputs * task.pieces * sizeof(float);
  if (task.pieces > 1) {
    task.y = ballast_allocate(bytes);
    task.scale = 1;
    task.accumulate = false;
  }
  if (rows) {
    size_t work = smaller_size(task.piece, task.reduced) * ceiling_quotient(task.inner, task.inner_pieces);
    ballast_parallel_range(outputs * task.pieces, row_grain(simple_grain, work), &task, reduce_rows_range);
  } else {
    size_t tile = reduction_tile(&task);
    size_t tiles = ceiling_quotient(task.kept, tile);
    size_t work = smaller_size(task.piece, task.reduced) * smaller_size(task.kept, tile);
    ballast_parallel_range(task.outer * task.pieces * tiles, row_grain(simple_grain, work), &task, reduce_columns_range);
  }
  if (task.pieces == 1) return;
  reduce_task rest = task;
  rest.reduction = reduction_of_partials(task.reduction);
  rest.x = task.y;
  rest.y = y;
  rest.scale = scale;
  rest.accumulate = accumulate;
  if (rows) {
    rest.outer = 1, rest.reduced = 1, rest.kept = outputs, rest.inner = task.pieces;
  } else {
    rest.reduced = task.pieces, rest.inner = 1;
  }
  reduce_pass(rest);
  ballast_release(task.y, bytes);
}

// Merges axes into dimensions[0..<result], reduced and kept in turn; reduced[i] says which.
INLINE int merge_axes(int rank, const size_t *dimensions, uint32_t axes, size_t *merged, bool *reduced) {
  int last = -1;
  for (int i = 0; i < rank; i++) {
    if (dimensions[i] == 1) continue;
    bool reduce = axes >> i & 1;
    if (last >= 0 && reduced[last] == reduce) {
      merged[last] *= dimensions[i];
    } else {
      merged[++last] = dimensions[i];
      reduced[last] = reduce;
    }
  }
  return last + 1;
}

static void kernel_reduce(ballast_reduction reduction, int rank, const size_t *dimensions, uint32_t axes,
                          const float *x, float scale, bool accumulate, float *y) {
  size_t merged[32], outputs = 1, elements = 1;
  bool reduced[32];
  for (int i = 0; i < rank; i++) {
    elements *= dimensions[i];
    if (!(axes >> i & 1)) outputs *= dimensions[i];
  }
  if (outputs == 0) return;
  reduce_task task = {.reduction = reduction, .x = x, .y = y, .scale = scale, .accumulate = accumulate};
  if (elements == 0) {
    for (size_t i = 0; i < outputs; i++) reduce_put(&task, y + i, reduction_identity(reduction));
    return;
  }
  int count = merge_axes(rank, dimensions, axes, merged, reduced);
  void *scratch = NULL;
  size_t scratch_bytes = 0;
  // The innermost dimensions [reduced, kept, inner] go in one pass; a pass per further reduced dimension comes first.
  while (true) {
    int i = count;
    task.inner = i > 0 && reduced[i - 1] ? merged[--i] : 1;
    task.kept = i > 0 ? merged[--i] : 1;
    task.reduced = i > 0 ? merged[--i] : 1;
    task.outer = 1;
    bool more = false;
    for (int j = 0; j < i; j++) {
      task.outer *= merged[j];
      more |= reduced[j];
    }
    size_t bytes = task.outer * task.kept * sizeof(float);
    if (more) {
      task.y = ballast_allocate(bytes);
      task.scale = 1;
      task.accumulate = false;
    } else {
      task.y = y;
      task.scale = scale;
      task.accumulate = accumulate;
    }
    reduce_pass(task);
    if (scratch) ballast_release(scratch, scratch_bytes);
    if (!more) return;
    scratch = task.y;
    scratch_bytes = bytes;
    task.x = task.y;
    task.reduction = reduction_of_partials(reduction);
    // merged[i - 1] is kept, and so is what this pass has left.
    merged[i - 1] *= task.kept;
    count = i;
  }
}

// ---------------------------------------------------------------- Positions

typedef struct {
  size_t columns;
  const float *x;
  int32_t *index;
} argmax_task;

static void argmax_range(void *context, size_t begin, size_t end) {
  const argmax_task *task = context;
  size_t columns = task->columns;
  for (size_t row = begin; row < end; row++) {
    const float *x = task->x + row * columns;
    float largest = lane_maximum(reduction_of_run(ballast_largest, columns, x, splat(-INFINITY)));
    int32_t position = 0;
    for (size_t i = 0; i < columns; i += width) {
      size_t n = smaller_size(width, columns - i);
      vf part = load_part(x + i, n);
      vi found = ((part == largest) | (part != part)) & (lane_numbers() < (int32_t)n);
      if (!any_lane(found)) continue;
      vi candidates = (found & lane_numbers()) | (~found & INT32_MAX);
      position = (int32_t)i + __builtin_reduce_min(candidates);
      break;
    }
    task->index[row] = position;
  }
}

static void kernel_argmax(size_t rows, size_t columns, const float *x, int32_t *index) {
  argmax_task task = {columns, x, index};
  ballast_parallel_range(rows, row_grain(simple_grain / 2, columns), &task, argmax_range);
}
