// Statistics of groups, and normalization by them.
//
// x is [outer, groups, inner]. With inner > 1 a group's elements lie in runs, and work goes run by run; with inner = 1
// (batch norm of a matrix) neighbouring elements belong to neighbouring groups, and work goes by vectors of groups.

// How a statistic over outer indices is cut, by shape alone: not at all where its `units` keep all threads busy.
typedef struct {
  size_t count, length;
} norm_pieces;

static norm_pieces norm_pieces_of(const ballast_norm_shape *shape, size_t units) {
  size_t elements = shape->outer * shape->groups * shape->inner;
  bool many_tasks = shape->inner > 1 ? units >= enough_outputs : units >= piece_elements / 2;
  if (elements <= 2 * piece_elements || many_tasks) return (norm_pieces){1, shape->outer};
  size_t length = larger_size(1, piece_elements / (shape->inner > 1 ? shape->inner : shape->groups));
  if (shape->inner == 1) length = round_up(length, reduction_block);
  return (norm_pieces){ceiling_quotient(shape->outer, length), length};
}

// ---------------------------------------------------------------- Moments

typedef struct {
  const ballast_norm_shape *shape;
  norm_pieces pieces;
  const float *x;
  float *mean, *squares; // [pieces, groups]: mean and sum of squared deviations from it
  float factor;          // on squares
} moments_task;

// Mean and sum of squared deviations of some elements; merging two is exact in exact arithmetic (Chan, 1979).
typedef struct {
  double count, mean, squares;
} moments_of_block;

INLINE moments_of_block merged_moments(moments_of_block a, moments_of_block b) {
  double count = a.count + b.count, difference = b.mean - a.mean;
  return (moments_of_block){count, a.mean + difference * (b.count / count),
                            a.squares + b.squares + difference * difference * (a.count * b.count / count)};
}

INLINE vf squared_deviations(size_t count, const float *x, float mean, vf total) {
  vf a = {0}, b = {0};
  size_t i = 0;
  for (; i + 2 * width <= count; i += 2 * width) {
    vf first = load(x + i) - mean, second = load(x + i + width) - mean;
    a += first * first;
    b += second * second;
  }
  for (; i < count; i += width) {
    vf deviation = load_filled(x + i, count - i, mean) - mean;
    a += deviation * deviation;
  }
  return total + (a + b);
}

// A block of rows that stays in the first cache for its second pass.
enum { moments_block = 4096 };

INLINE moments_of_block moments_of_rows(size_t rows, size_t stride, size_t count, const float *x) {
  vf sum = {0}, squares = {0};
  for (size_t row = 0; row < rows; row++) sum = reduction_of_run(ballast_sum, count, x + row * stride, sum);
  float mean = lane_sum(sum) / (float)(rows * count);
  for (size_t row = 0; row < rows; row++) squares = squared_deviations(count, x + row * stride, mean, squares);
  return (moments_of_block){(double)(rows * count), mean, lane_sum(squares)};
}

static void moments_of_runs_range(void *context, size_t begin, size_t end) {
  const moments_task task = *(const moments_task *)context;
  const ballast_norm_shape *shape = task.shape;
  size_t inner = shape->inner, stride = shape->groups * inner, block_rows = larger_size(1, moments_block / inner);
  for (size_t i = begin; i < end; i++) {
    size_t group = i % shape->groups, row = i / shape->groups * task.pieces.length;
    size_t last = smaller_size(shape->outer, row + task.pieces.length);
    moments_of_block all = {0, 0, 0};
    for (; row < last; row += block_rows) {
      const float *x = task.x + row * stride + group * inner;
      size_t rows = smaller_size(block_rows, last - row);
      for (size_t start = 0; start < inner; start += moments_block) {
        moments_of_block block = moments_of_rows(rows, stride, smaller_size(moments_block, inner - start), x + start);
        all = all.count == 0 ? block : merged_moments(all, block);
      }
    }
    task.mean[i] = (float)all.mean;
    task.squares[i] = (float)all.squares * task.factor;
  }
}

