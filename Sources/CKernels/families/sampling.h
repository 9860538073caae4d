// Bilinear samples of an image plane along a straight grid: rotated, scaled and slanted images.

// x[index] by lane.
INLINE vf gather_lanes(const float *x, vi index) {
#if VECTOR_WIDTH == 16
  return (vf)_mm512_i32gather_ps((__m512i)index, x, 4);
#elif VECTOR_WIDTH == 8
  return (vf)_mm256_i32gather_ps(x, (__m256i)index, 4);
#else
  return (vf){x[index[0]], x[index[1]], x[index[2]], x[index[3]]};
#endif
}

// A coordinate as two neighbouring pixels, clamped to the plane, and their weights: 0 for one outside of it.
typedef struct {
  vi low, high;
  vf low_weight, high_weight;
} neighbours;

INLINE neighbours neighbours_of(vf place, size_t count) {
  // Beyond -1 and `count` all weights are 0 anyway; clamped, the place surely fits an integer. A NaN goes to `count`.
  place = lesser(greater(place, splat(-1)), splat((float)count));
  vi low = __builtin_convertvector(place + 1.0f, vi) - 1; // truncation from above 0 is the floor
  vi high = low + 1, zero = splat_int(0), last = splat_int((int32_t)count - 1);
  vf fraction = place - __builtin_convertvector(low, vf);
  return (neighbours){
    .low = __builtin_elementwise_min(__builtin_elementwise_max(low, zero), last),
    .high = __builtin_elementwise_min(high, last),
    .low_weight = (vf)((low >= zero & low <= last) & (vi)(1.0f - fraction)),
    .high_weight = (vf)((high <= last) & (vi)fraction)
  };
}

static void kernel_sample(const ballast_sampling *grid, const float *x, float *y) {
  const ballast_sampling task = *grid;
  if (task.height == 0 || task.width == 0) return;
  vf fill = splat(task.fill);
  vi pitch = splat_int((int32_t)task.width);
  for (size_t row = 0; row < task.height; row++) {
    float start_x = task.x + task.xy * (float)row, start_y = task.y + task.yy * (float)row;
    for (size_t column = 0; column < task.width; column += width) {
      vf place = __builtin_convertvector(lane_numbers() + (int32_t)column, vf);
      neighbours across = neighbours_of(place * task.xx + start_x, task.width);
      neighbours down = neighbours_of(place * task.yx + start_y, task.height);
      vi upper = down.low * pitch, lower = down.high * pitch;
      vf above = gather_lanes(x, upper + across.low) * across.low_weight
        + gather_lanes(x, upper + across.high) * across.high_weight;
      vf below = gather_lanes(x, lower + across.low) * across.low_weight
        + gather_lanes(x, lower + across.high) * across.high_weight;
      vf sum = above * down.low_weight + below * down.high_weight;
      vf share = (across.low_weight + across.high_weight) * (down.low_weight + down.high_weight);
      vf sample = task.blends_twice ? share * (sum - fill) + fill : sum + (1.0f - share) * fill;
      store_part(y + row * task.width + column, task.width - column, sample);
    }
  }
}
