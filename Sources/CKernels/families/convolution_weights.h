// Weight gradient of a convolution: dweight^T [channels * taps, outputs] is the product of the image of x, as each tap sees
// it, with dy^T, summed over the samples. Samples are dealt to a number of shares that depends on the shape alone; each
// share sums into a matrix of its own, and the matrices are added in order.

enum { few_taps = 12 }; // of all channels of a group: as many sums as fit in registers

typedef struct {
  const ballast_conv2d_shape *shape;
  image_geometry geometry;
  size_t channels, outputs;  // of a group
  size_t rows;               // channels * taps
  size_t shares, share_samples, blocks, block_channels, chunk_lines;
  const float *x, *dy;
  float *sums;               // [shares, groups, rows, outputs]
  bool accumulate;
  float *dweight;
} weight_gradient;

// Packs dy^T of some lines: as many rows as an image's lines are long, with zeros past the output's width, in panels of outputs.
static void pack_gradient(const weight_gradient *job, const float *dy, size_t line, size_t lines, float *panels) {
  const image_geometry *g = &job->geometry;
  const size_t plane = g->height * g->width;
  for (size_t output = 0; output < job->outputs; output += panel_width) {
    const size_t columns = smaller_size(panel_width, job->outputs - output), step = packed_step(columns);
    for (size_t i = 0; i < lines; i++) {
      for (size_t column = 0; column < columns; column++) { // planes are too far apart for the processor to look ahead
        prefetch(dy, (output + column) * plane + (line + i + 2) * g->width);
      }
      pack_columns(g->width, columns, dy + output * plane + (line + i) * g->width, plane, panels);
      if (i + 1 < lines) memset(panels + g->width * step, 0, (g->pitch - g->width) * step * sizeof(float));
      panels += (i + 1 < lines ? g->pitch : g->width) * step;
    }
  }
}

// Adds the products of lines of dy's plane with the image at each tap, where there are few taps in all: nothing is packed.
INLINE void add_line_products(const image_geometry *g, const float *image, const size_t *offsets, size_t taps, size_t lines,
                              const float *dy, float *sums, size_t step) {
  vf sum[few_taps];
  for (size_t t = 0; t < taps; t++) sum[t] = splat(0);
  for (size_t line = 0; line < lines; line++, image += g->pitch, dy += g->width) {
    for (size_t column = 0; column < g->width; column += width) {
      const vf gradient = load_part(dy + column, g->width - column);
      for (size_t t = 0; t < taps; t++) sum[t] += gradient * load(image + offsets[t] + column);
    }
  }
  for (size_t t = 0; t < taps; t++) sums[t * step] += lane_sum(sum[t]);
}

static void add_products_of_planes(const weight_gradient *job, const float *image, const size_t *offsets, size_t taps,
                                   const float *dy, size_t line, size_t lines, float *sums) {
  const image_geometry *g = &job->geometry;
  for (size_t output = 0; output < job->outputs; output++) {
    const float *plane = dy + output * g->height * g->width + line * g->width;
#define TAPS(n) case n: add_line_products(g, image, offsets, n, lines, plane, sums + output, job->outputs); break;
    switch (taps) { TAPS(1) TAPS(2) TAPS(3) TAPS(4) TAPS(5) TAPS(6) TAPS(7) TAPS(8) TAPS(9) TAPS(10) TAPS(11) TAPS(12) }
#undef TAPS
  }
}

// One share's sums for one group and one block of channels.
static void sum_share(void *context, size_t index) {
  const weight_gradient *job = context;
  const image_geometry *g = &job->geometry;
  const size_t block = index % job->blocks, group = index / job->blocks % job->shape->groups;
  const size_t share = index / job->blocks / job->shape->groups, first_channel = block * job->block_channels;
  const size_t channels = smaller_size(job->block_channels, job->channels - first_channel);
  const size_t most_steps = (job->chunk_lines - 1) * g->pitch + g->width, source_plane = g->source_height * g->source_width;
  const size_t image_bytes = image_size(g, channels, job->chunk_lines) * sizeof(float);
  const size_t offset_bytes = channels * g->taps * sizeof(size_t);
  const size_t panel_bytes = round_up(job->outputs, panel_width) * most_steps * sizeof(float);
  float *image = ballast_allocate(image_bytes), *panels = ballast_allocate(panel_bytes);
  size_t *offsets = ballast_allocate(offset_bytes);
  float *sums = job->sums + ((share * job->shape->groups + group) * job->rows + first_channel * g->taps) * job->outputs;
  const bool unpacked = job->rows <= few_taps;
  if (unpacked) memset(sums, 0, channels * g->taps * job->outputs * sizeof(float));
  product p = {.a = image, .offsets = offsets, .c = sums, .c_step = job->outputs, .alpha = 1};
  const size_t begin = share * job->share_samples, end = smaller_size(begin + job->share_samples, job->shape->batch);
  for (size_t sample = begin; sample < end; sample++) {
    const float *x = job->x + ((sample * job->shape->groups + group) * job->channels + first_channel) * source_plane;
    const float *dy = job->dy + (sample * job->shape->groups + group) * job->outputs * g->height * g->width;
    for (size_t line = 0; line < g->height; line += job->chunk_lines) {
      const size_t lines = smaller_size(job->chunk_lines, g->height - line);
      build_image(g, x, channels, line, lines, image);
      list_offsets(g, channels, lines, offsets);
      if (unpacked) {
        add_products_of_planes(job, image, offsets, channels * g->taps, dy, line, lines, sums);
        continue;
      }
      pack_gradient(job, dy, line, lines, panels);
      p.k = (lines - 1) * g->pitch + g->width;
      for (size_t output = 0; output < job->outputs; output += panel_width) {
        const size_t columns = smaller_size(panel_width, job->outputs - output);
        compute_panel(&p, packed_gathered_a, 0, channels * g->taps, output, columns, panels + output * p.k, 0);
      }
      p.accumulate = true;
    }
  }
  ballast_release(image, image_bytes);
  ballast_release(panels, panel_bytes);
  ballast_release(offsets, offset_bytes);
}

