// The numeric kernels of Ballast: single precision, dense, row-major.
//
// Conventions, unless a kernel says otherwise:
// - Counts are numbers of elements; a count of zero is allowed and does nothing.
// - Pointers need the alignment of their element only. Outputs do not overlap inputs, except that an
//   elementwise kernel may write exactly over one of its inputs.
// - `accumulate` adds to the output instead of overwriting it.
// - Reductions run in an order that depends on the shape alone, so results are the same bits for
//   any number of threads.
// - Arithmetic treats subnormal operands as zeros, and gives zeros instead of subnormal results. What only moves or
//   selects elements (copies, gathers, relu, clamp, maxima) keeps their bits. The caller's floating-point state neither
//   matters nor changes.
// - Every kernel may use the pool of its caller's thread. Where another thread's job occupies that pool, it runs on its
//   caller alone, with the same result.

#ifndef BALLAST_CKERNELS_H
#define BALLAST_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// ---------------------------------------------------------------- Runtime

/// What is wrong with BALLAST_KERNELS or BALLAST_THREADS in the environment, in a sentence with the fix; null when
/// nothing is. With an error, the best instruction set and all processors are used. A program that does not ask gets the
/// sentence as one line on standard error, when it first uses a kernel.
const char *_Nullable ballast_environment_error(void);

/// Checks values that BALLAST_KERNELS and BALLAST_THREADS could have (null: not set). Returns true if they are good;
/// else `message`, of at least 512 bytes, receives what ballast_environment_error would say.
bool ballast_check_environment(const char *_Nullable kernels, const char *_Nullable threads, char *message, size_t capacity);

/// The instruction set that kernels called from this thread use: "baseline", "avx2" or "avx512".
const char *ballast_instruction_set(void);

/// Chooses an instruction set for kernels called from this thread, by name. Returns false, and changes nothing, if this
/// processor or build lacks it.
bool ballast_select_instruction_set(const char *name);

enum { ballast_most_threads = 64 };

/// The number of threads that kernels called from this thread use, itself included: what it has set; else that of its
/// pool; else BALLAST_THREADS; else the number of processors that its affinity and the quota of its control groups allow.
int ballast_thread_count(void);

/// Sets the number of threads that kernels called from this thread use, clamped to 1...64.
void ballast_set_thread_count(int count);

/// Runs body(context, i) for every i in 0..<count, on the caller's pool; returns when all have run. What a body calls
/// runs on its thread alone. A body's arithmetic is that of the kernels: subnormal numbers are zeros. A body that forks
/// may only run another program in the child, or end it.
void ballast_parallel(size_t count, void *_Nullable context, void (*body)(void *_Nullable context, size_t index));

/// Threads that run one job at a time. A thread that has no pool of its own uses the process's.
typedef struct ballast_thread_pool ballast_thread_pool;

/// A pool of `threads` threads (clamped to 1...64), the caller included: workers start with the first job. When a job is
/// over, they poll for the next one for some time before they sleep; but not while another pool is at work, nor if there
/// are more threads than processors.
ballast_thread_pool *ballast_create_pool(int threads, int polling_microseconds);

/// Ends a pool's workers, and waits for them. No thread uses the pool any more.
void ballast_release_pool(ballast_thread_pool *pool);

/// What a thread has chosen: a pool (null: the process's), and a number of threads (0: the pool's).
typedef struct {
  ballast_thread_pool *_Nullable pool;
  int thread_count;
} ballast_thread_choice;

/// Makes kernels called from this thread use a pool (null: the process's), with its number of threads. Returns the choice
/// before, for ballast_restore_choice.
ballast_thread_choice ballast_use_pool(ballast_thread_pool *_Nullable pool);
void ballast_restore_choice(ballast_thread_choice choice);

/// The number of processors that the process may use, by its affinity and the quota of its control groups; at least 1.
int ballast_processor_count(void);

/// The number of processors that the control groups (versions 1 and 2) allow the process, rounded up; 0 if they set no
/// limit. `root` precedes /proc/self/cgroup and /sys/fs/cgroup: "" for this system.
int ballast_quota_processors(const char *root);

