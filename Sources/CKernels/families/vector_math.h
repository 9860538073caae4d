// Elementary functions of vectors of floats. Relative errors are a few units of 1e-7 over the normal range; infinities,
// NaN and zeros come out right; subnormal operands and results are zeros (floating_point.h).
// Polynomials for exp, log, tanh, sin, cos: Moshier, Cephes (single precision); for erf: minimax fits on two intervals.

typedef double vd __attribute__((vector_size(4 * VECTOR_WIDTH)));   // half as many doubles
typedef int64_t vl __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef uint64_t vul __attribute__((vector_size(4 * VECTOR_WIDTH)));
typedef float vf_half __attribute__((vector_size(2 * VECTOR_WIDTH)));

#if VECTOR_WIDTH == 16
#define LOW_LANES 0, 1, 2, 3, 4, 5, 6, 7
#define HIGH_LANES 8, 9, 10, 11, 12, 13, 14, 15
#elif VECTOR_WIDTH == 8
#define LOW_LANES 0, 1, 2, 3
#define HIGH_LANES 4, 5, 6, 7
#else
#define LOW_LANES 0, 1
#define HIGH_LANES 2, 3
#endif

INLINE vd low_doubles(vf x) { return __builtin_convertvector(__builtin_shufflevector(x, x, LOW_LANES), vd); }
INLINE vd high_doubles(vf x) { return __builtin_convertvector(__builtin_shufflevector(x, x, HIGH_LANES), vd); }
INLINE vf joined_floats(vd low, vd high) {
  return __builtin_shufflevector(
    __builtin_convertvector(low, vf_half), __builtin_convertvector(high, vf_half), LOW_LANES, HIGH_LANES);
}

INLINE bool any_lane(vi condition) { return __builtin_reduce_or(condition) != 0; }

INLINE vi sign_bit(vf x) { return (vi)x & INT32_MIN; }
INLINE vf magnitude(vf x) { return (vf)((vi)x & INT32_MAX); }
INLINE vf square_root(vf x) { return __builtin_elementwise_sqrt(x); }

// The larger or smaller one; NaN if either is NaN.
INLINE vf maximum(vf a, vf b) { return choose((a > b) | (a != a), a, b); }
INLINE vf minimum(vf a, vf b) { return choose((a < b) | (a != a), a, b); }

// The nearest integer, halves to even: adding and subtracting 2^23 rounds where the magnitude is less.
INLINE vf round_to_even(vf x) {
  vf m = magnitude(x);
  vf rounded = (vf)((vi)((m + 0x1p23f) - 0x1p23f) | sign_bit(x));
  return choose(m < 0x1p23f, rounded, x);
}
INLINE vf round_down(vf x) {
  vf r = round_to_even(x);
  return choose(r > x, r - 1.0f, r);
}

// The largest and smallest lane: NaN if any lane is NaN.
#if VECTOR_WIDTH == 16
#define HALVES(x) __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
#define QUARTERS(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11)
#define PAIRS(x) __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13)
#define SINGLES(x) __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14)
#elif VECTOR_WIDTH == 8
#define HALVES(x) (x)
#define QUARTERS(x) __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3)
#define PAIRS(x) __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5)
#define SINGLES(x) __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6)
#else
#define HALVES(x) (x)
#define QUARTERS(x) (x)
#define PAIRS(x) __builtin_shufflevector(x, x, 2, 3, 0, 1)
#define SINGLES(x) __builtin_shufflevector(x, x, 1, 0, 3, 2)
#endif

INLINE float lane_fold(vf (*combine)(vf, vf), vf x) {
  if (VECTOR_WIDTH == 16) x = combine(x, HALVES(x));
  if (VECTOR_WIDTH >= 8) x = combine(x, QUARTERS(x));
  x = combine(x, PAIRS(x));
  return combine(x, SINGLES(x))[0];
}
INLINE float lane_maximum(vf x) { return lane_fold(maximum, x); }
INLINE float lane_minimum(vf x) { return lane_fold(minimum, x); }
INLINE float lane_greatest(vf x) { return lane_fold(greater, x); } // NaN in a lane may be lost

// Runs the statements for i = 0, width, 2 width, ... below count; n is the number of elements: width, but for the last vector.
#define OVER_VECTORS(i, n, count, ...) \
  do { \
    size_t i = 0, n = width; \
    for (; i + width <= (count); i += width) { \
      __VA_ARGS__ \
    } \
    if (i < (count)) { \
      n = (count) - i; \
      __VA_ARGS__ \
    } \
  } while (0)

// The first n elements, and `fill` in the lanes after them.
INLINE vf load_filled(const float *p, size_t n, float fill) {
  if (n >= width) return load(p);
  return choose(lane_numbers() < (int32_t)n, load_tail(p, n), splat(fill));
}

// y, or y + what is there already.
INLINE void put(float *p, size_t n, vf y, bool accumulate) {
  store_part(p, n, accumulate ? load_part(p, n) + y : y);
}

// Pieces of work for the thread pool, in elements: enough to outweigh waking a thread.
enum { simple_grain = 32768, heavy_grain = 8192 };

