// Vector times matrix: c[j] = relu?(alpha * sum over p of a[p] * B(p, j) + bias[j] + c[j]?). Products with one row or
// one column come here.

typedef struct {
  size_t n, k;
  const float *a, *b;
  bool dot;          // B is stored [n, k]: every result is a dot product of two rows; else it is stored [k, n]
  float alpha;
  const float *bias; // or null
  size_t bias_step;  // 0: one bias for all
  bool relu, accumulate;
  float *c;
} vector_product;

INLINE vf finish_vector(const vector_product *v, size_t j, size_t count, vf sum) {
  vf x = sum * splat(v->alpha);
  if (v->accumulate) x += load_part(v->c + j, count);
  if (v->bias) x += v->bias_step ? load_part(v->bias + j, count) : splat(*v->bias);
  return v->relu ? choose(x < 0, splat(0), x) : x;
}

// Results j..<j + count, (vectors - 1) * width < count <= vectors * width, as sums of rows of B.
INLINE void sum_rows(const vector_product *v, const int vectors, size_t j, size_t count) {
  vf sum[4];
  const size_t last = count - (size_t)(vectors - 1) * width;
  for (int i = 0; i < vectors; i++) sum[i] = splat(0);
  const float *b = v->b + j;
  for (size_t p = 0; p < v->k; p++, b += v->n) {
    vf x = splat(v->a[p]);
    for (int i = 0; i < vectors - 1; i++) sum[i] += x * load(b + i * width);
    sum[vectors - 1] += x * load_part(b + (vectors - 1) * width, last);
  }
  for (int i = 0; i < vectors; i++) {
    size_t part = i == vectors - 1 ? last : width;
    store_part(v->c + j + (size_t)i * width, part, finish_vector(v, j + (size_t)i * width, part, sum[i]));
  }
}

static void sum_all_rows(void *context, size_t begin, size_t end) {
  const vector_product *v = context;
  size_t j = begin;
  for (; end - j >= 4 * width; j += 4 * width) sum_rows(v, 4, j, 4 * width);
  size_t left = end - j;
  if (left > 3 * width) sum_rows(v, 4, j, left);
  else if (left > 2 * width) sum_rows(v, 3, j, left);
  else if (left > width) sum_rows(v, 2, j, left);
  else if (left > 0) sum_rows(v, 1, j, left);
}

// `rows` results from j on as dot products with rows of B, four at a time or one.
INLINE void dot_rows(const vector_product *v, const int rows, size_t j) {
  vf sum[4], more[4]; // two chains each
  for (int i = 0; i < rows; i++) sum[i] = more[i] = splat(0);
  const float *b = v->b + j * v->k;
  size_t p = 0;
  for (; v->k - p >= 2 * width; p += 2 * width) {
    vf x = load(v->a + p), y = load(v->a + p + width);
    for (int i = 0; i < rows; i++) {
      sum[i] += x * load(b + (size_t)i * v->k + p);
      more[i] += y * load(b + (size_t)i * v->k + p + width);
    }
  }
  for (; p < v->k; p += width) {
    vf x = load_part(v->a + p, v->k - p);
    for (int i = 0; i < rows; i++) sum[i] += x * load_part(b + (size_t)i * v->k + p, v->k - p);
  }
  for (int i = 0; i < rows; i++) {
    float x = lane_sum(sum[i] + more[i]) * v->alpha;
    float *c = v->c + j + i;
    if (v->accumulate) x += *c;
    if (v->bias) x += v->bias[(j + (size_t)i) * v->bias_step];
    *c = v->relu && x < 0 ? 0 : x;
  }
}

static void dot_all_rows(void *context, size_t begin, size_t end) {
  const vector_product *v = context;
  size_t j = begin;
  for (; end - j >= 4; j += 4) dot_rows(v, 4, j);
  for (; j < end; j++) dot_rows(v, 1, j);
}

static void multiply_vector(vector_product *v) {
  enum { elements_in_piece = 128 << 10 }; // of B: about 20 microseconds from the second-level cache
  size_t grain = larger_size(1, elements_in_piece / (v->k + 1));
  if (v->dot) ballast_parallel_range(v->n, grain, v, dot_all_rows);
  else ballast_parallel_range(v->n, round_up(grain, 4 * width), v, sum_all_rows);
}
