// Rows picked by index: gathering a batch, and adding into the rows of a table.

typedef struct {
  size_t rows, width;
  const void *x;
  const int32_t *index;
  float scale, offset, *y;
} batch_task;

static void gather_range(void *context, size_t begin, size_t end) {
  const batch_task task = *(const batch_task *)context;
  for (size_t row = begin; row < end; row++) {
    copy_run(task.width, (const float *)task.x + (size_t)task.index[row] * task.width, false,
             task.y + row * task.width);
  }
}

static void kernel_gather(size_t rows, size_t width, const float *x, const int32_t *index, float *y) {
  batch_task task = {.width = width, .x = x, .index = index, .y = y};
  ballast_parallel_range(rows, row_grain(simple_grain, width), &task, gather_range);
}

INLINE vf load_bytes(const uint8_t *p, size_t n) {
  vu_bytes bytes = {0};
  if (n >= width) memcpy(&bytes, p, width);
  else memcpy(&bytes, p, n);
  return __builtin_convertvector(__builtin_convertvector(bytes, vi), vf);
}

static void gather_bytes_range(void *context, size_t begin, size_t end) {
  const batch_task task = *(const batch_task *)context;
  float scale = task.scale, offset = task.offset;
  for (size_t row = begin; row < end; row++) {
    const uint8_t *x = (const uint8_t *)task.x + (size_t)task.index[row] * task.width;
    float *y = task.y + row * task.width;
    OVER_VECTORS(i, n, task.width, store_part(y + i, n, load_bytes(x + i, n) * scale + offset););
  }
}

static void kernel_gather_bytes(size_t rows, size_t width, const uint8_t *x, const int32_t *index, float scale,
                                float offset, float *y) {
  batch_task task = {.width = width, .x = x, .index = index, .scale = scale, .offset = offset, .y = y};
  ballast_parallel_range(rows, row_grain(simple_grain, width), &task, gather_bytes_range);
}

// Columns begin..<end of all rows: each element of y receives its terms in the order of the rows, however columns are cut.
static void scatter_add_range(void *context, size_t begin, size_t end) {
  const batch_task task = *(const batch_task *)context;
  for (size_t row = 0; row < task.rows; row++) {
    copy_run(end - begin, (const float *)task.x + row * task.width + begin, true,
             task.y + (size_t)task.index[row] * task.width + begin);
  }
}

static void kernel_scatter_add(size_t rows, size_t width, const float *x, const int32_t *index, size_t y_rows, float *y) {
  (void)y_rows;
  batch_task task = {.rows = rows, .width = width, .x = x, .index = index, .y = y};
  size_t grain = rows * width > simple_grain ? larger_size(64, round_up(simple_grain / larger_size(1, rows), 16)) : width;
  ballast_parallel_range(width, larger_size(1, grain), &task, scatter_add_range);
}
