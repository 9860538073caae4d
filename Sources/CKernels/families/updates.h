// Optimizer steps over all tensors of a model at once. The segments count as one long array, which is cut evenly.

typedef struct {
  size_t count;
  const ballast_segment *segments;
  float rate, momentum, dampening, beta1, beta2, rest1, rest2, epsilon, inverse_correction2; // rest = 1 - beta
  bool nesterov, first_step, finite;
} update_task;

typedef void (*segment_body)(update_task *task, const ballast_segment *segment, size_t begin, size_t end);

INLINE void over_segments(update_task *task, segment_body body, size_t begin, size_t end) {
  size_t start = 0;
  for (size_t i = 0; i < task->count && start < end; i++) {
    const ballast_segment *segment = &task->segments[i];
    size_t stop = start + segment->count;
    if (stop > begin) body(task, segment, larger_size(begin, start) - start, smaller_size(end, stop) - start);
    start = stop;
  }
}

static void update_all(update_task *task, ballast_range_body body) {
  size_t elements = 0;
  for (size_t i = 0; i < task->count; i++) elements += task->segments[i].count;
  ballast_parallel_range(elements, simple_grain / 2, task, body);
}

// The gradient that counts: each product and each sum is rounded, as where somebody works it out in memory.
INLINE vf segment_gradient(const ballast_segment *segment, size_t i, size_t n) {
#pragma clang fp contract(off)
  vf parameter = load_part(segment->parameter + i, n);
  vf gradient = load_part(segment->gradient + i, n) * segment->gradient_scale + parameter * segment->weight_decay;
  return segment->l1 == 0 ? gradient : gradient + signum(parameter) * segment->l1;
}

// Changes the parameter in place.
INLINE void put_parameter(const ballast_segment *segment, size_t i, size_t n, vf parameter, vf change) {
  vf result = parameter + (parameter * segment->decoupled_decay + change);
  if (segment->soft_threshold > 0) result = signum(result) * maximum(magnitude(result) - segment->soft_threshold, splat(0));
  store_part(segment->parameter + i, n, result);
}

// Hands a change over: to `update`, or to the parameter.
INLINE void put_change(const ballast_segment *segment, size_t i, size_t n, vf change) {
  if (segment->update) {
    store_part(segment->update + i, n, change);
  } else {
    put_parameter(segment, i, n, load_part(segment->parameter + i, n), change);
  }
}

// ---------------------------------------------------------------- Stochastic gradient descent

INLINE void sgd_body(update_task *task, const ballast_segment *segment, size_t begin, size_t end) {
  const ballast_segment s = *segment;
  float rate = task->rate, momentum = task->momentum, fresh = 1 - task->dampening;
  bool nesterov = task->nesterov, first_step = task->first_step;
  if (momentum == 0) {
    OVER_VECTORS(j, n, end - begin, put_change(&s, begin + j, n, segment_gradient(&s, begin + j, n) * -rate););
    return;
  }
  OVER_VECTORS(j, n, end - begin, {
    size_t i = begin + j;
    vf gradient = segment_gradient(&s, i, n);
    vf velocity = first_step ? gradient : load_part(s.first + i, n) * momentum + gradient * fresh;
    store_part(s.first + i, n, velocity);
    put_change(&s, i, n, (nesterov ? gradient + velocity * momentum : velocity) * -rate);
  });
}
static void sgd_range(void *context, size_t begin, size_t end) { over_segments(context, sgd_body, begin, end); }

static void kernel_sgd(size_t count, const ballast_segment *segments, float rate, float momentum, float dampening,
                       bool nesterov, bool first_step) {
  update_task task = {.count = count, .segments = segments, .rate = rate, .momentum = momentum, .dampening = dampening,
                      .nesterov = nesterov, .first_step = first_step};
  update_all(&task, sgd_range);
}

// ---------------------------------------------------------------- Adam

