// Gradients of normalization. With h = (x - mean) * inverse, d = dy * weight, and means over the n elements of a group:
//   dx = inverse * (d - mean(d) - h * mean(d h)), without mean(d) unless centered, without both if fixed.

typedef struct {
  const ballast_norm_shape *shape;
  bool centered, fixed, accumulate;
  norm_pieces pieces;
  const float *x, *mean, *inverse, *weight, *dy;
  float *sums, *products; // of dy and of dy * h; [pieces, units] while being made, then [units]
  float *dx;
} norm_gradient_task;

typedef struct {
  vf sum, product; // of dy, of dy * (x - mean)
} gradient_sums;

INLINE gradient_sums gradient_sums_of_run(size_t count, const float *x, const float *dy, float mean, gradient_sums total) {
  vf sum[2] = {{0}, {0}}, product[2] = {{0}, {0}};
  size_t i = 0;
  for (; i + 2 * width <= count; i += 2 * width) {
    for (size_t j = 0; j < 2; j++) {
      vf gradient = load(dy + i + j * width);
      sum[j] += gradient;
      product[j] += gradient * (load(x + i + j * width) - mean);
    }
  }
  for (; i < count; i += width) {
    vf gradient = load_part(dy + i, count - i);
    sum[0] += gradient;
    product[0] += gradient * (load_part(x + i, count - i) - mean);
  }
  return (gradient_sums){total.sum + (sum[0] + sum[1]), total.product + (product[0] + product[1])};
}

// ---------------------------------------------------------------- An entry for a run (images in batch and group norm)

// A unit is a part of a group that shares an affine entry.
static void gradient_sums_of_runs_range(void *context, size_t begin, size_t end) {
  const norm_gradient_task task = *(const norm_gradient_task *)context;
  const ballast_norm_shape *shape = task.shape;
  size_t run = shape->affine_inner, parts = shape->inner / run, units = shape->groups * parts;
  for (size_t i = begin; i < end; i++) {
    size_t unit = i % units, group = unit / parts, row = i / units * task.pieces.length;
    size_t last = smaller_size(shape->outer, row + task.pieces.length);
    float mean = task.mean ? task.mean[group] : 0;
    gradient_sums sums = {{0}, {0}};
    for (; row < last; row++) {
      size_t at = (row * units + unit) * run;
      sums = gradient_sums_of_run(run, task.x + at, task.dy + at, mean, sums);
    }
    task.sums[i] = lane_sum(sums.sum);
    task.products[i] = lane_sum(sums.product) * task.inverse[group];
  }
}

static void norm_gradient_of_runs_range(void *context, size_t begin, size_t end) {
  const norm_gradient_task task = *(const norm_gradient_task *)context;
  const ballast_norm_shape *shape = task.shape;
  size_t run = shape->affine_inner, parts = shape->inner / run;
  float share = (float)(1 / ((double)shape->outer * (double)shape->inner));
  for (size_t i = begin; i < end; i++) {
    size_t group = i % shape->groups, entry = group % shape->affine_groups * parts, unit = group * parts;
    float mean = task.mean ? task.mean[group] : 0, inverse = task.inverse[group], sum = 0, product = 0;
    for (size_t part = 0; part < parts && !task.fixed; part++) {
      float weight = task.weight ? task.weight[entry + part] : 1;
      if (task.centered) sum += weight * task.sums[unit + part];
      product += weight * task.products[unit + part];
    }
    float constant = inverse * sum * share, slope = inverse * inverse * product * share;
    for (size_t part = 0; part < parts; part++) {
      size_t at = i * shape->inner + part * run;
      float scale = task.weight ? task.weight[entry + part] * inverse : inverse;
      const float *x = task.x + at, *dy = task.dy + at;
      float *dx = task.dx + at;
      if (task.fixed) {
        OVER_VECTORS(j, n, run, put(dx + j, n, load_part(dy + j, n) * scale, task.accumulate););
      } else {
        OVER_VECTORS(j, n, run, {
          vf result = load_part(dy + j, n) * scale - constant - (load_part(x + j, n) - mean) * slope;
          put(dx + j, n, result, task.accumulate);
        });
      }
    }
  }
}

