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
  const float *origin;     // [groups, inner], or null: means are relative to each group's first element there
  float *mean, *variance;  // [pieces, groups]; the variance is the piece's share of the group's
  double share;            // 1 / elements of a group
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

// Adds scale * (x - shift) of a run to a total, in four chains. Scaled terms do not add up to more than the largest one.
INLINE vf scaled_differences(size_t count, const float *x, float shift, float scale, vf total) {
  if (count <= width) return total + (load_filled(x, count, shift) - shift) * scale;
  vf chain[4] = {{0}, {0}, {0}, {0}};
  size_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    for (size_t j = 0; j < 4; j++) chain[j] += (load(x + i + j * width) - shift) * scale;
  }
  for (; i + width <= count; i += width) chain[0] += (load(x + i) - shift) * scale;
  if (i < count) chain[1] += (load_filled(x + i, count - i, shift) - shift) * scale;
  return total + ((chain[0] + chain[1]) + (chain[2] + chain[3]));
}

// Adds scale * (x - shift - center)^2 of a run to a total, in four chains. A scale of 1 costs nothing.
INLINE vf scaled_squares(size_t count, const float *x, float shift, float center, float scale, vf total) {
  vf chain[4] = {{0}, {0}, {0}, {0}};
  size_t i = 0;
  for (; i + 4 * width <= count; i += 4 * width) {
    for (size_t j = 0; j < 4; j++) {
      vf deviation = (load(x + i + j * width) - shift) - center;
      chain[j] += deviation * (deviation * scale);
    }
  }
  for (; i + width <= count; i += width) {
    vf deviation = (load(x + i) - shift) - center;
    chain[0] += deviation * (deviation * scale);
  }
  if (i < count) {
    vf deviation = (load_tail(x + i, count - i) - shift) - center;
    deviation = choose(lane_numbers() < (int32_t)(count - i), deviation, splat(0));
    chain[1] += deviation * (deviation * scale);
  }
  return total + ((chain[0] + chain[1]) + (chain[2] + chain[3]));
}

// A block of rows that stays in the first cache for its second pass.
enum { moments_block = 4096 };

// The first element is subtracted from all: what is left is small even where means are large, and is exact then.
INLINE moments_of_block moments_of_rows(size_t rows, size_t stride, size_t count, const float *x) {
  const float scale = 1 / (float)(rows * count);
  float shift = *x, center;
  for (;;) {
    vf sum = {0};
    for (size_t row = 0; row < rows; row++) sum = scaled_differences(count, x + row * stride, shift, scale, sum);
    center = lane_sum(sum);
    if (isfinite(center) || shift == 0) break;
    shift = 0; // differences overflow where the elements do not
  }
  const double elements = (double)(rows * count);
  vf squares = {0};
  for (size_t row = 0; row < rows; row++) squares = scaled_squares(count, x + row * stride, shift, center, 1, squares);
  double total = lane_sum(squares);
  if (!isfinite(total)) { // the mean of squares may be finite where their sum is not
    squares = splat(0);
    for (size_t row = 0; row < rows; row++) squares = scaled_squares(count, x + row * stride, shift, center, scale, squares);
    total = lane_sum(squares) * elements;
  }
  return (moments_of_block){elements, (double)shift + center, total};
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
    task.mean[i] = (float)(task.origin ? all.mean - task.origin[group * inner] : all.mean);
    task.variance[i] = (float)(all.squares * task.share);
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
    const float scale = 1 / (float)n;
    vf block_mean[tile_vectors], block_squares[tile_vectors];
    for (int j = 0; j < vectors; j++) block_mean[j] = block_squares[j] = splat(0);
    for (size_t i = 0; i < n; i++) {
      for (int j = 0; j < vectors; j++) {
        block_mean[j] += (load_part(block + i * stride + (size_t)j * width, count) - shift[j]) * scale;
      }
    }
    for (size_t i = 0; i < n; i++) {
      for (int j = 0; j < vectors; j++) {
        vf deviation = (load_part(block + i * stride + (size_t)j * width, count) - shift[j]) - block_mean[j];
        block_squares[j] += deviation * deviation;
      }
    }
    float share = (float)n / (float)(row + n), weight = (float)row * share;
    for (int j = 0; j < vectors; j++) {
      vf difference = block_mean[j] - mean[j];
      mean[j] += difference * share;
      squares[j] += block_squares[j] + difference * (difference * weight);
    }
  }
  for (int j = 0; j < vectors; j++) {
    if (task->origin) shift[j] -= load_part(task->origin + at % stride + (size_t)j * width, count);
    store_part(task->mean + at + (size_t)j * width, count, shift[j] + mean[j]);
    store_part(task->variance + at + (size_t)j * width, count, squares[j] * (float)task->share);
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
  moments_task task = {.shape = shape, .pieces = norm_pieces_of(shape, groups), .x = x, .mean = mean, .variance = variance,
                       .share = 1 / elements};
  size_t pieces = task.pieces.count, bytes = pieces * groups * sizeof(float);
  if (pieces > 1) {
    task.origin = x;
    task.mean = ballast_allocate(bytes);
    task.variance = ballast_allocate(bytes);
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
                               task.variance[piece * groups + group] * elements};
      all = piece == 0 ? part : merged_moments(all, part);
    }
    mean[group] = (float)(all.mean + x[group * shape->inner]);
    variance[group] = (float)(all.squares / elements);
  }
  ballast_release(task.mean, bytes);
  ballast_release(task.variance, bytes);
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
