// Transposes width x width floats in registers: 4 x 4 blocks inside 128-bit lanes, then the lanes.

#if VECTOR_WIDTH == 16
#define SHUFFLE(a, b, i, j, k, l) /* the same four picks in every 128-bit lane; i...l < 4 from a, else from b */ \
  __builtin_shufflevector(a, b, PICK(i, 0), PICK(j, 0), PICK(k, 0), PICK(l, 0), PICK(i, 4), PICK(j, 4), PICK(k, 4), PICK(l, 4), \
                          PICK(i, 8), PICK(j, 8), PICK(k, 8), PICK(l, 8), PICK(i, 12), PICK(j, 12), PICK(k, 12), PICK(l, 12))
#elif VECTOR_WIDTH == 8
#define SHUFFLE(a, b, i, j, k, l) \
  __builtin_shufflevector(a, b, PICK(i, 0), PICK(j, 0), PICK(k, 0), PICK(l, 0), PICK(i, 4), PICK(j, 4), PICK(k, 4), PICK(l, 4))
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, PICK(i, 0), PICK(j, 0), PICK(k, 0), PICK(l, 0))
#endif
#define PICK(i, lane) ((i) < 4 ? (i) + (lane) : (i) - 4 + (lane) + VECTOR_WIDTH)

INLINE void transpose_in_lanes(vf *x) {
  vf a = SHUFFLE(x[0], x[1], 0, 4, 1, 5), b = SHUFFLE(x[0], x[1], 2, 6, 3, 7);
  vf c = SHUFFLE(x[2], x[3], 0, 4, 1, 5), d = SHUFFLE(x[2], x[3], 2, 6, 3, 7);
  x[0] = SHUFFLE(a, c, 0, 1, 4, 5);
  x[1] = SHUFFLE(a, c, 2, 3, 6, 7);
  x[2] = SHUFFLE(b, d, 0, 1, 4, 5);
  x[3] = SHUFFLE(b, d, 2, 3, 6, 7);
}

INLINE void transpose_square(vf *x) {
  for (int i = 0; i < width; i += 4) transpose_in_lanes(x + i);
#if VECTOR_WIDTH == 8
  for (int i = 0; i < 4; i++) {
    vf a = x[i], b = x[i + 4];
    x[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
#elif VECTOR_WIDTH == 16
#define LOW_HALVES(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)
#define HIGH_HALVES(a, b) __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)
#define EVEN_QUARTERS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_QUARTERS(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
  for (int i = 0; i < 4; i++) {
    vf a = LOW_HALVES(x[i], x[i + 4]), b = HIGH_HALVES(x[i], x[i + 4]);
    vf c = LOW_HALVES(x[i + 8], x[i + 12]), d = HIGH_HALVES(x[i + 8], x[i + 12]);
    x[i] = EVEN_QUARTERS(a, c);
    x[i + 4] = ODD_QUARTERS(a, c);
    x[i + 8] = EVEN_QUARTERS(b, d);
    x[i + 12] = ODD_QUARTERS(b, d);
  }
#endif
}