/// A block of at least `bytes` bytes, aligned to 64, not cleared. Blocks are recycled through caches of the
/// calling thread, so that a warm loop takes nothing from the system. Aborts with a message if there is none.
void *ballast_allocate(size_t bytes);

/// Gives a block back; `bytes` is what it was asked for with. Any thread may do so.
void ballast_release(void *block, size_t bytes);

/// Bytes that ballast_allocate has taken from the system so far (it only ever grows).
size_t ballast_system_bytes(void);

/// The bytes of these that have not gone back to the system: blocks in use and idle ones.
size_t ballast_held_bytes(void);

/// Opaque per-thread pointer for breadcrumbs in error messages.
void *_Nullable ballast_breadcrumb(void);
void ballast_set_breadcrumb(void *_Nullable crumb);

// ---------------------------------------------------------------- Matrix products

/// C[m,n] = relu?(alpha * op(A) op(B) + bias + (accumulate ? C : 0)).
/// A is [m,k], or [k,m] if transposed; B is [k,n], or [n,k] if transposed; bias has n elements or is null.
void ballast_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                  const float *a, const float *b, const float *_Nullable bias, bool relu, bool accumulate, float *c);

/// The same for `batch` independent products; strides are in elements from one matrix to the next (0 repeats one).
void ballast_gemm_batched(size_t batch, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, float alpha,
                          const float *a, size_t stride_a, const float *b, size_t stride_b, bool accumulate,
                          float *c, size_t stride_c);

// ---------------------------------------------------------------- Convolution and pooling (NCHW)

typedef struct {
  size_t batch, channels, height, width;       // input
  size_t outputs, kernel_height, kernel_width; // weight is [outputs, channels / groups, kernel_height, kernel_width]
  size_t stride_height, stride_width, padding_height, padding_width, dilation_height, dilation_width, groups;
  size_t output_height, output_width;          // as the formula gives them; the caller has checked
} ballast_conv2d_shape;

void ballast_conv2d(const ballast_conv2d_shape *shape, const float *x, const float *weight,
                    const float *_Nullable bias, float *y);
void ballast_conv2d_input_gradient(const ballast_conv2d_shape *shape, const float *dy, const float *weight,
                                   bool accumulate, float *dx);
void ballast_conv2d_weight_gradient(const ballast_conv2d_shape *shape, const float *x, const float *dy,
                                    bool accumulate, float *dweight);

typedef struct {
  size_t planes, height, width; // planes = batch * channels
  size_t kernel_height, kernel_width, stride_height, stride_width, padding_height, padding_width;
  size_t output_height, output_width;
} ballast_pool2d_shape;

/// Maximum over each window; `index` receives the flat position in the plane of each maximum (first one on ties; NaN wins).
void ballast_max_pool2d(const ballast_pool2d_shape *shape, const float *x, float *y, int32_t *index);
void ballast_max_pool2d_gradient(const ballast_pool2d_shape *shape, const float *dy, const int32_t *index,
                                 bool accumulate, float *dx);
/// Mean over each window; padding counts as zeros in the mean (PyTorch's count_include_pad).
void ballast_average_pool2d(const ballast_pool2d_shape *shape, const float *x, float *y);
void ballast_average_pool2d_gradient(const ballast_pool2d_shape *shape, const float *dy, bool accumulate, float *dx);

// ---------------------------------------------------------------- Elementwise

typedef enum {
  ballast_negate, ballast_absolute, ballast_sign, ballast_square, ballast_square_root, ballast_reciprocal_square_root,
  ballast_reciprocal, ballast_exponential, ballast_logarithm, ballast_sine, ballast_cosine, ballast_tangent_hyperbolic,
  ballast_sigmoid, ballast_relu,
  ballast_leaky_relu,  // x < 0 ? parameter * x : x
  ballast_elu,         // x < 0 ? parameter * (exp(x) - 1) : x
  ballast_gelu,        // x Phi(x), exact (error function)
  ballast_gelu_tanh,   // the tanh approximation
  ballast_silu,        // x sigmoid(x)
  ballast_softplus,    // log(1 + exp(x)), stable
  ballast_error_function,
  ballast_floor, ballast_round // to even
} ballast_unary_operation;

