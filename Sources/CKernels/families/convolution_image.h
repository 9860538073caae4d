// What convolutions read: images. An image holds, for some channels and output rows, the source so cut into planes that
// each tap of the kernel sees the source of output (row, column) at (row, column) plus a fixed offset. Padding is zeros in
// the image, and a stride of s makes planes of every s-th row and column, so that the product's inner loop knows of
// neither. Output rows are as long as an image's rows ("pitch"): the columns past the output's width are computed and dropped.

/// A tap of the kernel: its plane, and its offset in it; `weight` is its position in the kernel, row by row.
typedef struct {
  size_t plane, row, column, weight;
} kernel_tap;

/// Row and column of the source that lie at the start of a plane, for output row 0. They may lie outside, in the padding.
typedef struct {
  ptrdiff_t row, column;
} image_plane;

typedef struct {
  size_t source_height, source_width, row_step, column_step; // steps: from one row, or column, of a plane to the next
  size_t height, width, pitch, extra_rows;                   // of the output; an image of r output rows has r + extra_rows
  size_t planes, taps, capacity;
  image_plane *plane;
  kernel_tap *tap;
} image_geometry;

static void allocate_geometry(image_geometry *g, size_t capacity) {
  g->capacity = capacity;
  g->planes = g->taps = 0;
  g->plane = ballast_allocate(capacity * sizeof *g->plane);
  g->tap = ballast_allocate(capacity * sizeof *g->tap);
}

static void release_geometry(image_geometry *g) {
  ballast_release(g->plane, g->capacity * sizeof *g->plane);
  ballast_release(g->tap, g->capacity * sizeof *g->tap);
}

// The image of x that a convolution reads.
static image_geometry forward_geometry(const ballast_conv2d_shape *s) {
  image_geometry g = {.source_height = s->height, .source_width = s->width, .row_step = s->stride_height,
                      .column_step = s->stride_width, .height = s->output_height, .width = s->output_width};
  allocate_geometry(&g, s->kernel_height * s->kernel_width);
  for (size_t i = 0; i < s->kernel_height; i++) {
    for (size_t j = 0; j < s->kernel_width; j++) {
      const size_t row = i * s->dilation_height, column = j * s->dilation_width;
      const image_plane plane = {(ptrdiff_t)(row % s->stride_height) - (ptrdiff_t)s->padding_height,
                                 (ptrdiff_t)(column % s->stride_width) - (ptrdiff_t)s->padding_width};
      size_t found = 0;
      while (found < g.planes && (g.plane[found].row != plane.row || g.plane[found].column != plane.column)) found++;
      if (found == g.planes) g.plane[g.planes++] = plane;
      g.tap[g.taps++] = (kernel_tap){found, row / s->stride_height, column / s->stride_width, i * s->kernel_width + j};
    }
  }
  g.extra_rows = g.taps ? g.tap[g.taps - 1].row : 0;
  g.pitch = g.width + (g.taps ? g.tap[g.taps - 1].column : 0);
  return g;
}

// The image of dy that the input gradient reads for rows = row and columns = column, modulo the strides.
static image_geometry gradient_geometry(const ballast_conv2d_shape *s, size_t row, size_t column) {
  image_geometry g = {.source_height = s->output_height, .source_width = s->output_width, .row_step = 1, .column_step = 1,
                      .height = row < s->height ? ceiling_quotient(s->height - row, s->stride_height) : 0,
                      .width = column < s->width ? ceiling_quotient(s->width - column, s->stride_width) : 0};
  allocate_geometry(&g, s->kernel_height * s->kernel_width);
  const ptrdiff_t strides[2] = {(ptrdiff_t)s->stride_height, (ptrdiff_t)s->stride_width};
  image_plane first = {PTRDIFF_MAX, PTRDIFF_MAX}, last = {PTRDIFF_MIN, PTRDIFF_MIN};
  for (int pass = 0; pass < 2; pass++) { // finds the extent, then the taps in it
    for (size_t i = 0; i < s->kernel_height; i++) {
      for (size_t j = 0; j < s->kernel_width; j++) {
        const ptrdiff_t down = (ptrdiff_t)(row + s->padding_height) - (ptrdiff_t)(i * s->dilation_height);
        const ptrdiff_t right = (ptrdiff_t)(column + s->padding_width) - (ptrdiff_t)(j * s->dilation_width);
        if (down % strides[0] != 0 || right % strides[1] != 0) continue;
        const ptrdiff_t y = down / strides[0], x = right / strides[1];
        if (pass == 0) {
          first = (image_plane){y < first.row ? y : first.row, x < first.column ? x : first.column};
          last = (image_plane){y > last.row ? y : last.row, x > last.column ? x : last.column};
        } else {
          g.tap[g.taps++] = (kernel_tap){0, (size_t)(y - first.row), (size_t)(x - first.column), i * s->kernel_width + j};
        }
      }
    }
  }
  g.extra_rows = g.taps ? (size_t)(last.row - first.row) : 0;
  g.pitch = g.width + (g.taps ? (size_t)(last.column - first.column) : 0);
  if (g.taps) g.plane[g.planes++] = first;
  return g;
}