INLINE void adam_body(update_task *task, const ballast_segment *segment, size_t begin, size_t end) {
  const ballast_segment s = *segment;
  const update_task t = *task;
  OVER_VECTORS(j, n, end - begin, {
    size_t i = begin + j;
    vf gradient = segment_gradient(&s, i, n);
    vf first = load_part(s.first + i, n) * t.beta1 + gradient * t.rest1;
    vf second = load_part(s.second + i, n) * t.beta2 + gradient * gradient * t.rest2;
    store_part(s.first + i, n, first);
    store_part(s.second + i, n, second);
    put_change(&s, i, n, first * -t.rate / (square_root(second) * t.inverse_correction2 + t.epsilon));
  });
}
static void adam_range(void *context, size_t begin, size_t end) { over_segments(context, adam_body, begin, end); }

static void kernel_adam(size_t count, const ballast_segment *segments, float rate, float beta1, float beta2,
                        float epsilon, float correction1, float correction2) {
  update_task task = {.count = count, .segments = segments, .rate = rate / correction1, .beta1 = beta1, .beta2 = beta2,
                      .rest1 = 1 - beta1, .rest2 = 1 - beta2, .epsilon = epsilon,
                      .inverse_correction2 = (float)(1 / sqrt((double)correction2))};
  update_all(&task, adam_range);
}

// ---------------------------------------------------------------- RMSprop

INLINE void rmsprop_body(update_task *task, const ballast_segment *segment, size_t begin, size_t end) {
  const ballast_segment s = *segment;
  const update_task t = *task;
  OVER_VECTORS(j, n, end - begin, {
    size_t i = begin + j;
    vf gradient = segment_gradient(&s, i, n);
    vf second = load_part(s.second + i, n) * t.beta2 + gradient * gradient * t.rest2;
    store_part(s.second + i, n, second);
    vf direction = gradient / (square_root(second) + t.epsilon);
    if (t.momentum > 0) {
      direction = load_part(s.first + i, n) * t.momentum + direction;
      store_part(s.first + i, n, direction);
    }
    put_change(&s, i, n, direction * -t.rate);
  });
}
static void rmsprop_range(void *context, size_t begin, size_t end) { over_segments(context, rmsprop_body, begin, end); }

static void kernel_rmsprop(size_t count, const ballast_segment *segments, float rate, float alpha, float epsilon,
                           float momentum) {
  update_task task = {.count = count, .segments = segments, .rate = rate, .beta2 = alpha, .rest2 = 1 - alpha,
                      .epsilon = epsilon, .momentum = momentum};
  update_all(&task, rmsprop_range);
}

// ---------------------------------------------------------------- Updates apart, finiteness

INLINE void apply_body(update_task *task, const ballast_segment *segment, size_t begin, size_t end) {
  (void)task;
  const ballast_segment s = *segment;
  OVER_VECTORS(j, n, end - begin, {
    vf parameter = load_part(s.parameter + begin + j, n), update = load_part(s.update + begin + j, n);
    put_parameter(&s, begin + j, n, parameter, update * s.gradient_scale);
  });
}
static void apply_range(void *context, size_t begin, size_t end) { over_segments(context, apply_body, begin, end); }

static void kernel_apply_updates(size_t count, const ballast_segment *segments) {
  update_task task = {.count = count, .segments = segments};
  update_all(&task, apply_range);
}

INLINE void finite_body(update_task *task, const ballast_segment *segment, size_t begin, size_t end) {
  if (!finite_run(end - begin, segment->gradient + begin)) __atomic_store_n(&task->finite, false, __ATOMIC_RELAXED);
}
static void gradients_finite_range(void *context, size_t begin, size_t end) {
  over_segments(context, finite_body, begin, end);
}

static bool kernel_gradients_finite(size_t count, const ballast_segment *segments, size_t *bad) {
  update_task task = {.count = count, .segments = segments, .finite = true};
  update_all(&task, gradients_finite_range);
  if (task.finite) return true;
  size_t i = 0;
  while (finite_run(segments[i].count, segments[i].gradient)) i++;
  *bad = i;
  return false;
}
