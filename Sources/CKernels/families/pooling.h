// Stub: to be replaced.
static void kernel_max_pool2d(const ballast_pool2d_shape *shape, const float *x, float *y, int32_t *index) {
  (void)shape; (void)x; (void)y; (void)index;
  __builtin_trap();
}
static void kernel_max_pool2d_gradient(const ballast_pool2d_shape *shape, const float *dy, const int32_t *index, bool accumulate, float *dx) {
  (void)shape; (void)dy; (void)index; (void)accumulate; (void)dx;
  __builtin_trap();
}
static void kernel_average_pool2d(const ballast_pool2d_shape *shape, const float *x, float *y) {
  (void)shape; (void)x; (void)y;
  __builtin_trap();
}
static void kernel_average_pool2d_gradient(const ballast_pool2d_shape *shape, const float *dy, bool accumulate, float *dx) {
  (void)shape; (void)dy; (void)accumulate; (void)dx;
  __builtin_trap();
}