// Rows of `columns` elements that make up a piece of `grain` elements.
INLINE size_t row_grain(size_t grain, size_t columns) { return larger_size(1, grain / larger_size(1, columns)); }

// exp(x) = 2^n exp(r), |r| <= log(2) / 2. 1.5 * 2^23 puts the nearest integer into the lowest bits of the sum.
#define ROUNDING_SHIFT 0x1.8p23f

typedef struct {
  vi exponent;   // n << 23
  vf rest;       // exp(r) - 1 - r
  vf argument;   // r
} exponential_parts;

INLINE exponential_parts split_exponential(vf x) {
  vf shifted = x * 1.44269504088896341f + ROUNDING_SHIFT;
  vf n = shifted - ROUNDING_SHIFT;
  vf r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vf p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  return (exponential_parts){(vi)shifted << 23, p * (r * r), r};
}

INLINE vf exponential(vf x) {
  exponential_parts e = split_exponential(x);
  vf y = (vf)((vi)(e.rest + e.argument + 1.0f) + e.exponent);
  y = choose(x < -87.33654f, splat(0), y);
  y = choose(x > 88.72283f, splat(INFINITY), y);
  return choose(x != x, x, y);
}

// exp(x) - 1 for x <= 0.
INLINE vf exponential_minus_one(vf x) {
  vf bounded = choose(x < -80.0f, splat(-80.0f), x);
  exponential_parts e = split_exponential(bounded);
  vf scale = (vf)((vi)splat(1.0f) + e.exponent);
  return (e.rest + e.argument) * scale + (scale - 1.0f);
}

INLINE vf logarithm(vf x) {
  vi offset = (vi)x - 0x3f3504f3; // bits of sqrt(1 / 2)
  vf exponent = __builtin_convertvector(offset >> 23, vf);
  vf f = (vf)((offset & 0x007fffff) + 0x3f3504f3) - 1.0f;
  vf p = f * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  vf square = f * f;
  vf y = p * (f * square) + exponent * -2.12194440e-4f;
  y = y - square * 0.5f;
  y = (f + y) + exponent * 0.693359375f;
  y = choose(x == INFINITY, x, y);
  y = choose(x == 0.0f, splat(-INFINITY), y);
  return choose(x < 0.0f, splat(NAN), choose(x != x, x, y));
}

// log(1 + x) for 0 <= x <= 1: the rounding error of 1 + x, divided by 1 + x, is added back.
INLINE vf logarithm_of_one_plus(vf x) {
  vf sum = x + 1.0f;
  return logarithm(sum) + (x - (sum - 1.0f)) / sum;
}

INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exponential(-x)); }

INLINE vf hyperbolic_tangent(vf x) {
  vf m = magnitude(x);
  vf large = 1.0f - 2.0f / (exponential(m + m) + 1.0f);
  large = (vf)((vi)large | sign_bit(x));
  vf z = x * x;
  vf p = z * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * z - 5.37397155531e-2f;
  p = p * z + 1.33314422036e-1f;
  p = p * z - 3.33332819422e-1f;
  vf y = choose(m < 0.625f, p * (z * x) + x, large);
  return choose(x != x, x, y);
}

// log(1 - erf(t)) for 0.927 < t < 4; further out it decreases without bound, as it must.
INLINE vf log_error_complement(vf t) {
  vf s = t * t;
  vf low = t * -1.72853470e-5f + 3.83197126e-4f;
  vf high = t * -3.88396438e-3f + 2.42546219e-2f;
  vf p = low * s + high;
  p = p * t - 1.06777877e-1f;
  p = p * t - 6.34846687e-1f;
  p = p * t - 1.28717512e-1f;
  return p * t - t;
}

// erf(x) for |x| <= 0.928.
INLINE vf small_error_function(vf x) {
  vf s = x * x;
  vf p = s * -5.96761703e-4f + 4.99119423e-3f;
  p = p * s - 2.67681349e-2f;
  p = p * s + 1.12819925e-1f;
  p = p * s - 3.76125336e-1f;
  p = p * s + 1.28379166e-1f;
  return p * x + x;
}

INLINE vf error_function(vf x) {
  vf t = lesser(magnitude(x), splat(4.5f));
  vf large = (vf)((vi)(1.0f - exponential(log_error_complement(t))) | sign_bit(x));
  return choose(x != x, x, choose(t > 0.927734375f, large, small_error_function(x)));
}

// The probability that a normal variable is below x; the left tail keeps relative accuracy down to about x = -4.
INLINE vf normal_probability(vf x) {
  vf t = magnitude(x) * 0.70710678118654752f;
  vf tail = exponential(log_error_complement(t)) * 0.5f;
  vf large = choose(x < 0.0f, tail, 1.0f - tail);
  return choose(x != x, x, choose(t > 0.927734375f, large, small_error_function(x * 0.70710678118654752f) * 0.5f + 0.5f));
}

INLINE vf normal_density(vf x) { return exponential(x * x * -0.5f) * 0.39894228040143268f; }

// ---------------------------------------------------------------- Sine and cosine