INLINE size_t plane_size(const image_geometry *g, size_t rows) { return (rows + g->extra_rows) * g->pitch; }

// Elements of an image with `channels` channels and `rows` output rows; whole vectors may be read and written past its end.
INLINE size_t image_size(const image_geometry *g, size_t channels, size_t rows) {
  return channels * g->planes * plane_size(g, rows) + 2 * panel_width;
}

// Writes columns 0..<pitch of an image's row: those in begin..<end are the source's, the others zeros. Column 0 would lie
// `first_column` elements after `source`, or before it; columns are `step` apart. May write up to a vector's width past the row.
INLINE void copy_row(size_t pitch, size_t begin, size_t end, const float *source, ptrdiff_t first_column, size_t step, float *to) {
  for (size_t column = 0; column < pitch; column += width) {
    const size_t first = smaller_size(begin > column ? begin - column : 0, width);
    const size_t last = larger_size(smaller_size(end > column ? end - column : 0, width), first);
    vf x = {0};
    if (step == 1) {
      const float *from = pointer_ahead(source, first_column + (ptrdiff_t)column);
      prefetch(from, 384); // a plane or two ahead: short rows are no stream to the processor
      x = load_between(from, first, last);
    } else {
      for (size_t i = first; i < last; i++) x[i] = source[first_column + (ptrdiff_t)((column + i) * step)];
    }
    store(to + column, x);
  }
}

INLINE void clear_columns(size_t count, float *to) { // may write up to a vector's width past them
  for (size_t i = 0; i < count; i += width) store(to + i, splat(0));
}

// Cuts the image of `channels` channels, and of output rows from `row` on, out of the source of the first channel.
static void build_image(const image_geometry *g, const float *source, size_t channels, size_t row, size_t rows, float *image) {
  const ptrdiff_t source_height = (ptrdiff_t)g->source_height, source_width = (ptrdiff_t)g->source_width;
  const ptrdiff_t row_step = (ptrdiff_t)g->row_step, step = (ptrdiff_t)g->column_step, pitch = (ptrdiff_t)g->pitch;
  float *to = image;
  for (size_t channel = 0; channel < channels; channel++) {
    const float *from = source + channel * g->source_height * g->source_width;
    for (size_t p = 0; p < g->planes; p++) {
      const image_plane plane = g->plane[p];
      // Columns begin..<end of the plane lie inside the source.
      ptrdiff_t begin = plane.column < 0 ? (-plane.column + step - 1) / step : 0;
      ptrdiff_t end = source_width > plane.column ? (source_width - plane.column + step - 1) / step : 0;
      if (begin > pitch) begin = pitch;
      if (end > pitch) end = pitch;
      if (end < begin) end = begin;
      for (size_t i = 0; i < rows + g->extra_rows; i++, to += pitch) {
        const ptrdiff_t y = (ptrdiff_t)(row + i) * row_step + plane.row;
        if (y < 0 || y >= source_height || begin == end) {
          clear_columns(g->pitch, to);
          continue;
        }
        copy_row(g->pitch, (size_t)begin, (size_t)end, from + y * source_width, plane.column, (size_t)step, to);
      }
    }
  }
  clear_columns(2 * panel_width, to); // what is read past the end is computed, and dropped
}

// Where the source of output (0, 0) lies in an image, for every channel and, in it, every tap.
static void list_offsets(const image_geometry *g, size_t channels, size_t rows, size_t *offsets) {
  const size_t plane = plane_size(g, rows);
  for (size_t channel = 0; channel < channels; channel++) {
    for (size_t t = 0; t < g->taps; t++) {
      const kernel_tap tap = g->tap[t];
      *offsets++ = (channel * g->planes + tap.plane) * plane + tap.row * g->pitch + tap.column;
    }
  }
}
