// Index spaces with the strides of two operands, walked in row-major order as runs along the last dimension.

enum { largest_rank = 8 };

typedef struct {
  int rank; // at least 1
  size_t dimensions[largest_rank], strides_a[largest_rank], strides_b[largest_rank];
} index_space;

// Drops dimensions of 1 and merges neighbours that both operands cross at one stride. Returns the number of indices.
static size_t index_space_collapse(int rank, const size_t *dimensions, const size_t *strides_a, const size_t *strides_b,
                                   index_space *space) {
  size_t count = 1;
  int last = -1;
  for (int i = 0; i < rank; i++) {
    count *= dimensions[i];
    if (dimensions[i] == 1) continue;
    if (last >= 0 && space->strides_a[last] == strides_a[i] * dimensions[i]
        && space->strides_b[last] == strides_b[i] * dimensions[i]) {
      space->dimensions[last] *= dimensions[i];
    } else {
      space->dimensions[++last] = dimensions[i];
    }
    space->strides_a[last] = strides_a[i];
    space->strides_b[last] = strides_b[i];
  }
  if (last < 0) {
    space->dimensions[++last] = 1;
    space->strides_a[last] = space->strides_b[last] = 1;
  }
  space->rank = last + 1;
  return count;
}

typedef struct {
  size_t position[largest_rank], offset_a, offset_b;
} index_walk;

// The walk at the given row-major number.
INLINE index_walk index_walk_start(const index_space *space, size_t number) {
  index_walk walk;
  walk.offset_a = walk.offset_b = 0;
  for (int i = space->rank - 1; i >= 0; i--) {
    size_t position = i > 0 ? number % space->dimensions[i] : number;
    if (i > 0) number /= space->dimensions[i];
    walk.position[i] = position;
    walk.offset_a += position * space->strides_a[i];
    walk.offset_b += position * space->strides_b[i];
  }
  return walk;
}

// How many indices are left along the last dimension.
INLINE size_t index_walk_run(const index_space *space, const index_walk *walk) {
  return space->dimensions[space->rank - 1] - walk->position[space->rank - 1];
}

// Goes n indices on; n is at most the run.
INLINE void index_walk_advance(const index_space *space, index_walk *walk, size_t n) {
  int i = space->rank - 1;
  walk->position[i] += n;
  walk->offset_a += n * space->strides_a[i];
  walk->offset_b += n * space->strides_b[i];
  while (i > 0 && walk->position[i] == space->dimensions[i]) {
    walk->position[i] = 0;
    walk->offset_a += space->strides_a[i - 1] - space->dimensions[i] * space->strides_a[i];
    walk->offset_b += space->strides_b[i - 1] - space->dimensions[i] * space->strides_b[i];
    walk->position[--i]++;
  }
}
