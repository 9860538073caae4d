// Random numbers from Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, 2011), one
// block of four words in each lane.

typedef struct {
  vu words[4]; // word j of each lane's block
} philox_blocks;

// What all blocks of a stream share, spread over vectors: the index, and the key of each round.
typedef struct {
  vul index_low, index_high, first[10], second[10];
} philox_stream;

INLINE philox_stream philox_prepared(ballast_stream stream) {
  philox_stream result = {.index_low = (vul){0} + (uint32_t)stream.index, .index_high = (vul){0} + (stream.index >> 32)};
  uint32_t first = (uint32_t)stream.key, second = (uint32_t)(stream.key >> 32);
  for (int round = 0; round < 10; round++) {
    result.first[round] = (vul){0} + first;
    result.second[round] = (vul){0} + second;
    first += 0x9e3779b9;
    second += 0xbb67ae85;
  }
  return result;
}

// Ten rounds on blocks whose words stand in the low halves of 64-bit lanes; what is above them does not matter.
INLINE void philox_rounds(const philox_stream *stream, vul words[4]) {
  vul a = words[0], b = words[1], c = stream->index_low, d = stream->index_high;
#pragma clang loop unroll(full)
  for (int round = 0; round < 10; round++) {
    vul product_a = (a & 0xffffffff) * 0xd2511f53, product_c = (c & 0xffffffff) * 0xcd9e8d57;
    a = product_c >> 32 ^ b ^ stream->first[round];
    b = product_c;
    c = product_a >> 32 ^ d ^ stream->second[round];
    d = product_a;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

// The blocks whose numbers have these low and high halves.
INLINE philox_blocks philox(const philox_stream *stream, vu block_low, vu block_high) {
  vul even[4] = {(vul)block_low, (vul)block_high}, odd[4] = {(vul)block_low >> 32, (vul)block_high >> 32};
  philox_rounds(stream, even);
  philox_rounds(stream, odd);
  philox_blocks result;
  for (int i = 0; i < 4; i++) result.words[i] = (vu)((even[i] & 0xffffffff) | odd[i] << 32);
  return result;
}

// `width` consecutive blocks.
INLINE philox_blocks philox_from(const philox_stream *stream, uint64_t block) {
  vu low = (vu)lane_numbers() + (uint32_t)block, carry = (vu)(low < (uint32_t)block);
  return philox(stream, low, splat_bits((uint32_t)(block >> 32)) - carry);
}

enum { words_at_once = 4 * VECTOR_WIDTH };

// The words in the order of the stream.
INLINE void store_words(uint32_t *words, philox_blocks blocks) {
  vf block[4];
  for (int i = 0; i < 4; i++) block[i] = as_float(blocks.words[i]);
  transpose_in_lanes(block); // 128-bit lane L of block[i] is block 4 L + i
  for (int lane = 0; lane < width / 4; lane++) {
    for (int i = 0; i < 4; i++) memcpy(words + (lane * 4 + i) * 4, (const char *)&block[i] + lane * 16, 16);
  }
}

// ---------------------------------------------------------------- Words, uniform and normal numbers

typedef struct {
  ballast_stream stream;
  uint64_t first;
  float low, span;
  void *result;
} random_task;

static void random_words_range(void *context, size_t begin, size_t end) {
  const random_task *task = context;
  philox_stream stream = philox_prepared(task->stream);
  uint32_t *words = task->result;
  uint64_t position = task->first + begin;
  while (begin < end) {
    philox_blocks blocks = philox_from(&stream, position / 4);
    size_t skipped = position % 4, count = smaller_size(words_at_once - skipped, end - begin);
    if (count == words_at_once) {
      store_words(words + begin, blocks);
    } else {
      uint32_t buffer[words_at_once];
      store_words(buffer, blocks);
      memcpy(words + begin, buffer + skipped, count * sizeof(uint32_t));
    }
    begin += count;
    position += count;
  }
}

static void kernel_random_words(ballast_stream stream, uint64_t first, size_t count, uint32_t *words) {
  random_task task = {.stream = stream, .first = first, .result = words};
  ballast_parallel_range(count, heavy_grain, &task, random_words_range);
}

// The 24 high bits as a multiple of 2^-24, below 1.
INLINE vf unit_interval(vu words) { return __builtin_convertvector((vi)(words >> 8), vf) * 0x1p-24f; }

// Box-Muller: two normal numbers with mean 0 and deviation 1. The radius comes from 1 - u, in (0, 1], and so is finite.
INLINE void normal_pair(vu *first, vu *second) {
  vf radius = square_root(magnitude(logarithm(1.0f - unit_interval(*first)) * 2.0f)), turns = unit_interval(*second) * 4.0f;
  vf shifted = turns + ROUNDING_SHIFT, angle = (turns - (shifted - ROUNDING_SHIFT)) * 1.57079632679489662f;
  vi quadrant = (vi)shifted, odd = (quadrant & 1) != 0;
  vf s = sine_polynomial(angle), c = cosine_polynomial(angle);
  vf cosine = (vf)((vi)choose(odd, s, c) ^ (((quadrant + 1) & 2) << 30));
  vf sine = (vf)((vi)choose(odd, c, s) ^ ((quadrant & 2) << 30));
  *first = as_bits(radius * cosine);
  *second = as_bits(radius * sine);
}

INLINE void random_floats(const random_task *task, bool normal, size_t begin, size_t end) {
  philox_stream stream = philox_prepared(task->stream);
  float low = task->low, span = task->span, *y = task->result;
  for (; begin < end; begin += words_at_once) {
    philox_blocks blocks = philox_from(&stream, begin / 4);
    if (normal) {
      normal_pair(&blocks.words[0], &blocks.words[1]);
      normal_pair(&blocks.words[2], &blocks.words[3]);
    }
    for (int i = 0; i < 4; i++) {
      vf number = normal ? as_float(blocks.words[i]) : unit_interval(blocks.words[i]);
      blocks.words[i] = as_bits(number * span + low);
    }
    if (end - begin >= words_at_once) {
      store_words((uint32_t *)y + begin, blocks);
    } else {
      uint32_t buffer[words_at_once];
      store_words(buffer, blocks);
      memcpy(y + begin, buffer, (end - begin) * sizeof(float));
    }
  }
}

static void random_uniform_range(void *context, size_t begin, size_t end) { random_floats(context, false, begin, end); }
static void random_normal_range(void *context, size_t begin, size_t end) { random_floats(context, true, begin, end); }

static void kernel_random_uniform(ballast_stream stream, size_t count, float low, float high, float *y) {
  random_task task = {.stream = stream, .low = low, .span = high - low, .result = y};
  ballast_parallel_range(count, heavy_grain, &task, random_uniform_range);
}

static void kernel_random_normal(ballast_stream stream, size_t count, float mean, float deviation, float *y) {
  random_task task = {.stream = stream, .low = mean, .span = deviation, .result = y};
  ballast_parallel_range(count, heavy_grain, &task, random_normal_range);
}

#include "dropout.h"
