// Pooling, plane by plane. Windows of 2 x 2 side by side, the usual ones, take vectors of results at a time.

typedef struct {
  const ballast_pool2d_shape *shape;
  const float *from;
  float *to;
  int32_t *index;
  const int32_t *from_index;
  bool accumulate;
} pooling;

static void pool_planes(const ballast_pool2d_shape *s, pooling *job, ballast_range_body body) {
  const size_t window = s->kernel_height * s->kernel_width;
  const size_t cost = larger_size(s->height * s->width, s->output_height * s->output_width * window) + 1;
  ballast_parallel_range(s->planes, larger_size(1, 32768 / cost), job, body);
}

enum { pooling_ahead = 256 }; // elements: short rows are no stream to the processor

// Whether every window is 2 x 2, begins where its neighbour ends, and lies inside.
static bool is_two_by_two(const ballast_pool2d_shape *s) {
  return s->kernel_height == 2 && s->kernel_width == 2 && s->stride_height == 2 && s->stride_width == 2
    && s->padding_height == 0 && s->padding_width == 0 && 2 * s->output_height <= s->height && 2 * s->output_width <= s->width;
}

// The part of a window that lies inside: positions begin..<end for an output's position.
typedef struct {
  size_t begin, end;
} window_range;

INLINE window_range inside(size_t output, size_t stride, size_t padding, size_t kernel, size_t size) {
  const size_t begin = output * stride, end = begin + kernel; // in the padded plane
  window_range r = {begin > padding ? begin - padding : 0, end > padding ? smaller_size(end - padding, size) : 0};
  if (r.begin > r.end) r.begin = r.end;
  return r;
}

// The even and the odd ones of 2 * count elements, count <= width.
INLINE void load_pairs(const float *p, size_t count, vf *even, vf *odd) {
  const vf a = load_part(p, 2 * count), b = 2 * count > width ? load_part(p + width, 2 * count - width) : splat(0);
#if VECTOR_WIDTH == 16
  *even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  *odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#elif VECTOR_WIDTH == 8
  *even = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14);
  *odd = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#else
  *even = __builtin_shufflevector(a, b, 0, 2, 4, 6);
  *odd = __builtin_shufflevector(a, b, 1, 3, 5, 7);
#endif
}