// ---------------------------------------------------------------- An entry for each position (layer norm)

// Groups first..<last, one after the other; dweight and dbias (null, or [affine_groups, inner]) are added to.
static void norm_gradient_of_positions(norm_gradient_task task, size_t first, size_t last, float *dweight, float *dbias) {
  const ballast_norm_shape *shape = task.shape;
  size_t inner = shape->inner, stride = shape->groups * inner;
  float share = (float)(1 / ((double)shape->outer * (double)inner));
  for (size_t group = first; group < last; group++) {
    size_t entry = group % shape->affine_groups * inner;
    const float *weight = task.weight ? task.weight + entry : NULL;
    float *weight_gradient = dweight ? dweight + entry : NULL, *bias_gradient = dbias ? dbias + entry : NULL;
    float mean = task.mean ? task.mean[group] : 0, inverse = task.inverse[group];
    vf sum = {0}, product = {0};
    for (size_t row = 0; row < shape->outer; row++) {
      const float *x = task.x + row * stride + group * inner, *dy = task.dy + row * stride + group * inner;
      OVER_VECTORS(j, n, inner, {
        vf gradient = load_part(dy + j, n), normal = (load_part(x + j, n) - mean) * inverse;
        vf weighted = weight ? gradient * load_part(weight + j, n) : gradient;
        sum += weighted;
        product += weighted * normal;
        if (weight_gradient) put(weight_gradient + j, n, gradient * normal, true);
        if (bias_gradient) put(bias_gradient + j, n, gradient, true);
      });
    }
    if (!task.dx) continue;
    float constant = task.centered && !task.fixed ? inverse * lane_sum(sum) * share : 0;
    float slope = task.fixed ? 0 : inverse * inverse * lane_sum(product) * share;
    for (size_t row = 0; row < shape->outer; row++) {
      size_t at = row * stride + group * inner;
      const float *x = task.x + at, *dy = task.dy + at;
      float *dx = task.dx + at;
      OVER_VECTORS(j, n, inner, {
        vf scale = weight ? load_part(weight + j, n) * inverse : splat(inverse);
        vf result = load_part(dy + j, n) * scale - constant - (load_part(x + j, n) - mean) * slope;
        put(dx + j, n, result, task.accumulate);
      });
    }
  }
}

// sums and products of the task are dbias and dweight of each piece of groups here (null if not asked for).
static void norm_gradient_of_positions_range(void *context, size_t begin, size_t end) {
  const norm_gradient_task *task = context;
  size_t entries = task->shape->affine_groups * task->shape->inner;
  for (size_t piece = begin; piece < end; piece++) {
    size_t first = piece * task->pieces.length, last = smaller_size(task->shape->groups, first + task->pieces.length);
    float *dweight = task->products ? task->products + piece * entries : NULL;
    float *dbias = task->sums ? task->sums + piece * entries : NULL;
    if (dweight) memset(dweight, 0, entries * sizeof(float));
    if (dbias) memset(dbias, 0, entries * sizeof(float));
    norm_gradient_of_positions(*task, first, last, dweight, dbias);
  }
}

// ---------------------------------------------------------------- Groups side by side (inner = 1)

