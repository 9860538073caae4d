// Convolution and its input gradient: both are correlations, of x with the kernels and of dy with the kernels turned
// round, and a correlation is the product of weights [rows, channels * taps] with the source as the taps see it.

#include "convolution_image.h"

typedef struct {
  image_geometry geometry;
  size_t groups, channels, rows; // in each group: channels of the source, rows of the result
  const float *source;           // [batch, groups * channels, source height, source width]
  const float *weights;          // [groups * rows, channels * taps]
  const float *bias;             // one per row, or null
  bool accumulate;
  float *result;                 // the first element of row 0, and the distances to the next
  size_t sample_step, row_step, line_step, column_step;
  size_t chunks, chunk_lines, block_channels; // output lines computed at a time, channels multiplied at a time
} correlation;

// Adds the bias, and moves lines of a row's results to where they belong.
static void finish_lines(const correlation *job, const float *from, size_t lines, float bias, float *to) {
  const image_geometry *g = &job->geometry;
  for (size_t line = 0; line < lines; line++, from += g->pitch, to += job->line_step) {
    if (job->column_step == 1) {
      for (size_t i = 0; i < g->width; i += width) {
        vf x = load_part(from + i, g->width - i) + splat(bias);
        if (job->accumulate) x += load_part(to + i, g->width - i);
        store_part(to + i, g->width - i, x);
      }
    } else {
      for (size_t i = 0; i < g->width; i++) {
        float *element = to + i * job->column_step;
        *element = from[i] + bias + (job->accumulate ? *element : 0);
      }
    }
  }
}

// Computes one chunk of lines of one group of one sample.
static void correlate_chunk(const correlation *job, size_t sample, size_t group, size_t line, size_t lines) {
  const image_geometry *g = &job->geometry;
  const size_t columns = (lines - 1) * g->pitch + g->width, block_steps = job->block_channels * g->taps;
  const size_t image_bytes = image_size(g, job->block_channels, lines) * sizeof(float);
  const size_t offset_bytes = block_steps * sizeof(size_t), sum_bytes = job->rows * columns * sizeof(float);
  float *image = ballast_allocate(image_bytes), *sums = ballast_allocate(sum_bytes);
  size_t *offsets = ballast_allocate(offset_bytes);
  list_offsets(g, job->block_channels, lines, offsets);
  const size_t source_plane = g->source_height * g->source_width;
  const float *source = job->source + (sample * job->groups + group) * job->channels * source_plane;
  product p = {.a = job->weights + group * job->rows * job->channels * g->taps, .row_step = job->channels * g->taps,
               .k_step = 1, .offsets = offsets, .c = sums, .c_step = columns, .alpha = 1};
  for (size_t channel = 0; channel == 0 || channel < job->channels; channel += job->block_channels) {
    const size_t channels = smaller_size(job->block_channels, job->channels - channel);
    build_image(g, source + channel * source_plane, channels, line, lines, image);
    p.k = channels * g->taps;
    for (size_t column = 0; column < columns; column += panel_width) {
      compute_panel(&p, gathered_b, 0, job->rows, column, smaller_size(panel_width, columns - column), image + column, 0);
    }
    p.a += p.k;
    p.accumulate = true;
  }
  float *result = job->result + sample * job->sample_step + line * job->line_step;
  for (size_t i = 0; i < job->rows; i++) {
    const size_t row = group * job->rows + i;
    finish_lines(job, sums + i * columns, lines, job->bias ? job->bias[row] : 0, result + row * job->row_step);
  }
  ballast_release(image, image_bytes);
  ballast_release(sums, sum_bytes);
  ballast_release(offsets, offset_bytes);
}

static void correlate_some(void *context, size_t begin, size_t end) {
  const correlation *job = context;
  for (size_t index = begin; index < end; index++) {
    const size_t line = index % job->chunks * job->chunk_lines;
    const size_t lines = smaller_size(job->chunk_lines, job->geometry.height - line);
    correlate_chunk(job, index / job->chunks / job->groups, index / job->chunks % job->groups, line, lines);
  }
}