// Moments of `vectors` times `width` neighbouring groups (or of `count` groups, with one vector) over some rows.
// The first row is subtracted from all: what is left is small even where means are large.
INLINE void moments_of_tile(int vectors, const moments_task *task, size_t rows, size_t count, const float *x, size_t at) {
  size_t stride = task->shape->groups;
  vf shift[tile_vectors], mean[tile_vectors], squares[tile_vectors];
  for (int j = 0; j < vectors; j++) {
    shift[j] = load_part(x + (size_t)j * width, count);
    mean[j] = squares[j] = splat(0);
  }
  for (size_t row = 0; row < rows; row += reduction_block) {
    size_t n = smaller_size(reduction_block, rows - row);
    const float *block = x + row * stride;
    vf center[tile_vectors], block_mean[tile_vectors], block_squares[tile_vectors];
    for (int j = 0; j < vectors; j++) block_mean[j] = block_squares[j] = splat(0);
    for (size_t i = 0; i < n; i++) {
      for (int j = 0; j < vectors; j++) block_mean[j] += load_part(block + i * stride + (size_t)j * width, count) - shift[j];
    }
    for (int j = 0; j < vectors; j++) {
      block_mean[j] *= 1 / (float)n;
      center[j] = shift[j] + block_mean[j];
    }
    for (size_t i = 0; i < n; i++) {
      for (int j = 0; j < vectors; j++) {
        vf deviation = load_part(block + i * stride + (size_t)j * width, count) - center[j];
        block_squares[j] += deviation * deviation;
      }
    }
    float share = (float)n / (float)(row + n), weight = (float)row * share;
    for (int j = 0; j < vectors; j++) {
      vf difference = block_mean[j] - mean[j];
      mean[j] += difference * share;
      squares[j] += block_squares[j] + difference * difference * weight;
    }
  }
  for (int j = 0; j < vectors; j++) {
    store_part(task->mean + at + (size_t)j * width, count, shift[j] + mean[j]);
    store_part(task->squares + at + (size_t)j * width, count, squares[j] * task->factor);
  }
}

static void moments_of_columns_range(void *context, size_t begin, size_t end) {
  const moments_task *task = context;
  size_t groups = task->shape->groups, tile = tile_vectors * width, tiles = ceiling_quotient(groups, tile);
  for (size_t i = begin; i < end; i++) {
    size_t piece = i / tiles, row = piece * task->pieces.length, group = i % tiles * tile;
    size_t rows = smaller_size(task->pieces.length, task->shape->outer - row), last = smaller_size(groups, group + tile);
    const float *x = task->x + row * groups;
    if (last - group == tile) {
      moments_of_tile(tile_vectors, task, rows, width, x + group, piece * groups + group);
      continue;
    }
    for (; group + width <= last; group += width) moments_of_tile(1, task, rows, width, x + group, piece * groups + group);
    if (group < last) moments_of_tile(1, task, rows, last - group, x + group, piece * groups + group);
  }
}

static void kernel_moments(const ballast_norm_shape *shape, const float *x, float *mean, float *variance) {
  size_t groups = shape->groups;
  if (shape->outer * groups * shape->inner == 0) return;
  double elements = (double)shape->outer * (double)shape->inner;
  moments_task task = {shape, norm_pieces_of(shape, groups), x, mean, variance, (float)(1 / elements)};
  size_t pieces = task.pieces.count, bytes = pieces * groups * sizeof(float);
  if (pieces > 1) {
    task.mean = ballast_allocate(bytes);
    task.squares = ballast_allocate(bytes);
    task.factor = 1;
  }
  if (shape->inner > 1) {
    size_t grain = row_grain(simple_grain / 2, task.pieces.length * shape->inner);
    ballast_parallel_range(pieces * groups, grain, &task, moments_of_runs_range);
  } else {
    size_t tile = tile_vectors * width, grain = row_grain(simple_grain / 2, task.pieces.length * smaller_size(tile, groups));
    ballast_parallel_range(pieces * ceiling_quotient(groups, tile), grain, &task, moments_of_columns_range);
  }
  if (pieces == 1) return;
  for (size_t group = 0; group < groups; group++) {
    moments_of_block all = {0, 0, 0};
    for (size_t piece = 0; piece < pieces; piece++) {
      size_t rows = smaller_size(task.pieces.length, shape->outer - piece * task.pieces.length);
      moments_of_block part = {(double)(rows * shape->inner), task.mean[piece * groups + group],
                               task.squares[piece * groups + group]};
      all = piece == 0 ? part : merged_moments(all, part);
    }
    mean[group] = (float)all.mean;
    variance[group] = (float)(all.squares / elements);
  }
  ballast_release(task.mean, bytes);
  ballast_release(task.squares, bytes);
}