INLINE void gradient_sums_of_tile(int vectors, const norm_gradient_task *task, size_t rows, size_t count, size_t group,
                                  const float *x, const float *dy, float *sums, float *products) {
  size_t stride = task->shape->groups;
  vf mean[tile_vectors], total[tile_vectors], total_product[tile_vectors];
  for (int j = 0; j < vectors; j++) {
    mean[j] = task->mean ? load_part(task->mean + group + (size_t)j * width, count) : splat(0);
    total[j] = total_product[j] = splat(0);
  }
  for (size_t row = 0; row < rows;) {
    vf sum[tile_vectors], product[tile_vectors];
    for (int j = 0; j < vectors; j++) sum[j] = product[j] = splat(0);
    for (size_t end = smaller_size(rows, row + reduction_block); row < end; row++) {
      for (int j = 0; j < vectors; j++) {
        size_t at = row * stride + (size_t)j * width;
        vf gradient = load_part(dy + at, count);
        sum[j] += gradient;
        product[j] += gradient * (load_part(x + at, count) - mean[j]);
      }
    }
    for (int j = 0; j < vectors; j++) {
      total[j] += sum[j];
      total_product[j] += product[j];
    }
  }
  for (int j = 0; j < vectors; j++) {
    store_part(sums + (size_t)j * width, count, total[j]);
    vf inverse = load_part(task->inverse + group + (size_t)j * width, count);
    store_part(products + (size_t)j * width, count, total_product[j] * inverse);
  }
}

static void gradient_sums_of_columns_range(void *context, size_t begin, size_t end) {
  const norm_gradient_task *task = context;
  size_t groups = task->shape->groups, tile = tile_vectors * width, tiles = ceiling_quotient(groups, tile);
  for (size_t i = begin; i < end; i++) {
    size_t piece = i / tiles, row = piece * task->pieces.length, group = i % tiles * tile;
    size_t rows = smaller_size(task->pieces.length, task->shape->outer - row), last = smaller_size(groups, group + tile);
    const float *x = task->x + row * groups, *dy = task->dy + row * groups;
    float *sums = task->sums + piece * groups, *products = task->products + piece * groups;
    if (last - group == tile) {
      gradient_sums_of_tile(tile_vectors, task, rows, width, group, x + group, dy + group, sums + group, products + group);
      continue;
    }
    for (; group < last; group += width) {
      size_t count = smaller_size(width, last - group);
      gradient_sums_of_tile(1, task, rows, count, group, x + group, dy + group, sums + group, products + group);
    }
  }
}

// The sums have become the constants, the products the slopes, and `weight` is weight * inverse, all by group.
static void norm_gradient_of_columns_range(void *context, size_t begin, size_t end) {
  const norm_gradient_task task = *(const norm_gradient_task *)context;
  size_t groups = task.shape->groups;
  for (size_t row = begin; row < end; row++) {
    const float *x = task.x + row * groups, *dy = task.dy + row * groups;
    float *dx = task.dx + row * groups;
    OVER_VECTORS(j, n, groups, {
      vf result = load_part(dy + j, n) * load_part(task.weight + j, n);
      if (!task.fixed) {
        vf mean = task.mean ? load_part(task.mean + j, n) : splat(0);
        result = result - load_part(task.sums + j, n) - (load_part(x + j, n) - mean) * load_part(task.products + j, n);
      }
      put(dx + j, n, result, task.accumulate);
    });
  }
}

static void norm_gradient_of_columns(norm_gradient_task task) {
  size_t groups = task.shape->groups, bytes = groups * sizeof(float);
  const float *weight = task.weight;
  float *scales = ballast_allocate(bytes), *constants = ballast_allocate(bytes), *slopes = ballast_allocate(bytes);
  float share = 1 / (float)task.shape->outer;
  for (size_t i = 0; i < groups; i++) {
    scales[i] = weight ? weight[i % task.shape->affine_groups] * task.inverse[i] : task.inverse[i];
    if (task.fixed) continue;
    constants[i] = task.centered ? scales[i] * task.sums[i] * share : 0;
    slopes[i] = scales[i] * task.inverse[i] * task.products[i] * share;
  }
  task.weight = scales;
  task.sums = constants;
  task.products = slopes;
  ballast_parallel_range(task.shape->outer, row_grain(simple_grain, groups), &task, norm_gradient_of_columns_range);
  ballast_release(scales, bytes);
  ballast_release(constants, bytes);
  ballast_release(slopes, bytes);
}

// ---------------------------------------------------------------- All

