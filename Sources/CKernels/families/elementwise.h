// Functions of dense arrays, element by element.

#include "vector_math.h"

#include "unary.h"

typedef struct {
  ballast_unary_operation operation;
  const float *x, *y, *dy;
  float parameter;
  bool accumulate;
  float *result;
} unary_task;

static void unary_range(void *context, size_t begin, size_t end) {
  const unary_task *task = context;
  const float *x = task->x + begin;
  float parameter = task->parameter, *y = task->result + begin;
  size_t count = end - begin;
  switch (task->operation) {
#define OPERATION(name, value, slope) \
  case ballast_##name: \
    OVER_VECTORS(i, n, count, store_part(y + i, n, value_##name(load_part(x + i, n), parameter));); \
    break;
    SIMPLE_UNARY_OPERATIONS(OPERATION)
    HEAVY_UNARY_OPERATIONS(OPERATION)
#undef OPERATION
  }
}

static void kernel_unary(ballast_unary_operation operation, size_t count, const float *x, float parameter, float *y) {
  unary_task task = {.operation = operation, .x = x, .parameter = parameter, .result = y};
  ballast_parallel_range(count, unary_grain(operation), &task, unary_range);
}

INLINE void unary_gradient_run(vf (*slope)(vf, vf, float), const unary_task *task, size_t begin, size_t count,
                               bool accumulate) {
  const float *x = task->x + begin, *y = task->y + begin, *dy = task->dy + begin;
  float *dx = task->result + begin, parameter = task->parameter;
  OVER_VECTORS(i, n, count, {
    vf derivative = slope(load_part(x + i, n), load_part(y + i, n), parameter);
    put(dx + i, n, load_part(dy + i, n) * derivative, accumulate);
  });
}

static void unary_gradient_range(void *context, size_t begin, size_t end) {
  const unary_task *task = context;
  switch (task->operation) {
#define OPERATION(name, value, slope) \
  case ballast_##name: \
    if (task->accumulate) unary_gradient_run(slope_##name, task, begin, end - begin, true); \
    else unary_gradient_run(slope_##name, task, begin, end - begin, false); \
    break;
    SIMPLE_UNARY_OPERATIONS(OPERATION)
    HEAVY_UNARY_OPERATIONS(OPERATION)
#undef OPERATION
  }
}

static void kernel_unary_gradient(ballast_unary_operation operation, size_t count, const float *x, const float *y,
                                  const float *dy, float parameter, bool accumulate, float *dx) {
  unary_task task = {operation, x, y, dy, parameter, accumulate, dx};
  ballast_parallel_range(count, unary_grain(operation), &task, unary_gradient_range);
}

// ---------------------------------------------------------------- Constants, products, choices

typedef struct {
  const float *a, *b, *c;
  float first, second;
  bool accumulate;
  float *y;
} elementwise_task;

static void affine_range(void *context, size_t begin, size_t end) {
  const elementwise_task *task = context;
  const float *x = task->a + begin;
  float *y = task->y + begin, a = task->first, b = task->second;
  size_t count = end - begin;
  if (task->accumulate) OVER_VECTORS(i, n, count, put(y + i, n, load_part(x + i, n) * a + b, true););
  else OVER_VECTORS(i, n, count, put(y + i, n, load_part(x + i, n) * a + b, false););
}

static void kernel_affine(size_t count, const float *x, float a, float b, bool accumulate, float *y) {
  elementwise_task task = {.a = x, .first = a, .second = b, .accumulate = accumulate, .y = y};
  ballast_parallel_range(count, simple_grain, &task, affine_range);
}

static void clamp_range(void *context, size_t begin, size_t end) {
  const elementwise_task *task = context;
  const float *x = task->a + begin;
  float *y = task->y + begin;
  vf low = splat(task->first), high = splat(task->second);
  OVER_VECTORS(i, n, end - begin, store_part(y + i, n, lesser(high, greater(low, load_part(x + i, n)))););
}

static void kernel_clamp(size_t count, const float *x, float low, float high, float *y) {
  elementwise_task task = {.a = x, .first = low, .second = high, .y = y};
  ballast_parallel_range(count, simple_grain, &task, clamp_range);
}

static void multiply_add_range(void *context, size_t begin, size_t end) {
  const elementwise_task *task = context;
  const float *a = task->a + begin, *b = task->b + begin;
  float *y = task->y + begin, scale = task->first;
  size_t count = end - begin;
  if (task->accumulate) OVER_VECTORS(i, n, count, put(y + i, n, load_part(a + i, n) * load_part(b + i, n) * scale, true););
  else OVER_VECTORS(i, n, count, put(y + i, n, load_part(a + i, n) * load_part(b + i, n) * scale, false););
}

static void kernel_multiply_add(size_t count, const float *a, const float *b, float scale, bool accumulate, float *y) {
  elementwise_task task = {.a = a, .b = b, .first = scale, .accumulate = accumulate, .y = y};
  ballast_parallel_range(count, simple_grain, &task, multiply_add_range);
}

static void select_range(void *context, size_t begin, size_t end) {
  const elementwise_task *task = context;
  const float *a = task->a + begin, *b = task->b + begin, *condition = task->c + begin;
  float *y = task->y + begin;
  OVER_VECTORS(i, n, end - begin, {
    vi holds = load_part(condition + i, n) != 0.0f;
    store_part(y + i, n, choose(holds, load_part(a + i, n), load_part(b + i, n)));
  });
}

static void kernel_select(size_t count, const float *condition, const float *a, const float *b, float *y) {
  elementwise_task task = {.a = a, .b = b, .c = condition, .y = y};
  ballast_parallel_range(count, simple_grain, &task, select_range);
}

static void fill_range(void *context, size_t begin, size_t end) {
  const elementwise_task *task = context;
  float *y = task->y + begin;
  vf value = splat(task->first);
  OVER_VECTORS(i, n, end - begin, store_part(y + i, n, value););
}

static void kernel_fill(size_t count, float value, float *y) {
  elementwise_task task = {.first = value, .y = y};
  ballast_parallel_range(count, simple_grain, &task, fill_range);
}

// ---------------------------------------------------------------- Finiteness

// 0 times an infinity or NaN is NaN, which no further addition removes.
INLINE bool finite_run(size_t count, const float *x) {
  vf a = {0}, b = {0}, c = {0}, d = {0};
  size_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    a += load(x + i) * 0.0f;
    b += load(x + i + width) * 0.0f;
    c += load(x + i + 2 * width) * 0.0f;
    d += load(x + i + 3 * width) * 0.0f;
  }
  for (; i < count; i += width) a += load_part(x + i, count - i) * 0.0f;
  vf sum = (a + b) + (c + d);
  return !any_lane(sum != sum);
}

typedef struct {
  const float *x;
  bool finite;
} finite_task;

static void finite_range(void *context, size_t begin, size_t end) {
  finite_task *task = context;
  if (!finite_run(end - begin, task->x + begin)) __atomic_store_n(&task->finite, false, __ATOMIC_RELAXED);
}

static bool kernel_all_finite(size_t count, const float *x) {
  finite_task task = {x, true};
  ballast_parallel_range(count, simple_grain, &task, finite_range);
  return task.finite;
}
