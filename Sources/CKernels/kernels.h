// Every kernel, once: KERNEL(result, name, (parameters), (arguments)). Expanded into the table of function pointers, into
// each variant's table (kernel_<name>) and into the public entry points (ballast_<name>). To add a kernel: declare it in
// include/CKernels.h, add its line here, write kernel_<name> in families/.

#define KERNELS(KERNEL) \
  /* families/gemm.h */ \
  KERNEL(void, gemm, (bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha, \
         const float *a, const float *b, const float *_Nullable bias, bool relu, bool accumulate, float *c), \
         (transpose_a, transpose_b, m, n, k, alpha, a, b, bias, relu, accumulate, c)) \
  KERNEL(void, gemm_batched, (size_t batch, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, \
         float alpha, const float *a, size_t stride_a, const float *b, size_t stride_b, bool accumulate, float *c, \
         size_t stride_c), \
         (batch, transpose_a, transpose_b, m, n, k, alpha, a, stride_a, b, stride_b, accumulate, c, stride_c)) \
  /* families/convolution.h */ \
  KERNEL(void, conv2d, (const ballast_conv2d_shape *shape, const float *x, const float *weight, \
         const float *_Nullable bias, float *y), \
         (shape, x, weight, bias, y)) \
  KERNEL(void, conv2d_input_gradient, (const ballast_conv2d_shape *shape, const float *dy, const float *weight, \
         bool accumulate, float *dx), \
         (shape, dy, weight, accumulate, dx)) \
  KERNEL(void, conv2d_weight_gradient, (const ballast_conv2d_shape *shape, const float *x, const float *dy, \
         bool accumulate, float *dweight), \
         (shape, x, dy, accumulate, dweight)) \
  /* families/pooling.h */ \
  KERNEL(void, max_pool2d, (const ballast_pool2d_shape *shape, const float *x, float *y, int32_t *index), \
         (shape, x, y, index)) \
  KERNEL(void, max_pool2d_gradient, (const ballast_pool2d_shape *shape, const float *dy, const int32_t *index, \
         bool accumulate, float *dx), \
         (shape, dy, index, accumulate, dx)) \
  KERNEL(void, average_pool2d, (const ballast_pool2d_shape *shape, const float *x, float *y), (shape, x, y)) \
  KERNEL(void, average_pool2d_gradient, (const ballast_pool2d_shape *shape, const float *dy, bool accumulate, \
         float *dx), \
         (shape, dy, accumulate, dx)) \
  /* families/elementwise.h */ \
  KERNEL(void, unary, (ballast_unary_operation operation, size_t count, const float *x, float parameter, float *y), \
         (operation, count, x, parameter, y)) \
  KERNEL(void, unary_gradient, (ballast_unary_operation operation, size_t count, const float *x, const float *y, \
         const float *dy, float parameter, bool accumulate, float *dx), \
         (operation, count, x, y, dy, parameter, accumulate, dx)) \
  KERNEL(void, affine, (size_t count, const float *x, float a, float b, bool accumulate, float *y), \
         (count, x, a, b, accumulate, y)) \
  KERNEL(void, clamp, (size_t count, const float *x, float low, float high, float *y), (count, x, low, high, y)) \
  KERNEL(void, multiply_add, (size_t count, const float *a, const float *b, float scale, bool accumulate, float *y), \
         (count, a, b, scale, accumulate, y)) \
  KERNEL(void, select, (size_t count, const float *condition, const float *a, const float *b, float *y), \
         (count, condition, a, b, y)) \
  KERNEL(void, fill, (size_t count, float value, float *y), (count, value, y)) \
  KERNEL(bool, all_finite, (size_t count, const float *x), (count, x)) \
  /* families/broadcast.h */ \
  KERNEL(void, binary, (ballast_binary_operation operation, int rank, const size_t *dimensions, \
         const size_t *strides_a, const float *a, const size_t *strides_b, const float *b, float *y), \
         (operation, rank, dimensions, strides_a, a, strides_b, b, y)) \
  KERNEL(void, copy, (int rank, const size_t *dimensions, const float *x, const size_t *strides_x, bool accumulate, \
         float *y, const size_t *strides_y), \
         (rank, dimensions, x, strides_x, accumulate, y, strides_y)) \
  /* families/reductions.h */ \
  KERNEL(void, reduce, (ballast_reduction reduction, int rank, const size_t *dimensions, uint32_t axes, \
         const float *x, float scale, bool accumulate, float *y), \
         (reduction, rank, dimensions, axes, x, scale, accumulate, y)) \
  KERNEL(void, argmax, (size_t rows, size_t columns, const float *x, int32_t *index), (rows, columns, x, index)) \
  /* families/softmax.h */ \
  KERNEL(void, softmax, (size_t rows, size_t columns, size_t causal, const float *x, float *y), \
         (rows, columns, causal, x, y)) \
  KERNEL(void, softmax_gradient, (size_t rows, size_t columns, const float *y, const float *dy, bool accumulate, \
         float *dx), \
         (rows, columns, y, dy, accumulate, dx)) \
  KERNEL(void, log_softmax, (size_t rows, size_t columns, const float *x, float *y), (rows, columns, x, y)) \
  KERNEL(void, log_softmax_gradient, (size_t rows, size_t columns, const float *y, const float *dy, \
         bool accumulate, float *dx), \
         (rows, columns, y, dy, accumulate, dx)) \
  KERNEL(void, cross_entropy, (size_t rows, size_t columns, const float *x, const int32_t *labels, float *loss, \
         float *probabilities), \
         (rows, columns, x, labels, loss, probabilities)) \
  KERNEL(void, cross_entropy_gradient, (size_t rows, size_t columns, const float *probabilities, \
         const int32_t *labels, const float *dy, bool one_gradient, float scale, bool accumulate, float *dx), \
         (rows, columns, probabilities, labels, dy, one_gradient, scale, accumulate, dx)) \
  KERNEL(void, soft_cross_entropy, (size_t rows, size_t columns, const float *x, const float *targets, float *loss, \
         float *probabilities), \
         (rows, columns, x, targets, loss, probabilities)) \
  KERNEL(void, soft_cross_entropy_gradient, (size_t rows, size_t columns, const float *probabilities, \
         const float *targets, const float *dy, bool one_gradient, float scale, bool accumulate, float *dx), \
         (rows, columns, probabilities, targets, dy, one_gradient, scale, accumulate, dx)) \
  /* families/normalization.h */ \
  KERNEL(void, moments, (const ballast_norm_shape *shape, const float *x, float *mean, float *variance), \
         (shape, x, mean, variance)) \
  KERNEL(void, mean_of_squares, (const ballast_norm_shape *shape, const float *x, float *result), (shape, x, result)) \
  KERNEL(void, normalize, (const ballast_norm_shape *shape, const float *x, const float *_Nullable mean, \
         const float *inverse, const float *_Nullable weight, const float *_Nullable bias, float *y), \
         (shape, x, mean, inverse, weight, bias, y)) \
  KERNEL(void, normalize_gradient, (const ballast_norm_shape *shape, bool centered, bool fixed, const float *x, \
         const float *_Nullable mean, const float *inverse, const float *_Nullable weight, const float *dy, \
         float *_Nullable dx, bool accumulate_dx, float *_Nullable dweight, bool accumulate_dweight, \
         float *_Nullable dbias, bool accumulate_dbias), \
         (shape, centered, fixed, x, mean, inverse, weight, dy, dx, accumulate_dx, dweight, accumulate_dweight, dbias, accumulate_dbias)) \
  /* families/random.h */ \
  KERNEL(void, random_words, (ballast_stream stream, uint64_t first, size_t count, uint32_t *words), \
         (stream, first, count, words)) \
  KERNEL(void, random_uniform, (ballast_stream stream, size_t count, float low, float high, float *y), \
         (stream, count, low, high, y)) \
  KERNEL(void, random_normal, (ballast_stream stream, size_t count, float mean, float deviation, float *y), \
         (stream, count, mean, deviation, y)) \
  KERNEL(void, dropout, (size_t count, size_t inner, const float *x, ballast_stream stream, uint32_t threshold, \
         float scale, uint8_t *mask, float *y), \
         (count, inner, x, stream, threshold, scale, mask, y)) \
  KERNEL(void, dropout_gradient, (size_t count, size_t inner, const float *dy, const uint8_t *mask, float scale, \
         bool accumulate, float *dx), \
         (count, inner, dy, mask, scale, accumulate, dx)) \
  /* families/updates.h */ \
  KERNEL(bool, gradients_finite, (size_t count, const ballast_segment *segments, size_t *bad), (count, segments, bad)) \
  KERNEL(void, sgd, (size_t count, const ballast_segment *segments, float rate, float momentum, float dampening, \
         bool nesterov, bool first_step), \
         (count, segments, rate, momentum, dampening, nesterov, first_step)) \
  KERNEL(void, adam, (size_t count, const ballast_segment *segments, float rate, float beta1, float beta2, \
         float epsilon, float correction1, float correction2), \
         (count, segments, rate, beta1, beta2, epsilon, correction1, correction2)) \
  KERNEL(void, rmsprop, (size_t count, const ballast_segment *segments, float rate, float alpha, float epsilon, \
         float momentum), \
         (count, segments, rate, alpha, epsilon, momentum)) \
  KERNEL(void, apply_updates, (size_t count, const ballast_segment *segments), (count, segments)) \
  /* families/batches.h */ \
  KERNEL(void, gather, (size_t rows, size_t width, const float *x, const int32_t *index, float *y), \
         (rows, width, x, index, y)) \
  KERNEL(void, gather_bytes, (size_t rows, size_t width, const uint8_t *x, const int32_t *index, float scale, \
         float offset, float *y), \
         (rows, width, x, index, scale, offset, y)) \
  KERNEL(void, scatter_add, (size_t rows, size_t width, const float *x, const int32_t *index, size_t y_rows, \
         float *y), \
         (rows, width, x, index, y_rows, y)) \
  /* families/sampling.h */ \
  KERNEL(void, sample, (const ballast_sampling *grid, const float *x, float *y), (grid, x, y))