/// y = f(x). sign(0) = 0. NaN in, NaN out.
void ballast_unary(ballast_unary_operation operation, size_t count, const float *x, float parameter, float *y);
/// dx = dy f'(x), given x and y = f(x). The derivative is 0 at the kink of abs, relu; that of leaky relu and elu at 0 is as for x > 0
/// (PyTorch: relu'(0) = 0, leaky relu'(0) = parameter; follow PyTorch).
void ballast_unary_gradient(ballast_unary_operation operation, size_t count, const float *x, const float *y,
                            const float *dy, float parameter, bool accumulate, float *dx);

/// y = a * x + b, elementwise with constants.
void ballast_affine(size_t count, const float *x, float a, float b, bool accumulate, float *y);
/// y = min(max(x, low), high).
void ballast_clamp(size_t count, const float *x, float low, float high, float *y);

typedef enum {
  ballast_add, ballast_subtract, ballast_multiply, ballast_divide, ballast_power, ballast_maximum, ballast_minimum,
  ballast_greater, ballast_greater_equal, ballast_equal // 1 or 0
} ballast_binary_operation;

/// y = f(a, b) over an index space of `rank` <= 8 dimensions. Strides are in elements, 0 where an operand is broadcast;
/// y is dense. (Equal dense shapes, one scalar, row and column broadcasts are fast paths found by collapsing dimensions.)
void ballast_binary(ballast_binary_operation operation, int rank, const size_t *dimensions,
                    const size_t *strides_a, const float *a, const size_t *strides_b, const float *b, float *y);

/// y = (accumulate ? y : 0) + a * b * scale, elementwise and dense: the workhorse of product rules.
void ballast_multiply_add(size_t count, const float *a, const float *b, float scale, bool accumulate, float *y);

/// y[i] = condition[i] != 0 ? a[i] : b[i], dense.
void ballast_select(size_t count, const float *condition, const float *a, const float *b, float *y);

void ballast_fill(size_t count, float value, float *y);

/// Copies between strided views of one index space (rank <= 8, strides in elements): slices, permutations, concatenation.
void ballast_copy(int rank, const size_t *dimensions, const float *x, const size_t *strides_x,
                  bool accumulate, float *y, const size_t *strides_y);

/// True if every element is finite.
bool ballast_all_finite(size_t count, const float *x);

// ---------------------------------------------------------------- Reductions

typedef enum {
  ballast_sum, ballast_largest, ballast_smallest, ballast_sum_of_squares, ballast_sum_of_magnitudes
} ballast_reduction;

/// Reduces the axes whose bit is set in `axes` (bit 0 = first dimension) of a dense array; y holds the other axes, dense.
/// y = scale * reduction (+ y if accumulate; accumulate only for the sums). Sums over whole arrays use pairwise or
/// multi-lane accumulation: relative error about 1e-7 * log2(n). Reducing zero elements gives 0 for sums, -inf and +inf otherwise.
void ballast_reduce(ballast_reduction reduction, int rank, const size_t *dimensions, uint32_t axes,
                    const float *x, float scale, bool accumulate, float *y);

/// Position of the largest element in each row (the first on ties).
void ballast_argmax(size_t rows, size_t columns, const float *x, int32_t *index);

// ---------------------------------------------------------------- Softmax and cross-entropy, along rows

/// y = softmax(x) of each row. With `causal` > 0, row r only sees columns 0...(r % causal) + columns - causal; the others get 0.
void ballast_softmax(size_t rows, size_t columns, size_t causal, const float *x, float *y);
void ballast_softmax_gradient(size_t rows, size_t columns, const float *y, const float *dy, bool accumulate, float *dx);
void ballast_log_softmax(size_t rows, size_t columns, const float *x, float *y);
void ballast_log_softmax_gradient(size_t rows, size_t columns, const float *y, const float *dy, bool accumulate, float *dx);

