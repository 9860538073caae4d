// Vectors of VECTOR_WIDTH floats: loads, stores, tails, lanes. Written once with the compiler's vector extensions.

#define INLINE static inline __attribute__((always_inline))

enum { width = VECTOR_WIDTH };

typedef float vf __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef int32_t vi __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef uint32_t vu __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef float vf_anywhere __attribute__((vector_size(4 * VECTOR_WIDTH), aligned(4), may_alias));
typedef int32_t vi_anywhere __attribute__((vector_size(4 * VECTOR_WIDTH), aligned(4), may_alias));
typedef uint32_t vu_anywhere __attribute__((vector_size(4 * VECTOR_WIDTH), aligned(4), may_alias));

// Splats, and bits seen as another type.
INLINE vf splat(float x) { return x - (vf){0}; }
INLINE vi splat_int(int32_t x) { return x - (vi){0}; }
INLINE vu splat_bits(uint32_t x) { return x - (vu){0}; }
INLINE vf as_float(vu x) { return (vf)x; }
INLINE vu as_bits(vf x) { return (vu)x; }

// 0, 1, 2, ... in the lanes.
INLINE vi lane_numbers(void) {
#if VECTOR_WIDTH == 16
  return (vi){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif VECTOR_WIDTH == 8
  return (vi){0, 1, 2, 3, 4, 5, 6, 7};
#else
  return (vi){0, 1, 2, 3};
#endif
}

// Whole vectors, from and to any address that is aligned to 4.
INLINE vf load(const float *p) { return *(const vf_anywhere *)p; }
INLINE void store(float *p, vf x) { *(vf_anywhere *)p = x; }
INLINE vi load_int(const int32_t *p) { return *(const vi_anywhere *)p; }
INLINE void store_int(int32_t *p, vi x) { *(vi_anywhere *)p = x; }

// The address `distance` elements after p, which may lie outside of the array: not to be read from as a whole.
INLINE const float *pointer_ahead(const float *p, ptrdiff_t distance) {
  return (const float *)((uintptr_t)p + (uintptr_t)distance * sizeof(float));
}
INLINE void prefetch(const float *p, size_t distance) { __builtin_prefetch(pointer_ahead(p, (ptrdiff_t)distance)); }

// The first n < width elements (the others read as 0, and are neither read from nor written to memory).
#if VECTOR_WIDTH == 16
INLINE vf load_tail(const float *p, size_t n) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p); }
INLINE void store_tail(float *p, size_t n, vf x) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x); }
#elif VECTOR_WIDTH == 8
INLINE vi tail_mask(size_t n) { return lane_numbers() < splat_int((int32_t)n); }
INLINE vf load_tail(const float *p, size_t n) { return (vf)_mm256_maskload_ps(p, (__m256i)tail_mask(n)); }
INLINE void store_tail(float *p, size_t n, vf x) { _mm256_maskstore_ps(p, (__m256i)tail_mask(n), (__m256)x); }
#else
INLINE vf load_tail(const float *p, size_t n) {
  vf x = {0};
  if (n > 0) x[0] = p[0];
  if (n > 1) x[1] = p[1];
  if (n > 2) x[2] = p[2];
  return x;
}
INLINE void store_tail(float *p, size_t n, vf x) {
  if (n > 0) p[0] = x[0];
  if (n > 1) p[1] = x[1];
  if (n > 2) p[2] = x[2];
}
#endif

// The same for 1...width elements: one call serves a loop's last vector, whole or not.
INLINE vf load_part(const float *p, size_t n) { return n >= width ? load(p) : load_tail(p, n); }
INLINE void store_part(float *p, size_t n, vf x) {
  if (n >= width) store(p, x);
  else store_tail(p, n, x);
}

// The elements begin..<end of the vector at p, end <= width; the others read as 0, and are not read from memory.
INLINE vf load_between(const float *p, size_t begin, size_t end) {
#if VECTOR_WIDTH == 16
  return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << end) - (1u << begin)), p);
#elif VECTOR_WIDTH == 8
  return (vf)_mm256_maskload_ps(p, (__m256i)(tail_mask(end) & ~tail_mask(begin)));
#else
  vf x = {0};
  for (size_t i = begin; i < end; i++) x[i] = p[i];
  return x;
#endif
}

// The same for integers. (The masked instructions behind the tails know no type, so nothing is aliased.)
INLINE vi load_int_part(const int32_t *p, size_t n) {
  if (n >= width) return load_int(p);
#if VECTOR_WIDTH == 4
  vi x = {0};
  for (size_t i = 0; i < n; i++) x[i] = p[i];
  return x;
#else
  return (vi)load_tail((const float *)p, n);
#endif
}
INLINE void store_int_part(int32_t *p, size_t n, vi x) {
  if (n >= width) {
    store_int(p, x);
    return;
  }
#if VECTOR_WIDTH == 4
  for (size_t i = 0; i < n; i++) p[i] = x[i];
#else
  store_tail((float *)p, n, (vf)x);
#endif
}

// condition ? a : b by lane; a condition is what comparing two vectors gives (all bits set or none).
INLINE vf choose(vi condition, vf a, vf b) { return (vf)((condition & (vi)a) | (~condition & (vi)b)); }
INLINE vf lesser(vf a, vf b) { return choose(a < b, a, b); }   // b if either is NaN
INLINE vf greater(vf a, vf b) { return choose(a > b, a, b); }  // b if either is NaN

// Lanes combined in a fixed tree: lane i with lane i + half, until one is left.
typedef float four_lanes __attribute__((vector_size(16)));
#if VECTOR_WIDTH == 16
typedef float eight_lanes __attribute__((vector_size(32)));
#define LOW_EIGHT(x) __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7)
#define HIGH_EIGHT(x) __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15)
#endif
#define LOW_FOUR(x) __builtin_shufflevector(x, x, 0, 1, 2, 3)
#define HIGH_FOUR(x) __builtin_shufflevector(x, x, 4, 5, 6, 7)

INLINE float lane_sum(vf x) {
#if VECTOR_WIDTH == 16
  eight_lanes y = LOW_EIGHT(x) + HIGH_EIGHT(x);
  four_lanes z = LOW_FOUR(y) + HIGH_FOUR(y);
#elif VECTOR_WIDTH == 8
  four_lanes z = LOW_FOUR(x) + HIGH_FOUR(x);
#else
  four_lanes z = x;
#endif
  return (z[0] + z[2]) + (z[1] + z[3]);
}
// The largest and the smallest lane; a NaN may be lost.
INLINE float lane_largest(vf x) {
#if VECTOR_WIDTH == 16
  eight_lanes low = LOW_EIGHT(x), high = HIGH_EIGHT(x);
  for (int i = 0; i < 8; i++) low[i] = low[i] > high[i] ? low[i] : high[i];
  float y[8];
  memcpy(y, &low, sizeof y);
#else
  float y[VECTOR_WIDTH];
  memcpy(y, &x, sizeof y);
#endif
  for (int half = (width < 8 ? width : 8) / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) y[i] = y[i] > y[i + half] ? y[i] : y[i + half];
  }
  return y[0];
}

INLINE size_t smaller_size(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t larger_size(size_t a, size_t b) { return a > b ? a : b; }
INLINE double smaller_double(double a, double b) { return a < b ? a : b; }
INLINE size_t ceiling_quotient(size_t a, size_t b) { return (a + b - 1) / b; }
INLINE size_t round_up(size_t a, size_t b) { return ceiling_quotient(a, b) * b; }
