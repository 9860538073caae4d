// Softmax and cross-entropy of rows. The largest element is subtracted first, so no exponential overflows.

typedef struct {
  size_t columns, causal;
  const float *x, *targets, *y, *dy;
  const int32_t *labels;
  bool one_gradient, accumulate;
  float scale, *loss, *result;
} softmax_task;

INLINE size_t softmax_grain(size_t columns) { return row_grain(heavy_grain, columns); }

INLINE float row_largest(size_t count, const float *x) {
  vf a = splat(-INFINITY), b = a;
  size_t i = 0;
  for (; i + 2 * width <= count; i += 2 * width) {
    a = greater(a, load(x + i));
    b = greater(b, load(x + i + width));
  }
  for (; i < count; i += width) a = greater(a, load_filled(x + i, count - i, -INFINITY));
  return lane_greatest(greater(a, b));
}

typedef struct {
  float largest, sum; // sum of exp(x - largest)
} softmax_sums;

// y = exp(x - largest), unless y is null.
INLINE softmax_sums exponentials_of_row(size_t count, const float *x, float *y) {
  float largest = row_largest(count, x);
  vf a = {0}, b = {0};
  size_t i = 0;
  for (; i + 2 * width <= count; i += 2 * width) {
    vf first = exponential(load(x + i) - largest), second = exponential(load(x + i + width) - largest);
    a += first;
    b += second;
    if (y) {
      store(y + i, first);
      store(y + i + width, second);
    }
  }
  for (; i < count; i += width) {
    vf e = exponential(load_filled(x + i, count - i, -INFINITY) - largest);
    a += e;
    if (y) store_part(y + i, count - i, e);
  }
  return (softmax_sums){largest, lane_sum(a + b)};
}

// A row that fits into one vector stays in a register.
INLINE softmax_sums softmax_of_row(size_t count, const float *x, float *y) {
  if (count <= width) {
    vf row = load_filled(x, count, -INFINITY);
    float largest = lane_greatest(row);
    vf e = exponential(row - largest);
    float sum = lane_sum(e);
    store_part(y, count, e * (1.0f / sum));
    return (softmax_sums){largest, sum};
  }
  softmax_sums sums = exponentials_of_row(count, x, y);
  float factor = 1.0f / sums.sum;
  OVER_VECTORS(i, n, count, store_part(y + i, n, load_part(y + i, n) * factor););
  return sums;
}

static void softmax_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    size_t seen = columns;
    if (task.causal > 0) {
      size_t sum = row % task.causal + columns + 1;
      seen = sum > task.causal ? sum - task.causal : 0;
    }
    float *y = task.result + row * columns;
    softmax_of_row(seen, task.x + row * columns, y);
    OVER_VECTORS(i, n, columns - seen, store_part(y + seen + i, n, splat(0)););
  }
}

static void kernel_softmax(size_t rows, size_t columns, size_t causal, const float *x, float *y) {
  if (columns == 0) return;
  softmax_task task = {.columns = columns, .causal = causal, .x = x, .result = y};
  ballast_parallel_range(rows, softmax_grain(columns), &task, softmax_range);
}

// Sum of a[i] * b[i].
INLINE float row_product(size_t count, const float *a, const float *b) {
  vf first = {0}, second = {0};
  size_t i = 0;
  for (; i + 2 * width <= count; i += 2 * width) {
    first += load(a + i) * load(b + i);
    second += load(a + i + width) * load(b + i + width);
  }
  for (; i < count; i += width) first += load_part(a + i, count - i) * load_part(b + i, count - i);
  return lane_sum(first + second);
}

INLINE float row_sum(size_t count, const float *x) { return lane_sum(reduction_of_run(ballast_sum, count, x, splat(0))); }

static void softmax_gradient_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *y = task.y + row * columns, *dy = task.dy + row * columns;
    float *dx = task.result + row * columns, product = row_product(columns, y, dy);
    OVER_VECTORS(i, n, columns, put(dx + i, n, load_part(y + i, n) * (load_part(dy + i, n) - product), task.accumulate););
  }
}

static void kernel_softmax_gradient(size_t rows, size_t columns, const float *y, const float *dy, bool accumulate,
                                    float *dx) {
  softmax_task task = {.columns = columns, .y = y, .dy = dy, .accumulate = accumulate, .result = dx};
  ballast_parallel_range(rows, row_grain(simple_grain, columns), &task, softmax_gradient_range);
}

static void log_softmax_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *x = task.x + row * columns;
    float *y = task.result + row * columns;
    softmax_sums sums = exponentials_of_row(columns, x, NULL);
    float log_of_sum = logarithm(splat(sums.sum))[0];
    OVER_VECTORS(i, n, columns, store_part(y + i, n, (load_part(x + i, n) - sums.largest) - log_of_sum););
  }
}

static void kernel_log_softmax(size_t rows, size_t columns, const float *x, float *y) {
  softmax_task task = {.columns = columns, .x = x, .result = y};
  ballast_parallel_range(rows, softmax_grain(columns), &task, log_softmax_range);
}