// sin and cos on -pi / 4 ... pi / 4.
INLINE vf sine_polynomial(vf x) {
  vf z = x * x;
  vf p = z * -1.9515295891e-4f + 8.3321608736e-3f;
  p = p * z - 1.6666654611e-1f;
  return p * (z * x) + x;
}
INLINE vf cosine_polynomial(vf x) {
  vf z = x * x;
  vf p = z * 2.443315711809948e-5f - 1.388731625493765e-3f;
  p = p * z + 4.166664568298827e-2f;
  return p * (z * z) + (1.0f - z * 0.5f);
}

// What remains of x after the multiple of pi / 2 nearest to it. Doubles and a two-part pi / 2 keep 24 good bits.
INLINE vd quadrant_remainder(vd x) {
  vd n = (x * 0.63661977236758134 + 0x1.8p52) - 0x1.8p52;
  return (x - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;
}
INLINE vi quadrant_number(vf x) { // the lowest two bits count
  vd low = low_doubles(x) * 0.63661977236758134 + 0x1.8p52, high = high_doubles(x) * 0.63661977236758134 + 0x1.8p52;
  vf n = joined_floats(low - 0x1.8p52, high - 0x1.8p52);
  return (vi)(n + ROUNDING_SHIFT);
}

#define LARGEST_REDUCED_ANGLE 500000.0f

// sin(x + shift * pi / 2); the C library serves huge arguments, infinities and NaN.
INLINE vf sine_of_quadrants(vf x, int32_t shift, float (*scalar)(float)) {
  vi quadrant = quadrant_number(x) + shift;
  vf r = joined_floats(quadrant_remainder(low_doubles(x)), quadrant_remainder(high_doubles(x)));
  vf y = choose((quadrant & 1) != 0, cosine_polynomial(r), sine_polynomial(r));
  y = (vf)((vi)y ^ ((quadrant & 2) << 30));
  vi beyond = ~(magnitude(x) <= LARGEST_REDUCED_ANGLE);
  if (any_lane(beyond)) {
    for (int i = 0; i < width; i++) {
      if (beyond[i]) y[i] = scalar(x[i]);
    }
  }
  return y;
}
INLINE vf sine(vf x) { return sine_of_quadrants(x, 0, sinf); }
INLINE vf cosine(vf x) { return sine_of_quadrants(x, 1, cosf); }

// ---------------------------------------------------------------- Powers

// base^exponent for a finite positive base and a finite exponent, in double precision: 2^(exponent log2(base)).
INLINE vd positive_power(vd base, vd exponent) {
  vl offset = (vl)base - 0x3fe6a09e667f3bcd; // bits of sqrt(1 / 2)
  vd scale = (vd)((vl)((vul)(offset + 0x4000000000000000) >> 52) | 0x4330000000000000) - (0x1p52 + 1024.0);
  vd m = (vd)((offset & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd);
  vd s = (m - 1.0) / (m + 1.0);
  vd z = s * s;
  vd p = z * (1.0 / 13) + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  p = p * z + 1.0;
  vd t = (p * s * 2.8853900817779268 + scale) * exponent;
  t = (vd)(((t > 200.0) & (vl)((vd){0} + 200.0)) | (~(t > 200.0) & (vl)t));
  t = (vd)(((t < -200.0) & (vl)((vd){0} - 200.0)) | (~(t < -200.0) & (vl)t));
  vd shifted = t + 0x1.8p52;
  vd r = (t - (shifted - 0x1.8p52)) * 0.69314718055994531;
  vd e = r * (1.0 / 362880) + 1.0 / 40320;
  e = e * r + 1.0 / 5040;
  e = e * r + 1.0 / 720;
  e = e * r + 1.0 / 120;
  e = e * r + 1.0 / 24;
  e = e * r + 1.0 / 6;
  e = e * r + 0.5;
  e = e * r + 1.0;
  e = e * r + 1.0;
  return e * (vd)(((vl)shifted + 1023) << 52);
}

// Subnormal numbers as zeros, for the C library, which reads bits.
INLINE float flushed(float x) { return fabsf(x) < FLT_MIN ? copysignf(0, x) : x; }

// x^y as C's powf has it.
INLINE vf power(vf x, vf y) {
  vf base = magnitude(x);
  vi special = ~((base < INFINITY) & (base > 0.0f) & (magnitude(y) < INFINITY));
  vf safe_base = choose(special, splat(1), base), safe_exponent = choose(special, splat(1), y);
  vf result = joined_floats(positive_power(low_doubles(safe_base), low_doubles(safe_exponent)),
                            positive_power(high_doubles(safe_base), high_doubles(safe_exponent)));
  vf half = y * 0.5f;
  vi integral = round_to_even(y) == y, odd = integral & (round_to_even(half) != half);
  vi negative = x < 0.0f;
  result = (vf)((vi)result | (negative & odd & INT32_MIN));
  result = choose(negative & ~integral, splat(NAN), result);
  if (any_lane(special)) {
    for (int i = 0; i < width; i++) {
      if (special[i]) result[i] = powf(flushed(x[i]), flushed(y[i]));
    }
  }
  return result;
}
