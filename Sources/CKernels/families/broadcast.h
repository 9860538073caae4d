// Functions of two broadcast operands, over an index space whose dimensions are first merged where the strides allow it.

#include "index_space.h"

#define BINARY_OPERATIONS(OPERATION) \
  OPERATION(add, a + b) \
  OPERATION(subtract, a - b) \
  OPERATION(multiply, a * b) \
  OPERATION(divide, a / b) \
  OPERATION(power, power(a, b)) \
  OPERATION(maximum, maximum(a, b)) \
  OPERATION(minimum, minimum(a, b)) \
  OPERATION(greater, (vf)((a > b) & (vi)splat(1))) \
  OPERATION(greater_equal, (vf)((a >= b) & (vi)splat(1))) \
  OPERATION(equal, (vf)((a == b) & (vi)splat(1)))

// y[i] = f(a[i * stride_a], b[i * stride_b]) for i < count.
typedef void (*binary_run)(size_t count, const float *a, size_t stride_a, const float *b, size_t stride_b, float *y);

INLINE vf load_strided(const float *p, size_t stride, size_t n) {
  float lanes[VECTOR_WIDTH] = {0};
  for (size_t i = 0; i < n; i++) lanes[i] = p[i * stride];
  return load(lanes);
}

INLINE void binary_loop(vf (*f)(vf, vf), size_t count, const float *a, size_t stride_a, const float *b, size_t stride_b,
                        float *y) {
  if (stride_a == 1 && stride_b == 1) {
    OVER_VECTORS(i, n, count, store_part(y + i, n, f(load_part(a + i, n), load_part(b + i, n))););
  } else if (stride_a == 1 && stride_b == 0) {
    vf repeated = splat(*b);
    OVER_VECTORS(i, n, count, store_part(y + i, n, f(load_part(a + i, n), repeated)););
  } else if (stride_a == 0 && stride_b == 1) {
    vf repeated = splat(*a);
    OVER_VECTORS(i, n, count, store_part(y + i, n, f(repeated, load_part(b + i, n))););
  } else {
    for (size_t i = 0; i < count; i += width) {
      size_t n = smaller_size(width, count - i);
      store_part(y + i, n, f(load_strided(a + i * stride_a, stride_a, n), load_strided(b + i * stride_b, stride_b, n)));
    }
  }
}

#define OPERATION(name, value) \
  INLINE vf binary_##name(vf a, vf b) { return value; } \
  static void binary_run_##name(size_t count, const float *a, size_t stride_a, const float *b, size_t stride_b, float *y) { \
    binary_loop(binary_##name, count, a, stride_a, b, stride_b, y); \
  }
BINARY_OPERATIONS(OPERATION)
#undef OPERATION

static const binary_run binary_runs[] = {
#define OPERATION(name, value) [ballast_##name] = binary_run_##name,
  BINARY_OPERATIONS(OPERATION)
#undef OPERATION
};

typedef struct {
  binary_run run;
  index_space space;
  const float *a, *b;
  float *y;
} binary_task;

static void binary_range(void *context, size_t begin, size_t end) {
  const binary_task *task = context;
  const index_space *space = &task->space;
  int last = space->rank - 1;
  index_walk walk = index_walk_start(space, begin);
  while (begin < end) {
    size_t n = smaller_size(index_walk_run(space, &walk), end - begin);
    task->run(n, task->a + walk.offset_a, space->strides_a[last], task->b + walk.offset_b, space->strides_b[last],
              task->y + begin);
    begin += n;
    index_walk_advance(space, &walk, n);
  }
}

// Short rows that repeat (a bias of a few outputs): the row is copied out several times, so that runs become long.
enum { longest_repeated_row = 64, repetition_length = 512 };

typedef struct {
  binary_run run;
  bool repeats_a;
  size_t columns;
  const float *whole, *repetitions;
  float *y;
} repetition_task;

static void repetition_range(void *context, size_t begin, size_t end) {
  const repetition_task *task = context;
  size_t longest = repetition_length / task->columns * task->columns;
  const float *repeated = task->repetitions + begin % task->columns;
  for (; begin < end; begin += longest) {
    size_t n = smaller_size(longest, end - begin);
    if (task->repeats_a) task->run(n, repeated, 1, task->whole + begin, 1, task->y + begin);
    else task->run(n, task->whole + begin, 1, repeated, 1, task->y + begin);
  }
}

// Whether `space` is rows of at most `longest_repeated_row` dense elements against one row.
INLINE bool repeats_short_row(const index_space *space, const size_t *whole, const size_t *row) {
  return space->rank == 2 && space->dimensions[1] <= longest_repeated_row && space->dimensions[0] > 1 && row[0] == 0
    && row[1] == 1 && whole[1] == 1 && whole[0] == space->dimensions[1];
}

static void kernel_binary(ballast_binary_operation operation, int rank, const size_t *dimensions,
                          const size_t *strides_a, const float *a, const size_t *strides_b, const float *b, float *y) {
  binary_task task = {.run = binary_runs[operation], .a = a, .b = b, .y = y};
  size_t count = index_space_collapse(rank, dimensions, strides_a, strides_b, &task.space);
  if (count == 0) return;
  const index_space *space = &task.space;
  if (operation == ballast_power && space->rank == 1 && space->strides_b[0] == 0 && *b == 2.0f) {
    task.run = binary_runs[ballast_multiply];
    task.b = a;
    task.space.strides_b[0] = space->strides_a[0];
  }
  size_t grain = task.run == binary_runs[ballast_power] ? heavy_grain / 4 : simple_grain;
  bool repeats_a = repeats_short_row(space, space->strides_b, space->strides_a);
  if (repeats_a || repeats_short_row(space, space->strides_a, space->strides_b)) {
    size_t columns = space->dimensions[1], needed = smaller_size(count, repetition_length + columns);
    float repetitions[repetition_length + longest_repeated_row];
    const float *row = repeats_a ? a : b;
    memcpy(repetitions, row, columns * sizeof(float));
    for (size_t filled = columns; filled < needed; filled *= 2) {
      memcpy(repetitions + filled, repetitions, smaller_size(filled, needed - filled) * sizeof(float));
    }
    repetition_task repetition = {task.run, repeats_a, columns, repeats_a ? b : a, repetitions, y};
    ballast_parallel_range(count, grain, &repetition, repetition_range);
  } else {
    ballast_parallel_range(count, grain, &task, binary_range);
  }
}

#include "copy.h"