// Writes count even and count odd elements in turn, count <= width.
INLINE void store_pairs(float *p, size_t count, bool accumulate, vf even, vf odd) {
#if VECTOR_WIDTH == 16
  vf a = __builtin_shufflevector(even, odd, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  vf b = __builtin_shufflevector(even, odd, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#elif VECTOR_WIDTH == 8
  vf a = __builtin_shufflevector(even, odd, 0, 8, 1, 9, 2, 10, 3, 11);
  vf b = __builtin_shufflevector(even, odd, 4, 12, 5, 13, 6, 14, 7, 15);
#else
  vf a = __builtin_shufflevector(even, odd, 0, 4, 1, 5);
  vf b = __builtin_shufflevector(even, odd, 2, 6, 3, 7);
#endif
  const bool both = 2 * count > width;
  if (accumulate) {
    a += load_part(p, 2 * count);
    if (both) b += load_part(p + width, 2 * count - width);
  }
  store_part(p, 2 * count, a);
  if (both) store_part(p + width, 2 * count - width, b);
}

// Clears what the 2 x 2 windows leave over of a plane: a column on the right, rows at the bottom.
static void clear_rest(const ballast_pool2d_shape *s, float *dx) {
  const size_t first = 2 * s->output_width == s->width ? 2 * s->output_height : 0;
  for (size_t row = first; row < s->height; row++) {
    const size_t column = row < 2 * s->output_height ? 2 * s->output_width : 0;
    memset(dx + row * s->width + column, 0, (s->width - column) * sizeof(float));
  }
}

// ---------------------------------------------------------------- Maximum

// Takes what is larger, or the first NaN.
INLINE void take_larger(vf x, vi position, vf *best, vi *index) {
  const vi takes = (x > *best) | ((x != x) & (*best == *best));
  *best = choose(takes, x, *best);
  *index = (position & takes) | (*index & ~takes);
}

static void largest_of_pairs(const ballast_pool2d_shape *s, const float *x, float *y, int32_t *index) {
  for (size_t i = 0; i < s->output_height; i++) {
    for (size_t j = 0; j < s->output_width; j += width) {
      const size_t count = smaller_size(width, s->output_width - j), at = 2 * i * s->width + 2 * j;
      vf best, right, below, across;
      load_pairs(x + at, count, &best, &right);
      load_pairs(x + at + s->width, count, &below, &across);
      vi position = splat_int((int32_t)at) + 2 * lane_numbers();
      const vi down = splat_int((int32_t)s->width);
      vi where = position;
      take_larger(right, position + 1, &best, &where);
      take_larger(below, position + down, &best, &where);
      take_larger(across, position + down + 1, &best, &where);
      store_part(y + i * s->output_width + j, count, best);
      store_int_part(index + i * s->output_width + j, count, where);
    }
  }
}

static void largest_of_window(const ballast_pool2d_shape *s, const float *x, float *y, int32_t *index) {
  for (size_t i = 0; i < s->output_height; i++) {
    const window_range rows = inside(i, s->stride_height, s->padding_height, s->kernel_height, s->height);
    for (size_t j = 0; j < s->output_width; j++) {
      const window_range columns = inside(j, s->stride_width, s->padding_width, s->kernel_width, s->width);
      float best = -INFINITY;
      int32_t where = -1;
      for (size_t row = rows.begin; row < rows.end; row++) {
        for (size_t column = columns.begin; column < columns.end; column++) {
          const float value = x[row * s->width + column];
          if (where < 0 || value > best || (value != value && best == best)) {
            best = value;
            where = (int32_t)(row * s->width + column);
          }
        }
      }
      *y++ = best;
      *index++ = where;
    }
  }
}

static void take_largest(void *context, size_t begin, size_t end) {
  const pooling *job = context;
  const ballast_pool2d_shape *s = job->shape;
  const bool two_by_two = is_two_by_two(s);
  const size_t size = s->height * s->width, output_size = s->output_height * s->output_width;
  for (size_t plane = begin; plane < end; plane++) {
    const float *x = job->from + plane * size;
    float *y = job->to + plane * output_size;
    int32_t *index = job->index + plane * output_size;
    if (two_by_two) largest_of_pairs(s, x, y, index);
    else largest_of_window(s, x, y, index);
  }
}

static void kernel_max_pool2d(const ballast_pool2d_shape *s, const float *x, float *y, int32_t *index) {
  pooling job = {.shape = s, .from = x, .to = y, .index = index};
  pool_planes(s, &job, take_largest);
}

static void spread_to_pairs(const ballast_pool2d_shape *s, const float *dy, const int32_t *index, bool accumulate, float *dx) {
  for (size_t i = 0; i < s->output_height; i++) {
    for (size_t j = 0; j < s->output_width; j += width) {
      const size_t count = smaller_size(width, s->output_width - j), at = 2 * i * s->width + 2 * j;
      prefetch(dy + i * s->output_width + j, pooling_ahead);
      prefetch((const float *)(index + i * s->output_width + j), pooling_ahead);
      const vf gradient = load_part(dy + i * s->output_width + j, count);
      const vi where = load_int_part(index + i * s->output_width + j, count) - splat_int((int32_t)at) - 2 * lane_numbers();
      const vi down = splat_int((int32_t)s->width);
      const vf none = splat(0);
      store_pairs(dx + at, count, accumulate, choose(where == 0, gradient, none), choose(where == 1, gradient, none));
      store_pairs(dx + at + s->width, count, accumulate, choose(where == down, gradient, none),
                  choose(where == down + 1, gradient, none));
    }
  }
}

static void spread_to_largest(void *context, size_t begin, size_t end) {
  const pooling *job = context;
  const ballast_pool2d_shape *s = job->shape;
  const bool two_by_two = is_two_by_two(s);
  const size_t size = s->height * s->width, output_size = s->output_height * s->output_width;
  for (size_t plane = begin; plane < end; plane++) {
    const float *dy = job->from + plane * output_size;
    const int32_t *index = job->from_index + plane * output_size;
    float *dx = job->to + plane * size;
    if (two_by_two) {
      spread_to_pairs(s, dy, index, job->accumulate, dx);
      if (!job->accumulate) clear_rest(s, dx);
      continue;
    }
    if (!job->accumulate) memset(dx, 0, size * sizeof(float));
    for (size_t i = 0; i < output_size; i++) {
      if (index[i] >= 0) dx[index[i]] += dy[i];
    }
  }
}

static void kernel_max_pool2d_gradient(const ballast_pool2d_shape *s, const float *dy, const int32_t *index, bool accumulate,
                                       float *dx) {
  pooling job = {.shape = s, .from = dy, .from_index = index, .to = dx, .accumulate = accumulate};
  pool_planes(s, &job, spread_to_largest);
}

// ---------------------------------------------------------------- Mean

static void mean_of_pairs(const ballast_pool2d_shape *s, const float *x, float *y) {
  for (size_t i = 0; i < s->output_height; i++) {
    for (size_t j = 0; j < s->output_width; j += width) {
      const size_t count = smaller_size(width, s->output_width - j), at = 2 * i * s->width + 2 * j;
      vf left, right, below, across;
      load_pairs(x + at, count, &left, &right);
      load_pairs(x + at + s->width, count, &below, &across);
      store_part(y + i * s->output_width + j, count, ((left + right) + (below + across)) * splat(0.25f));
    }
  }
}

static void mean_of_window(const ballast_pool2d_shape *s, const float *x, float *y) {
  const float scale = 1 / (float)(s->kernel_height * s->kernel_width);
  for (size_t i = 0; i < s->output_height; i++) {
    const window_range rows = inside(i, s->stride_height, s->padding_height, s->kernel_height, s->height);
    for (size_t j = 0; j < s->output_width; j++) {
      const window_range columns = inside(j, s->stride_width, s->padding_width, s->kernel_width, s->width);
      vf sum = splat(0);
      for (size_t row = rows.begin; row < rows.end; row++) {
        for (size_t column = columns.begin; column < columns.end; column += width) {
          sum += load_part(x + row * s->width + column, columns.end - column);
        }
      }
      *y++ = lane_sum(sum) * scale;
    }
  }
}

static void take_mean(void *context, size_t begin, size_t end) {
  const pooling *job = context;
  const ballast_pool2d_shape *s = job->shape;
  const bool two_by_two = is_two_by_two(s);
  for (size_t plane = begin; plane < end; plane++) {
    const float *x = job->from + plane * s->height * s->width;
    float *y = job->to + plane * s->output_height * s->output_width;
    if (two_by_two) mean_of_pairs(s, x, y);
    else mean_of_window(s, x, y);
  }
}

static void kernel_average_pool2d(const ballast_pool2d_shape *s, const float *x, float *y) {
  pooling job = {.shape = s, .from = x, .to = y};
  pool_planes(s, &job, take_mean);
}

static void spread_evenly_to_pairs(const ballast_pool2d_shape *s, const float *dy, bool accumulate, float *dx) {
  for (size_t i = 0; i < s->output_height; i++) {
    for (size_t j = 0; j < s->output_width; j += width) {
      const size_t count = smaller_size(width, s->output_width - j), at = 2 * i * s->width + 2 * j;
      const vf share = load_part(dy + i * s->output_width + j, count) * splat(0.25f);
      store_pairs(dx + at, count, accumulate, share, share);
      store_pairs(dx + at + s->width, count, accumulate, share, share);
    }
  }
}

static void spread_evenly(void *context, size_t begin, size_t end) {
  const pooling *job = context;
  const ballast_pool2d_shape *s = job->shape;
  const bool two_by_two = is_two_by_two(s);
  const float scale = 1 / (float)(s->kernel_height * s->kernel_width);
  for (size_t plane = begin; plane < end; plane++) {
    const float *dy = job->from + plane * s->output_height * s->output_width;
    float *dx = job->to + plane * s->height * s->width;
    if (two_by_two) {
      spread_evenly_to_pairs(s, dy, job->accumulate, dx);
      if (!job->accumulate) clear_rest(s, dx);
      continue;
    }
    if (!job->accumulate) memset(dx, 0, s->height * s->width * sizeof(float));
    for (size_t i = 0; i < s->output_height; i++) {
      const window_range rows = inside(i, s->stride_height, s->padding_height, s->kernel_height, s->height);
      for (size_t j = 0; j < s->output_width; j++) {
        const window_range columns = inside(j, s->stride_width, s->padding_width, s->kernel_width, s->width);
        const float share = *dy++ * scale;
        for (size_t row = rows.begin; row < rows.end; row++) {
          float *to = dx + row * s->width;
          for (size_t column = columns.begin; column < columns.end; column++) to[column] += share;
        }
      }
    }
  }
}

static void kernel_average_pool2d_gradient(const ballast_pool2d_shape *s, const float *dy, bool accumulate, float *dx) {
  pooling job = {.shape = s, .from = dy, .to = dx, .accumulate = accumulate};
  pool_planes(s, &job, spread_evenly);
}
