// Copies between strided views: runs where both are contiguous, blocked transposes where each is contiguous along
// another dimension, single elements otherwise.

INLINE void copy_run(size_t count, const float *x, bool accumulate, float *y) {
  if (accumulate) OVER_VECTORS(i, n, count, put(y + i, n, load_part(x + i, n), true););
  else OVER_VECTORS(i, n, count, put(y + i, n, load_part(x + i, n), false););
}

typedef struct {
  index_space space; // strides_a are x's, strides_b are y's
  const float *x;
  bool accumulate;
  float *y;
  size_t rows, columns, stride_x, stride_y; // of a transpose: y[i * stride_y + j] = x[j * stride_x + i]
} copy_task;

static void copy_range(void *context, size_t begin, size_t end) {
  const copy_task *task = context;
  const index_space *space = &task->space;
  size_t stride_x = space->strides_a[space->rank - 1], stride_y = space->strides_b[space->rank - 1];
  index_walk walk = index_walk_start(space, begin);
  while (begin < end) {
    size_t n = smaller_size(index_walk_run(space, &walk), end - begin);
    const float *x = task->x + walk.offset_a;
    float *y = task->y + walk.offset_b;
    if (stride_x == 1 && stride_y == 1) {
      copy_run(n, x, task->accumulate, y);
    } else if (task->accumulate) {
      for (size_t i = 0; i < n; i++) y[i * stride_y] += x[i * stride_x];
    } else {
      for (size_t i = 0; i < n; i++) y[i * stride_y] = x[i * stride_x];
    }
    begin += n;
    index_walk_advance(space, &walk, n);
  }
}

// ---------------------------------------------------------------- Transposes

// y[i * stride_y + j] = x[j * stride_x + i] for at most `width` rows i and columns j.
INLINE void transpose_block(size_t rows, size_t columns, const float *x, size_t stride_x, bool accumulate, float *y,
                            size_t stride_y) {
  vf block[VECTOR_WIDTH];
  for (size_t j = 0; j < width; j++) block[j] = j < columns ? load_part(x + j * stride_x, rows) : splat(0);
  transpose_square(block);
  for (size_t i = 0; i < rows; i++) put(y + i * stride_y, columns, block[i], accumulate);
}

// Rows of y that are made together: their columns of x then come from whole cache lines.
enum { transpose_rows = 16 };

INLINE void transpose_rows_of(size_t rows, size_t columns, const float *x, size_t stride_x, bool accumulate, float *y,
                              size_t stride_y) {
  for (size_t j = 0; j < columns; j += width) {
    for (size_t i = 0; i < rows; i += width) {
      const float *source = x + j * stride_x + i;
      float *target = y + i * stride_y + j;
      size_t block_rows = smaller_size(width, rows - i), block_columns = smaller_size(width, columns - j);
      if (block_rows == width && block_columns == width) {
        transpose_block(width, width, source, stride_x, accumulate, target, stride_y);
      } else {
        transpose_block(block_rows, block_columns, source, stride_x, accumulate, target, stride_y);
      }
    }
  }
}

static void transpose_range(void *context, size_t begin, size_t end) {
  const copy_task *task = context;
  size_t blocks = ceiling_quotient(task->rows, transpose_rows);
  index_walk walk = index_walk_start(&task->space, begin / blocks);
  for (size_t block = begin % blocks; begin < end; begin++) {
    size_t row = block * transpose_rows, rows = smaller_size(transpose_rows, task->rows - row);
    const float *x = task->x + walk.offset_a + row;
    float *y = task->y + walk.offset_b + row * task->stride_y;
    if (task->accumulate) transpose_rows_of(rows, task->columns, x, task->stride_x, true, y, task->stride_y);
    else transpose_rows_of(rows, task->columns, x, task->stride_x, false, y, task->stride_y);
    if (++block == blocks) {
      block = 0;
      index_walk_advance(&task->space, &walk, 1);
    }
  }
}

// Puts the dimensions in the order of y's memory, so that runs and merges show.
INLINE void order_by_target(int rank, size_t *dimensions, size_t *strides_x, size_t *strides_y) {
  for (int i = 1; i < rank; i++) {
    size_t dimension = dimensions[i], stride_x = strides_x[i], stride_y = strides_y[i];
    int j = i;
    for (; j > 0 && strides_y[j - 1] < stride_y; j--) {
      dimensions[j] = dimensions[j - 1];
      strides_x[j] = strides_x[j - 1];
      strides_y[j] = strides_y[j - 1];
    }
    dimensions[j] = dimension;
    strides_x[j] = stride_x;
    strides_y[j] = stride_y;
  }
}

// Takes the dimension `at` and the last one out of the space: they become the transposed matrix.
INLINE void take_matrix(copy_task *task, int at) {
  index_space *space = &task->space;
  int last = space->rank - 1;
  task->rows = space->dimensions[at];
  task->stride_y = space->strides_b[at];
  task->columns = space->dimensions[last];
  task->stride_x = space->strides_a[last];
  for (int i = at; i + 1 < last; i++) {
    space->dimensions[i] = space->dimensions[i + 1];
    space->strides_a[i] = space->strides_a[i + 1];
    space->strides_b[i] = space->strides_b[i + 1];
  }
  space->rank -= 2;
  if (space->rank == 0) {
    space->rank = 1;
    space->dimensions[0] = 1;
    space->strides_a[0] = space->strides_b[0] = 0;
  }
}

static void kernel_copy(int rank, const size_t *dimensions, const float *x, const size_t *strides_x, bool accumulate,
                        float *y, const size_t *strides_y) {
  size_t ordered[largest_rank], ordered_x[largest_rank], ordered_y[largest_rank];
  int kept = 0;
  for (int i = 0; i < rank; i++) {
    if (dimensions[i] == 1) continue;
    ordered[kept] = dimensions[i];
    ordered_x[kept] = strides_x[i];
    ordered_y[kept++] = strides_y[i];
  }
  order_by_target(kept, ordered, ordered_x, ordered_y);
  copy_task task = {.x = x, .accumulate = accumulate, .y = y};
  index_space *space = &task.space;
  size_t count = index_space_collapse(kept, ordered, ordered_x, ordered_y, space);
  if (count == 0) return;
  int last = space->rank - 1, contiguous = last;
  for (int i = last - 1; i >= 0 && space->strides_a[last] != 1; i--) {
    if (space->strides_a[i] == 1) contiguous = i;
  }
  if (contiguous != last && space->strides_b[last] == 1) {
    take_matrix(&task, contiguous);
    size_t blocks = ceiling_quotient(task.rows, transpose_rows), elements = transpose_rows * task.columns;
    ballast_parallel_range(count / (task.rows * task.columns) * blocks, row_grain(simple_grain / 2, elements), &task,
                           transpose_range);
  } else {
    ballast_parallel_range(count, simple_grain, &task, copy_range);
  }
}
