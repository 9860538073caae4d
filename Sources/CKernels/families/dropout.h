// Dropout. A Philox block has eight half-words, one for each unit of a byte of the mask.

typedef uint16_t vu_halfwords __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef uint8_t vu_bytes __attribute__((vector_size(VECTOR_WIDTH)));

enum { units_at_once = 8 * VECTOR_WIDTH, dropout_grain = 8192, fetched_ahead = 1024 };

// A byte of the mask for each block: bits 2j and 2j + 1 tell whether the low and high half of word j reach the threshold.
INLINE vu_bytes kept_units(philox_blocks blocks, uint16_t threshold) {
  vu bits = {0};
  for (int i = 0; i < 4; i++) {
    vu reached = (vu)((vu_halfwords)blocks.words[i] >= threshold);
    bits |= reached & (1u << (2 * i) | 1u << (2 * i + 1 + 16));
  }
  return __builtin_convertvector((bits | bits >> 16) & 0xff, vu_bytes);
}

// Bits i... of the mask, one for each of n <= width elements; i is a multiple of width.
INLINE vi mask_lanes(const uint8_t *mask, size_t i, size_t n) {
  uint32_t bits = mask[i / 8];
  if (width == 16 && n > 8) bits |= (uint32_t)mask[i / 8 + 1] << 8;
  if (width == 4) bits >>= i % 8;
  return ((vi)splat_bits(bits) & ((vi){0} + 1) << lane_numbers()) != 0;
}

// y = scale * x where the mask has a bit, else 0.
INLINE void apply_mask(size_t count, const float *x, const uint8_t *mask, float scale, bool accumulate, float *y) {
  OVER_VECTORS(i, n, count, {
    put(y + i, n, choose(mask_lanes(mask, i, n), load_part(x + i, n) * scale, splat(0)), accumulate);
  });
}

typedef struct {
  ballast_stream stream;
  uint32_t threshold;
  size_t inner;
  const float *x;
  float scale;
  bool accumulate;
  uint8_t *mask;
  float *y;
} dropout_task;

// Makes the mask of some units, from a multiple of dropout_grain on, and applies it at once if `applied`.
INLINE void dropout_units(dropout_task task, bool applied, size_t begin, size_t end) {
  philox_stream stream = philox_prepared(task.stream);
  uint16_t threshold = (uint16_t)task.threshold;
  uint64_t block = begin / 8;
  vu low = (vu)lane_numbers() + (uint32_t)block, high = splat_bits((uint32_t)(block >> 32)); // a grain never straddles 2^32
  for (; begin < end; begin += units_at_once, low += width) {
    if (applied) { // memory is fetched while the numbers are made
      for (size_t i = 0; i < units_at_once; i += 16) {
        prefetch(task.x + begin, fetched_ahead + i);
        __builtin_prefetch(pointer_ahead(task.y + begin, (ptrdiff_t)(fetched_ahead + i)), 1);
      }
    }
    vu_bytes kept = kept_units(philox(&stream, low, high), threshold);
    if (task.threshold > UINT16_MAX) kept = (vu_bytes){0};
    uint8_t *mask = task.mask + begin / 8;
    size_t units = end - begin;
    if (units >= units_at_once) {
      memcpy(mask, &kept, sizeof kept);
      if (applied) apply_mask(units_at_once, task.x + begin, mask, task.scale, false, task.y + begin);
    } else {
      uint8_t buffer[VECTOR_WIDTH];
      memcpy(buffer, &kept, sizeof kept);
      if (units % 8) buffer[units / 8] &= (1u << units % 8) - 1;
      memcpy(mask, buffer, (units + 7) / 8);
      if (applied) apply_mask(units, task.x + begin, mask, task.scale, false, task.y + begin);
    }
  }
}

static void dropout_range(void *context, size_t begin, size_t end) {
  dropout_units(*(const dropout_task *)context, true, begin, end);
}
static void dropout_mask_range(void *context, size_t begin, size_t end) {
  dropout_units(*(const dropout_task *)context, false, begin, end);
}

static void masked_range(void *context, size_t begin, size_t end) {
  const dropout_task *task = context;
  const uint8_t *mask = task->mask + begin / 8;
  if (task->accumulate) apply_mask(end - begin, task->x + begin, mask, task->scale, true, task->y + begin);
  else apply_mask(end - begin, task->x + begin, mask, task->scale, false, task->y + begin);
}

// Units of `inner` elements.
static void masked_units_range(void *context, size_t begin, size_t end) {
  const dropout_task task = *(const dropout_task *)context;
  for (size_t unit = begin; unit < end; unit++) {
    const float *x = task.x + unit * task.inner;
    float *y = task.y + unit * task.inner;
    if (task.mask[unit / 8] >> unit % 8 & 1) {
      OVER_VECTORS(i, n, task.inner, put(y + i, n, load_part(x + i, n) * task.scale, task.accumulate););
    } else if (!task.accumulate) {
      OVER_VECTORS(i, n, task.inner, store_part(y + i, n, splat(0)););
    }
  }
}

static void kernel_dropout(size_t count, size_t inner, const float *x, ballast_stream stream, uint32_t threshold,
                           float scale, uint8_t *mask, float *y) {
  dropout_task task = {stream, threshold, inner, x, scale, false, mask, y};
  if (inner == 1) {
    ballast_parallel_range(count, dropout_grain, &task, dropout_range);
  } else if (count > 0) {
    ballast_parallel_range(count / inner, dropout_grain, &task, dropout_mask_range);
    ballast_parallel_range(count / inner, row_grain(simple_grain, inner), &task, masked_units_range);
  }
}

static void kernel_dropout_gradient(size_t count, size_t inner, const float *dy, const uint8_t *mask, float scale,
                                    bool accumulate, float *dx) {
  dropout_task task = {.inner = inner, .x = dy, .scale = scale, .accumulate = accumulate, .mask = (uint8_t *)mask, .y = dx};
  if (inner == 1) ballast_parallel_range(count, simple_grain, &task, masked_range);
  else if (count > 0) ballast_parallel_range(count / inner, row_grain(simple_grain, inner), &task, masked_units_range);
}