// Adds the shares for some rows (of all groups), and writes them as columns of dweight.
static void add_shares(void *context, size_t begin, size_t end) {
  const weight_gradient *job = context;
  const size_t share_size = job->shape->groups * job->rows * job->outputs;
  for (size_t row = begin; row < end; row++) {
    const float *from = job->sums + row * job->outputs;
    float *to = job->dweight + row / job->rows * job->outputs * job->rows + row % job->rows;
    for (size_t output = 0; output < job->outputs; output += width) {
      const size_t count = smaller_size(width, job->outputs - output);
      vf sum = load_part(from + output, count);
      for (size_t share = 1; share < job->shares; share++) sum += load_part(from + share * share_size + output, count);
      for (size_t i = 0; i < count; i++) {
        float *element = to + (output + i) * job->rows;
        *element = sum[i] + (job->accumulate ? *element : 0);
      }
    }
  }
}

static void kernel_conv2d_weight_gradient(const ballast_conv2d_shape *s, const float *x, const float *dy, bool accumulate,
                                          float *dweight) {
  const size_t count = s->outputs * (s->channels / s->groups) * s->kernel_height * s->kernel_width;
  if (count == 0) return;
  if (s->batch * s->output_height * s->output_width == 0) {
    if (!accumulate) memset(dweight, 0, count * sizeof(float));
    return;
  }
  weight_gradient job = {.shape = s, .geometry = forward_geometry(s), .channels = s->channels / s->groups,
                         .outputs = s->outputs / s->groups, .x = x, .dy = dy, .accumulate = accumulate, .dweight = dweight};
  const image_geometry *g = &job.geometry;
  job.rows = job.channels * g->taps;
  const double operations = 2.0 * (double)count * (double)(g->height * g->width) * (double)s->batch;
  const size_t positions = g->height * g->width * s->batch;
  job.shares = smaller_size(smaller_size(s->batch, most_shares), larger_size(1, most_sums / count));
  job.shares = smaller_size(job.shares, larger_size(enough_tasks, positions / share_positions));
  job.shares = smaller_size(job.shares, (size_t)(operations / task_operations) + 1);
  job.share_samples = ceiling_quotient(s->batch, job.shares);
  job.shares = ceiling_quotient(s->batch, job.share_samples);
  // Few shares of much work are cut by channels as well.
  const size_t tasks = job.shares * s->groups;
  const size_t few_blocks = smaller_size(ceiling_quotient(enough_tasks, tasks),
                                         (size_t)(operations / task_operations / (double)tasks) + 1);
  const size_t more_blocks = smaller_size(ceiling_quotient(most_shares, tasks),
                                          (size_t)(operations / block_operations / (double)tasks) + 1);
  const size_t work_blocks = larger_size(few_blocks, more_blocks);
  const size_t cache_blocks = ceiling_quotient(job.channels * g->planes * g->pitch * (g->extra_rows + 4), image_floats);
  job.blocks = smaller_size(larger_size(work_blocks, cache_blocks), job.channels);
  job.block_channels = ceiling_quotient(job.channels, job.blocks);
  job.blocks = ceiling_quotient(job.channels, job.block_channels);
  const size_t line_floats = g->pitch * larger_size(job.block_channels * g->planes, job.outputs);
  const size_t lines = smaller_size(image_floats / line_floats, longest_sum / g->pitch);
  job.chunk_lines = smaller_size(larger_size(1, lines), g->height);
  const size_t sum_bytes = job.shares * count * sizeof(float);
  job.sums = ballast_allocate(sum_bytes);
  ballast_parallel(job.shares * s->groups * job.blocks, &job, sum_share);
  ballast_parallel_range(s->groups * job.rows, larger_size(1, 32768 / (job.outputs * job.shares)), &job, add_shares);
  ballast_release(job.sums, sum_bytes);
  release_geometry(&job.geometry);
}