static void log_softmax_gradient_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *y = task.y + row * columns, *dy = task.dy + row * columns;
    float *dx = task.result + row * columns, sum = row_sum(columns, dy);
    OVER_VECTORS(i, n, columns, {
      put(dx + i, n, load_part(dy + i, n) - exponential(load_part(y + i, n)) * sum, task.accumulate);
    });
  }
}

static void kernel_log_softmax_gradient(size_t rows, size_t columns, const float *y, const float *dy, bool accumulate,
                                        float *dx) {
  softmax_task task = {.columns = columns, .y = y, .dy = dy, .accumulate = accumulate, .result = dx};
  ballast_parallel_range(rows, softmax_grain(columns), &task, log_softmax_gradient_range);
}

// ---------------------------------------------------------------- Cross-entropy

// Logarithms are taken of `width` rows at a time.
static void cross_entropy_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t first = begin; first < end; first += width) {
    size_t count = smaller_size(width, end - first);
    vf sums = splat(1), margins = {0};
    for (size_t i = 0; i < count; i++) {
      const float *x = task.x + (first + i) * columns;
      float labelled = x[task.labels[first + i]];
      softmax_sums row = softmax_of_row(columns, x, task.result + (first + i) * columns);
      sums[i] = row.sum;
      margins[i] = row.largest - labelled;
    }
    store_part(task.loss + first, count, logarithm(sums) + margins);
  }
}

static void kernel_cross_entropy(size_t rows, size_t columns, const float *x, const int32_t *labels, float *loss,
                                 float *probabilities) {
  softmax_task task = {.columns = columns, .x = x, .labels = labels, .loss = loss, .result = probabilities};
  ballast_parallel_range(rows, round_up(softmax_grain(columns), width), &task, cross_entropy_range);
}

static void cross_entropy_gradient_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *probabilities = task.y + row * columns;
    float *dx = task.result + row * columns, factor = task.dy[task.one_gradient ? 0 : row] * task.scale;
    int32_t label = task.labels[row];
    float labelled = factor * (probabilities[label] - 1.0f) + (task.accumulate ? dx[label] : 0);
    OVER_VECTORS(i, n, columns, put(dx + i, n, load_part(probabilities + i, n) * factor, task.accumulate););
    dx[label] = labelled;
  }
}

static void kernel_cross_entropy_gradient(size_t rows, size_t columns, const float *probabilities, const int32_t *labels,
                                          const float *dy, bool one_gradient, float scale, bool accumulate, float *dx) {
  softmax_task task = {.columns = columns, .y = probabilities, .labels = labels, .dy = dy, .one_gradient = one_gradient,
                       .scale = scale, .accumulate = accumulate, .result = dx};
  ballast_parallel_range(rows, row_grain(simple_grain, columns), &task, cross_entropy_gradient_range);
}

static void soft_cross_entropy_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *x = task.x + row * columns, *targets = task.targets + row * columns;
    float *probabilities = task.result + row * columns;
    softmax_sums sums = softmax_of_row(columns, x, probabilities);
    float log_of_sum = logarithm(splat(sums.sum))[0];
    vf loss = {0};
    OVER_VECTORS(i, n, columns, {
      loss += load_part(targets + i, n) * (log_of_sum - (load_part(x + i, n) - sums.largest));
    });
    task.loss[row] = lane_sum(loss);
  }
}

static void kernel_soft_cross_entropy(size_t rows, size_t columns, const float *x, const float *targets, float *loss,
                                      float *probabilities) {
  softmax_task task = {.columns = columns, .x = x, .targets = targets, .loss = loss, .result = probabilities};
  ballast_parallel_range(rows, softmax_grain(columns), &task, soft_cross_entropy_range);
}

static void soft_cross_entropy_gradient_range(void *context, size_t begin, size_t end) {
  const softmax_task task = *(const softmax_task *)context;
  size_t columns = task.columns;
  for (size_t row = begin; row < end; row++) {
    const float *probabilities = task.y + row * columns, *targets = task.targets + row * columns;
    float *dx = task.result + row * columns, factor = task.dy[task.one_gradient ? 0 : row] * task.scale;
    float total = row_sum(columns, targets);
    OVER_VECTORS(i, n, columns, {
      put(dx + i, n, (load_part(probabilities + i, n) * total - load_part(targets + i, n)) * factor, task.accumulate);
    });
  }
}

static void kernel_soft_cross_entropy_gradient(size_t rows, size_t columns, const float *probabilities,
                                               const float *targets, const float *dy, bool one_gradient, float scale,
                                               bool accumulate, float *dx) {
  softmax_task task = {.columns = columns, .y = probabilities, .targets = targets, .dy = dy, .one_gradient = one_gradient,
                       .scale = scale, .accumulate = accumulate, .result = dx};
  ballast_parallel_range(rows, row_grain(simple_grain, columns), &task, soft_cross_entropy_gradient_range);
}