/// loss[r] = -log softmax(x[r])[label[r]]; `probabilities` receives softmax(x). Labels are within 0..<columns: the caller has checked.
void ballast_cross_entropy(size_t rows, size_t columns, const float *x, const int32_t *labels, float *loss, float *probabilities);
/// dx = dy[r] * scale * (probabilities - onehot(label)). dy has one element per row, or one in all if `one_gradient`.
void ballast_cross_entropy_gradient(size_t rows, size_t columns, const float *probabilities, const int32_t *labels,
                                    const float *dy, bool one_gradient, float scale, bool accumulate, float *dx);
/// The same with target probabilities [rows, columns]: loss[r] = -sum(target * log softmax(x)).
void ballast_soft_cross_entropy(size_t rows, size_t columns, const float *x, const float *targets, float *loss, float *probabilities);
/// dx = dy * scale * (probabilities * sum(target) - target).
void ballast_soft_cross_entropy_gradient(size_t rows, size_t columns, const float *probabilities, const float *targets,
                                         const float *dy, bool one_gradient, float scale, bool accumulate, float *dx);

// ---------------------------------------------------------------- Normalization

/// x is seen as [outer, groups, inner]; statistics belong to a group, over outer and inner.
///   batch norm of [n, c, ...]:   outer n, groups c,             inner = the rest (1 for matrices)
///   layer, RMS norm of [r, w]:   outer 1, groups r,             inner w
///   group norm, g groups:        outer 1, groups n * g,         inner (c / g) * the rest
/// Each element has an affine entry: of group g and inner position i it is (g % affine_groups) * (inner / affine_inner) + i / affine_inner,
/// so: batch norm   affine_groups c, affine_inner inner  -> entry = channel
///     layer norm   affine_groups 1, affine_inner 1      -> entry = column
///     group norm   affine_groups g, affine_inner rest   -> entry = channel
typedef struct {
  size_t outer, groups, inner, affine_groups, affine_inner;
} ballast_norm_shape;

/// Mean and biased variance of each group (two passes or a merge of blocks: stable for large means).
void ballast_moments(const ballast_norm_shape *shape, const float *x, float *mean, float *variance);
/// Mean of squares of each group.
void ballast_mean_of_squares(const ballast_norm_shape *shape, const float *x, float *result);
/// y = (x - mean[g]) * inverse[g] * weight[entry] + bias[entry]; a null mean is 0, a null weight 1, a null bias 0.
void ballast_normalize(const ballast_norm_shape *shape, const float *x, const float *_Nullable mean, const float *inverse,
                       const float *_Nullable weight, const float *_Nullable bias, float *y);
/// Gradients of y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias through the statistics (`centered`), or of
/// y = x / sqrt(mean(x^2) + eps) * weight + bias (not `centered`, mean null), or, with `fixed`, with mean and inverse held constant.
/// Null gradients are not computed; dweight and dbias have one element an entry.
void ballast_normalize_gradient(const ballast_norm_shape *shape, bool centered, bool fixed, const float *x,
                                const float *_Nullable mean, const float *inverse, const float *_Nullable weight, const float *dy,
                                float *_Nullable dx, bool accumulate_dx, float *_Nullable dweight, bool accumulate_dweight,
                                float *_Nullable dbias, bool accumulate_dbias);

// ---------------------------------------------------------------- Randomness: Philox4x32-10 (Salmon et al., 2011)
//
// Block b of a stream is philox(key = {key, key >> 32}, counter = {b, b >> 32, index, index >> 32}): four 32-bit words
// (b, index, key are 64 bits). Word j of the stream is word j % 4 of block j / 4.

typedef struct {
  uint64_t key, index;
} ballast_stream;

/// Words first..<first + count of the stream.
void ballast_random_words(ballast_stream stream, uint64_t first, size_t count, uint32_t *words);
/// low + (high - low) * u, u = (word >> 8) * 2^-24, in [0, 1).
void ballast_random_uniform(ballast_stream stream, size_t count, float low, float high, float *y);
/// Normal by Box-Muller: elements 2i and 2i+1 come from words 2i and 2i+1. Finite for every word.
void ballast_random_normal(ballast_stream stream, size_t count, float mean, float deviation, float *y);