// Cuts lines and channels so that what is in work stays in the caches, then computes all samples.
static void correlate(correlation *job, size_t batch) {
  const image_geometry *g = &job->geometry;
  if (batch == 0 || job->rows == 0 || g->height == 0 || g->width == 0) return;
  job->block_channels = smaller_size(larger_size(1, product_steps / larger_size(1, g->taps)), larger_size(1, job->channels));
  const size_t line_image = job->block_channels * larger_size(1, g->planes) * g->pitch;
  size_t lines = smaller_size(result_floats / (job->rows * g->pitch), image_floats / line_image);
  lines = smaller_size(larger_size(lines, 1), g->height);
  job->chunks = ceiling_quotient(g->height, lines);
  job->chunk_lines = ceiling_quotient(g->height, job->chunks);
  job->chunks = ceiling_quotient(g->height, job->chunk_lines);
  const double operations = 2.0 * (double)(job->rows * job->channels * g->taps) * (double)(job->chunk_lines * g->width);
  const size_t grain = operations >= task_operations ? 1 : (size_t)(task_operations / (operations + 1000)) + 1;
  ballast_parallel_range(batch * job->groups * job->chunks, grain, job, correlate_some);
}

static void kernel_conv2d(const ballast_conv2d_shape *s, const float *x, const float *weight, const float *bias, float *y) {
  const size_t plane = s->output_height * s->output_width;
  if (s->batch * s->outputs * plane == 0) return;
  correlation job = {
    .geometry = forward_geometry(s), .groups = s->groups, .channels = s->channels / s->groups, .rows = s->outputs / s->groups,
    .source = x, .weights = weight, .bias = bias, .result = y, .sample_step = s->outputs * plane, .row_step = plane,
    .line_step = s->output_width, .column_step = 1
  };
  correlate(&job, s->batch);
  release_geometry(&job.geometry);
}

// ---------------------------------------------------------------- Input gradient

typedef struct {
  const image_geometry *geometry;
  size_t channels, outputs, kernel_size; // of a group
  const float *weight;
  float *turned; // [groups * channels, outputs * taps]
} turned_weights;

static void turn_weights(void *context, size_t begin, size_t end) {
  const turned_weights *t = context;
  const image_geometry *g = t->geometry;
  for (size_t row = begin; row < end; row++) {
    const size_t group = row / t->channels, channel = row % t->channels;
    float *to = t->turned + row * t->outputs * g->taps;
    for (size_t output = 0; output < t->outputs; output++) {
      const float *from = t->weight + ((group * t->outputs + output) * t->channels + channel) * t->kernel_size;
      for (size_t i = 0; i < g->taps; i++) *to++ = from[g->tap[i].weight];
    }
  }
}

static void kernel_conv2d_input_gradient(const ballast_conv2d_shape *s, const float *dy, const float *weight, bool accumulate,
                                         float *dx) {
  if (s->batch * s->channels * s->height * s->width == 0) return;
  const size_t plane = s->height * s->width, channels = s->channels / s->groups, outputs = s->outputs / s->groups;
  const size_t turned_bytes = s->channels * outputs * s->kernel_height * s->kernel_width * sizeof(float);
  float *turned = ballast_allocate(turned_bytes);
  // Every stride-th row and column of dx is a correlation of its own, with the taps that meet it.
  for (size_t row = 0; row < s->stride_height && row < s->height; row++) {
    for (size_t column = 0; column < s->stride_width && column < s->width; column++) {
      correlation job = {
        .geometry = gradient_geometry(s, row, column), .groups = s->groups, .channels = outputs, .rows = channels,
        .source = dy, .weights = turned, .accumulate = accumulate, .result = dx + row * s->width + column,
        .sample_step = s->channels * plane, .row_step = plane, .line_step = s->stride_height * s->width,
        .column_step = s->stride_width
      };
      turned_weights t = {&job.geometry, channels, outputs, s->kernel_height * s->kernel_width, weight, turned};
      ballast_parallel_range(s->channels, larger_size(1, 16384 / (outputs * job.geometry.taps + 1)), &t, turn_weights);
      correlate(&job, s->batch);
      release_geometry(&job.geometry);
    }
  }
  ballast_release(turned, turned_bytes);
}

#include "convolution_weights.h"
