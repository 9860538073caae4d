// The numbers that decide how work is cut, in one place: name, unit, how chosen.
//
// Numbers under "bits" fix the order of a sum: changing one changes results. They are the same on every machine, for any
// number of threads. The others only decide who computes what, and when.

#ifndef BALLAST_TUNING_H
#define BALLAST_TUNING_H

#include <stddef.h>

// ---------------------------------------------------------------- Bits

enum {
  /// Steps of k that a matrix product sums up in registers before it adds to C. A panel of B for these, 64 KB with
  /// AVX-512, streams from the second-level cache. On two Zen 5 cores 256 and 352 took up to 8 % longer than 512.
  longest_k = 512,

  /// Steps of a convolution's product that are summed up in registers, by the same reasoning.
  product_steps = 512,
  /// Floats of the image and of the results that a task works on: together less than a second-level cache of 512 KB.
  image_floats = 64 << 10,
  result_floats = 32 << 10,

  /// Shares of a batch whose weight gradients are summed up apart, and then added: one for each of 64 threads.
  most_shares = 64,
  /// Positions of dy (samples times pixels) in a share, if there are more than `enough_tasks` shares: a share of 100 took
  /// 13 % longer for its sums on one thread and on two, one of 400 at most 3 %.
  share_positions = 400,
  /// Tasks that are worth more passes over dy even where work is little, and floats in all sums.
  enough_tasks = 16,
  most_sums = 4 << 20,
  /// Positions that a weight gradient sums up in one chain, for accuracy.
  longest_sum = 1024,
};

/// Operations in a block of channels of a weight gradient, if there are more than `enough_tasks`: each block packs dy anew,
/// which took 9 % longer with 12e6, and a quarter with 3e6.
static const double block_operations = 40e6;

/// Operations (a multiply-add is two) in a task: about 15 microseconds on one AVX-512 core, ten times what handing it to
/// a polling thread costs. A product with fewer
/// stays on its caller, and a share of a weight gradient has as many.
static const double task_operations = 3e6;

// ---------------------------------------------------------------- Tasks

enum {
  /// Tasks in a product at most: four for each of 64 threads, so that the last ones to end do not leave others idle.
  most_tasks = 256,
  /// Floats that a task packs at least: about 3 microseconds.
  packing_grain = 8192,
};

// ---------------------------------------------------------------- Tiles of matrix products

enum {
  /// A tile's panels take this share of a core's second-level cache: the other parts are for A, C, and what is fetched
  /// ahead. On a Xeon with 2 MB, 512 KB took 1 to 4 % less than 1 MB.
  tile_share_of_cache = 4,
  /// Bytes of a second-level cache: what is believed where the system says so, and what is assumed where it does not.
  smallest_cache = 128 << 10,
  largest_cache = 16 << 20,
  usual_cache = 1 << 20,
  /// Bytes of B that are packed at a time, for all tiles: a share of a third-level cache. (All of it at once would be
  /// 100 MB for a vocabulary of 50,000.)
  packed_bytes = 8 << 20,
  /// Rows of C up to which every task packs the panels of B that it uses, for all rows; beyond, all tasks share panels.
  most_rows_of_own_panels = 288,
  /// How many steps of k ahead rows of B are fetched: [1024, 1024]^T x [1024, 256] took 1 / 1.08 of the time
  /// with 8, no less with 16.
  steps_ahead = 8,
  /// Least floats from one step of k to the next in a transposed A, and least panels of B, for strips of A to be copied.
  /// On a Xeon with AMX, [1536, 256]^T x [256, 96] took 1 / 1.17 of the time; with 128 floats, products took up to 20 % longer.
  far_apart = 256,
  panels_worth_a_copy = 3,
};

#endif