/// y[i] = kept ? x[i] * scale : 0. Unit u = i / inner is kept if half-word u of the stream (half-words are the low, then the high
/// 16 bits of each word) is >= threshold. `mask` receives one bit per unit (bit u % 8 of byte u / 8, 1 = kept), (units + 7) / 8 bytes.
void ballast_dropout(size_t count, size_t inner, const float *x, ballast_stream stream, uint32_t threshold, float scale,
                     uint8_t *mask, float *y);
void ballast_dropout_gradient(size_t count, size_t inner, const float *dy, const uint8_t *mask, float scale, bool accumulate, float *dx);

// ---------------------------------------------------------------- Whole-model updates

/// One parameter tensor of a model. The gradient that counts is gradient * gradient_scale + weight_decay * parameter + l1 * sgn(parameter).
/// If `update` is null the parameter is changed in place: `decoupled_decay` * parameter (its old value) is added to it as well,
/// and the result r becomes sgn(r) max(|r| - soft_threshold, 0). Else update receives what would have been added (without the
/// folded update) and the parameter stays. `update` may equal `gradient`.
typedef struct {
  float *parameter;
  const float *gradient;
  float *_Nullable update;
  float *_Nullable first;  // momentum (SGD, RMSProp), first moment (Adam)
  float *_Nullable second; // second moment (Adam, RMSProp)
  size_t count;
  float gradient_scale, weight_decay, l1; // of the folded gradient
  float decoupled_decay, soft_threshold; // of the folded update
} ballast_segment;

/// True if all gradients are finite; where not, `bad` receives the index of the first segment that has a bad one.
bool ballast_gradients_finite(size_t count, const ballast_segment *segments, size_t *bad);

/// PyTorch's SGD: v = momentum v + (1 - dampening) g (v = g at the first step); update -rate v, or -rate (g + momentum v) with nesterov.
/// Without momentum `first` is not touched.
void ballast_sgd(size_t count, const ballast_segment *segments, float rate, float momentum, float dampening, bool nesterov, bool first_step);
/// PyTorch's Adam: update -rate / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon), correction_i = 1 - beta_i^t,
/// which the caller computes in double precision.
void ballast_adam(size_t count, const ballast_segment *segments, float rate, float beta1, float beta2, float epsilon,
                  float correction1, float correction2);
/// PyTorch's RMSprop: v = alpha v + (1 - alpha) g^2; update -rate g / (sqrt(v) + epsilon), through a momentum buffer if momentum > 0
/// (buf = momentum buf + g / (sqrt(v) + epsilon); update -rate buf).
void ballast_rmsprop(size_t count, const ballast_segment *segments, float rate, float alpha, float epsilon, float momentum);
/// parameter += update * gradient_scale + decoupled_decay * parameter for every segment, and then the threshold.
void ballast_apply_updates(size_t count, const ballast_segment *segments);

// ---------------------------------------------------------------- Batches

/// Row r of y = row index[r] of x, `width` elements wide. Indices are in range: the caller has checked.
void ballast_gather(size_t rows, size_t width, const float *x, const int32_t *index, float *y);
/// The same from bytes: y = byte * scale + offset.
void ballast_gather_bytes(size_t rows, size_t width, const uint8_t *x, const int32_t *index, float scale, float offset, float *y);
/// y[index[r]] += x[r] for rows in order (gradient of an embedding); y has y_rows rows.
void ballast_scatter_add(size_t rows, size_t width, const float *x, const int32_t *index, size_t y_rows, float *y);

// ---------------------------------------------------------------- Sampling images

/// A straight grid over a plane of height * width pixels, whose centers lie at whole numbers: the sample at row r and column c
/// is taken at column x + xx c + xy r and row y + yx c + yy r. What lies outside of the plane is `fill`; where the edge runs
/// through a sample, with a share m of pixels inside that sum up to s, it is s + (1 - m) fill, or, if it `blends_twice`,
/// m s + (1 - m) fill as in torchvision.
typedef struct {
  size_t height, width; // at most 2^30 pixels
  float x, xx, xy, y, yx, yy;
  float fill;
  bool blends_twice;
} ballast_sampling;

/// Bilinear samples of a plane; y has its size, and does not overlap it. Runs on the calling thread alone.
void ballast_sample(const ballast_sampling *grid, const float *x, float *y);

#pragma clang assume_nonnull end

#endif
