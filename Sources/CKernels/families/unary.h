// Functions of one argument and their derivatives, each written once; elementwise.h runs over them.

INLINE vf gelu_tanh_angle(vf x) { return x * (x * x * (2 * 0.79788456080286536f * 0.044715f) + 2 * 0.79788456080286536f); }

// The slope of x sigmoid(angle(x)). Beyond 10 the second term is 0; the bound keeps it from being 0 times infinity.
INLINE vf gelu_tanh_slope(vf x) {
  vf s = sigmoid(gelu_tanh_angle(x));
  vf bounded = lesser(greater(x, splat(-10)), splat(10));
  vf steepness = bounded * bounded * (6 * 0.79788456080286536f * 0.044715f) + 2 * 0.79788456080286536f;
  return s + bounded * s * (1.0f - s) * steepness;
}

INLINE vf silu_slope(vf x) {
  vf s = sigmoid(x);
  return s * (x * (1.0f - s) + 1.0f);
}

// Zeros keep their sign and NaN stays; the product turns subnormal numbers into zeros.
INLINE vf signum(vf x) { return choose(x > 0.0f, splat(1), choose(x < 0.0f, splat(-1), x * 0.0f)); }

// OPERATION(name, f(x), f'(x)) in terms of x, y = f(x) and p = parameter.
#define SIMPLE_UNARY_OPERATIONS(OPERATION) \
  OPERATION(negate, -x, splat(-1)) \
  OPERATION(absolute, magnitude(x), signum(x)) \
  OPERATION(sign, signum(x), splat(0)) \
  OPERATION(square, x * x, x + x) \
  OPERATION(square_root, square_root(x), 0.5f / y) \
  OPERATION(reciprocal_square_root, 1.0f / square_root(x), y * y * y * -0.5f) \
  OPERATION(reciprocal, 1.0f / x, -(y * y)) \
  OPERATION(relu, choose(x < 0.0f, splat(0), x), choose(x <= 0.0f, splat(0), splat(1))) \
  OPERATION(leaky_relu, choose(x < 0.0f, x * p, x), choose(x <= 0.0f, splat(p), splat(1))) \
  OPERATION(floor, round_down(x), splat(0)) \
  OPERATION(round, round_to_even(x), splat(0))
#define HEAVY_UNARY_OPERATIONS(OPERATION) \
  OPERATION(exponential, exponential(x), y) \
  OPERATION(logarithm, logarithm(x), 1.0f / x) \
  OPERATION(sine, sine(x), cosine(x)) \
  OPERATION(cosine, cosine(x), -sine(x)) \
  OPERATION(tangent_hyperbolic, hyperbolic_tangent(x), 1.0f - y * y) \
  OPERATION(sigmoid, sigmoid(x), y * (1.0f - y)) \
  OPERATION(elu, choose(x < 0.0f, exponential_minus_one(x) * p, x), choose(x <= 0.0f, exponential(x) * p, splat(1))) \
  OPERATION(gelu, x * normal_probability(x), normal_probability(x) + x * normal_density(x)) \
  OPERATION(gelu_tanh, x * sigmoid(gelu_tanh_angle(x)), gelu_tanh_slope(x)) \
  OPERATION(silu, x * sigmoid(x), silu_slope(x)) \
  OPERATION(softplus, greater(x, splat(0)) + logarithm_of_one_plus(exponential(-magnitude(x))), sigmoid(x)) \
  OPERATION(error_function, error_function(x), exponential(-(x * x)) * 1.12837916709551257f)

#define OPERATION(name, value, slope) \
  INLINE vf value_##name(vf x, float p) { \
    (void)p; \
    return value; \
  } \
  INLINE vf slope_##name(vf x, vf y, float p) { \
    (void)x, (void)y, (void)p; \
    return slope; \
  }
SIMPLE_UNARY_OPERATIONS(OPERATION)
HEAVY_UNARY_OPERATIONS(OPERATION)
#undef OPERATION

INLINE size_t unary_grain(ballast_unary_operation operation) {
  switch (operation) {
#define OPERATION(name, value, slope) case ballast_##name:
    SIMPLE_UNARY_OPERATIONS(OPERATION)
#undef OPERATION
    return simple_grain;
  default: return heavy_grain;
  }
}