// y = sum of the rows of x [rows, columns].
static void sum_of_rows(size_t rows, size_t columns, const float *x, bool accumulate, float *y) {
  kernel_reduce(ballast_sum, 2, (size_t[]){rows, columns}, 1, x, 1, accumulate, y);
}

static void kernel_normalize_gradient(const ballast_norm_shape *shape, bool centered, bool fixed, const float *x,
                                      const float *mean, const float *inverse, const float *weight, const float *dy,
                                      float *dx, bool accumulate_dx, float *dweight, bool accumulate_dweight,
                                      float *dbias, bool accumulate_dbias) {
  size_t groups = shape->groups, inner = shape->inner, parts = inner / larger_size(1, shape->affine_inner);
  size_t units = groups * parts, entries = shape->affine_groups * parts;
  if (shape->outer * units == 0) {
    if (dweight && !accumulate_dweight) kernel_fill(entries, 0, dweight);
    if (dbias && !accumulate_dbias) kernel_fill(entries, 0, dbias);
    return;
  }
  norm_gradient_task task = {.shape = shape, .centered = centered, .fixed = fixed, .accumulate = accumulate_dx, .x = x,
                             .mean = mean, .inverse = inverse, .weight = weight, .dy = dy, .dx = dx};
  if (inner > 1 && shape->affine_inner == 1) {
    size_t length = larger_size(row_grain(piece_elements / 2, shape->outer * inner), ceiling_quotient(groups, enough_outputs));
    task.pieces = (norm_pieces){ceiling_quotient(groups, length), length};
    size_t bytes = task.pieces.count * entries * sizeof(float);
    task.products = dweight ? ballast_allocate(bytes) : NULL;
    task.sums = dbias ? ballast_allocate(bytes) : NULL;
    ballast_parallel_range(task.pieces.count, 1, &task, norm_gradient_of_positions_range);
    if (dweight) sum_of_rows(task.pieces.count, entries, task.products, accumulate_dweight, dweight);
    if (dbias) sum_of_rows(task.pieces.count, entries, task.sums, accumulate_dbias, dbias);
    if (dweight) ballast_release(task.products, bytes);
    if (dbias) ballast_release(task.sums, bytes);
    return;
  }
  task.pieces = norm_pieces_of(shape, units);
  size_t pieces = task.pieces.count, bytes = pieces * units * sizeof(float);
  float *sums = ballast_allocate(bytes), *products = ballast_allocate(bytes);
  task.sums = sums;
  task.products = products;
  if (dweight || dbias || (dx && !fixed)) {
    if (inner > 1) {
      size_t grain = row_grain(simple_grain / 2, task.pieces.length * shape->affine_inner);
      ballast_parallel_range(pieces * units, grain, &task, gradient_sums_of_runs_range);
    } else {
      size_t tile = tile_vectors * width, grain = row_grain(simple_grain / 2, task.pieces.length * smaller_size(tile, groups));
      ballast_parallel_range(pieces * ceiling_quotient(groups, tile), grain, &task, gradient_sums_of_columns_range);
    }
  }
  if (pieces > 1) {
    task.sums = ballast_allocate(units * sizeof(float));
    task.products = ballast_allocate(units * sizeof(float));
    sum_of_rows(pieces, units, sums, false, task.sums);
    sum_of_rows(pieces, units, products, false, task.products);
  }
  if (dweight) sum_of_rows(units / entries, entries, task.products, accumulate_dweight, dweight);
  if (dbias) sum_of_rows(units / entries, entries, task.sums, accumulate_dbias, dbias);
  if (dx && inner > 1) {
    ballast_parallel_range(shape->outer * groups, row_grain(simple_grain, inner), &task, norm_gradient_of_runs_range);
  } else if (dx) {
    norm_gradient_of_columns(task);
  }
  if (pieces > 1) {
    ballast_release(task.sums, units * sizeof(float));
    ballast_release(task.products, units * sizeof(float));
  }
  ballast_release(sums, bytes);
  ballast_release(products, bytes);
}