static void kernel_mean_of_squares(const ballast_norm_shape *shape, const float *x, float *result) {
  if (shape->outer * shape->groups * shape->inner == 0) return;
  float scale = (float)(1 / ((double)shape->outer * (double)shape->inner));
  size_t dimensions[3] = {shape->outer, shape->groups, shape->inner};
  kernel_reduce(ballast_sum_of_squares, 3, dimensions, 1 | 4, x, scale, false, result);
}

// ---------------------------------------------------------------- y = (x - mean) * inverse * weight + bias

typedef struct {
  const ballast_norm_shape *shape;
  const float *x, *mean, *inverse, *weight, *bias;
  float *y;
} normalize_task;

static void normalize_runs_range(void *context, size_t begin, size_t end) {
  const normalize_task task = *(const normalize_task *)context;
  const ballast_norm_shape *shape = task.shape;
  size_t inner = shape->inner, run = shape->affine_inner, parts = inner / run;
  for (size_t i = begin; i < end; i++) {
    size_t group = i % shape->groups, entry = group % shape->affine_groups * parts;
    const float *x = task.x + i * inner;
    float *y = task.y + i * inner, mean = task.mean ? task.mean[group] : 0, inverse = task.inverse[group];
    if (run == 1) {
      const float *weight = task.weight ? task.weight + entry : NULL, *bias = task.bias ? task.bias + entry : NULL;
      OVER_VECTORS(j, n, inner, {
        vf scale = weight ? load_part(weight + j, n) * inverse : splat(inverse);
        vf shift = bias ? load_part(bias + j, n) : splat(0);
        store_part(y + j, n, (load_part(x + j, n) - mean) * scale + shift);
      });
      continue;
    }
    for (size_t part = 0; part < parts; part++, x += run, y += run) {
      float scale = task.weight ? task.weight[entry + part] * inverse : inverse;
      float shift = task.bias ? task.bias[entry + part] : 0;
      OVER_VECTORS(j, n, run, store_part(y + j, n, (load_part(x + j, n) - mean) * scale + shift););
    }
  }
}

// weight and bias have an element a group here.
static void normalize_columns_range(void *context, size_t begin, size_t end) {
  const normalize_task task = *(const normalize_task *)context;
  size_t groups = task.shape->groups;
  for (size_t row = begin; row < end; row++) {
    const float *x = task.x + row * groups;
    float *y = task.y + row * groups;
    OVER_VECTORS(j, n, groups, {
      vf mean = task.mean ? load_part(task.mean + j, n) : splat(0), scale = load_part(task.inverse + j, n);
      if (task.weight) scale *= load_part(task.weight + j, n);
      vf shift = task.bias ? load_part(task.bias + j, n) : splat(0);
      store_part(y + j, n, (load_part(x + j, n) - mean) * scale + shift);
    });
  }
}

// One entry a group from one an affine group; null stays null. The result is to be released unless it is `entries`.
static const float *entries_of_groups(const ballast_norm_shape *shape, const float *entries) {
  if (!entries || shape->affine_groups == shape->groups) return entries;
  float *result = ballast_allocate(shape->groups * sizeof(float));
  for (size_t i = 0; i < shape->groups; i++) result[i] = entries[i % shape->affine_groups];
  return result;
}
static void release_entries(const ballast_norm_shape *shape, const float *result, const float *entries) {
  if (result != entries) ballast_release((void *)result, shape->groups * sizeof(float));
}

static void kernel_normalize(const ballast_norm_shape *shape, const float *x, const float *mean, const float *inverse,
                             const float *weight, const float *bias, float *y) {
  normalize_task task = {shape, x, mean, inverse, weight, bias, y};
  if (shape->outer * shape->groups * shape->inner == 0) return;
  if (shape->inner > 1) {
    size_t grain = row_grain(simple_grain, shape->inner);
    ballast_parallel_range(shape->outer * shape->groups, grain, &task, normalize_runs_range);
    return;
  }
  task.weight = entries_of_groups(shape, weight);
  task.bias = entries_of_groups(shape, bias);
  ballast_parallel_range(shape->outer, row_grain(simple_grain, shape->groups), &task, normalize_columns_range);
  release_entries(shape, task.weight, weight);
  release_entries(shape, task.bias, bias);
}

#include "normalization_gradient.h"
