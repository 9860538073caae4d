// The memory pool: size classes, a cache per thread for small blocks, and one for the process behind a lock.
//
// Classes are 64 bytes times 1, 2, 3, 4, then four to each doubling (5, 6, 7, 8, 10, 12, 14, 16, ...): a block is at most
// a quarter larger than asked for. A thread keeps small blocks up to a limit; what exceeds it, large blocks, and all that
// a thread leaves when it exits go to the shared cache. When that holds more than `idle_limit` and a block has to come
// from the system, as many idle bytes go back first, of the sizes that have not been asked for the longest: memory grows
// with what is alive, not with the variety of sizes, and what every step needs stays.

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime.h"

enum { unit = 64, class_count = 4 * 42, small_limit = 256 << 10, thread_limit = 8 << 20, map_limit = 1 << 20 };
static const size_t idle_limit = (size_t)64 << 20;
static const size_t shared_limit = (size_t)2 << 30;
static const size_t huge_page = (size_t)2 << 20;

typedef struct idle_block {
  struct idle_block *next;
} idle_block;

typedef struct {
  idle_block *first[class_count];
  size_t bytes, limit; // the limit is 0 until the thread's exit is watched
} block_cache;

static _Thread_local block_cache local;
static block_cache shared;
static pthread_mutex_t shared_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t requests, last_request[class_count]; // of the shared cache, and the last one for each class; under the lock
static _Atomic size_t system_bytes, returned_bytes;

// ---------------------------------------------------------------- Size classes

static inline unsigned class_of(size_t bytes) {
  size_t units = (bytes + unit - 1) / unit;
  if (units <= 4) return units == 0 ? 0 : (unsigned)units - 1;
  unsigned top = 63 - (unsigned)__builtin_clzll(units - 1); // units - 1 is in 2^top..<2^(top + 1), top >= 2
  return 4 * (top - 1) + (unsigned)((units - 1) >> (top - 2)) - 4;
}

static inline size_t class_bytes(unsigned class) {
  if (class < 4) return (size_t)unit * (class + 1);
  unsigned top = class / 4 + 1;
  return (size_t)unit * ((size_t)(class % 4 + 5) << (top - 2));
}

// ---------------------------------------------------------------- The system

static void *map(size_t bytes) {
  // Large blocks start at a huge page, so that the system can back them with huge ones.
  size_t room = bytes >= 2 * huge_page ? bytes + huge_page : bytes;
  char *start = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
  if (start == MAP_FAILED) return NULL;
  if (room > bytes) {
    size_t before = (size_t)(-(uintptr_t)start & (huge_page - 1));
    if (before) munmap(start, before);
    if (huge_page - before) munmap(start + before + bytes, huge_page - before);
    start += before;
#if defined(__linux__)
    madvise(start, bytes, MADV_HUGEPAGE);
#endif
  }
  return start;
}

static void *take_from_system(size_t bytes) {
  void *block = NULL;
  if (bytes >= map_limit) block = map(bytes);
  else if (posix_memalign(&block, unit, bytes) != 0) block = NULL;
  if (block) atomic_fetch_add_explicit(&system_bytes, bytes, memory_order_relaxed);
  return block;
}

static void give_to_system(void *block, size_t bytes) {
  atomic_fetch_add_explicit(&returned_bytes, bytes, memory_order_relaxed);
  if (bytes >= map_limit) munmap(block, bytes);
  else free(block);
}

// ---------------------------------------------------------------- The shared cache

// The class with idle blocks that was not asked for the longest; class_count if there are no idle blocks.
static unsigned stalest_class(void) {
  unsigned stalest = class_count;
  for (unsigned class = 0; class < class_count; class++) {
    if (!shared.first[class]) continue;
    if (stalest == class_count || last_request[class] < last_request[stalest]) stalest = class;
  }
  return stalest;
}

// Gives idle blocks back, the stalest first, until `bytes` have gone or the cache holds at most `keep`. Under the lock.
static void trim_shared(size_t bytes, size_t keep) {
  size_t gone = 0;
  unsigned class;
  while (gone < bytes && shared.bytes > keep && (class = stalest_class()) < class_count) {
    size_t size = class_bytes(class);
    while (shared.first[class] && gone < bytes && shared.bytes > keep) {
      idle_block *block = shared.first[class];
      shared.first[class] = block->next;
      shared.bytes -= size;
      gone += size;
      give_to_system(block, size);
    }
  }
}

static void *take_shared(unsigned class) {
  size_t size = class_bytes(class);
  pthread_mutex_lock(&shared_mutex);
  last_request[class] = ++requests;
  idle_block *block = shared.first[class];
  if (block) {
    shared.first[class] = block->next;
    shared.bytes -= size;
  } else {
    trim_shared(size, idle_limit);
  }
  pthread_mutex_unlock(&shared_mutex);
  if (block) return block;
  void *taken = take_from_system(size);
  if (!taken) { // the idle blocks may make room
    pthread_mutex_lock(&shared_mutex);
    trim_shared(SIZE_MAX, 0);
    pthread_mutex_unlock(&shared_mutex);
    taken = take_from_system(size);
  }
  return taken;
}

static void give_shared(idle_block *block, unsigned class) {
  size_t size = class_bytes(class);
  pthread_mutex_lock(&shared_mutex);
  if (shared.bytes + size > shared_limit) {
    give_to_system(block, size);
  } else {
    block->next = shared.first[class];
    shared.first[class] = block;
    shared.bytes += size;
  }
  pthread_mutex_unlock(&shared_mutex);
}

// ---------------------------------------------------------------- The thread's cache

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

// Hands all that an ending thread holds to the shared cache.
static void leave(void *unused) {
  (void)unused;
  for (unsigned class = 0; class < class_count; class++) {
    while (local.first[class]) {
      idle_block *block = local.first[class];
      local.first[class] = block->next;
      give_shared(block, class);
    }
  }
  local.bytes = local.limit = 0;
}

static void create_exit_key(void) {
  if (pthread_key_create(&exit_key, leave) != 0) abort();
}

__attribute__((noinline)) static void release_slowly(idle_block *block, unsigned class) {
  size_t size = class_bytes(class);
  if (size <= small_limit && local.limit == 0) {
    pthread_once(&exit_once, create_exit_key);
    if (pthread_setspecific(exit_key, &local) == 0) local.limit = thread_limit;
  }
  if (size <= small_limit && local.bytes + size <= local.limit) {
    block->next = local.first[class];
    local.first[class] = block;
    local.bytes += size;
  } else {
    give_shared(block, class);
  }
}

__attribute__((noinline)) static void *allocate_slowly(size_t bytes, unsigned class) {
  void *block = class < class_count ? take_shared(class) : NULL;
  if (!block) {
    fprintf(stderr, "Ballast: out of memory: no block of %zu bytes is to be had from the system, which has given %zu in all.\n",
            bytes, ballast_system_bytes());
    abort();
  }
  return block;
}

void *ballast_allocate(size_t bytes) {
  if (bytes > SIZE_MAX / 4) return allocate_slowly(bytes, class_count);
  unsigned class = class_of(bytes);
  if (class >= class_count) return allocate_slowly(bytes, class);
  idle_block *block = local.first[class];
  if (!block) return allocate_slowly(bytes, class);
  local.first[class] = block->next;
  local.bytes -= class_bytes(class);
  return block;
}

void ballast_release(void *block, size_t bytes) {
  unsigned class = class_of(bytes);
  size_t size = class_bytes(class);
  if (size > small_limit || local.bytes + size > local.limit) {
    release_slowly(block, class);
    return;
  }
  idle_block *idle = block;
  idle->next = local.first[class];
  local.first[class] = idle;
  local.bytes += size;
}

size_t ballast_system_bytes(void) { return atomic_load_explicit(&system_bytes, memory_order_relaxed); }

size_t ballast_held_bytes(void) {
  size_t returned = atomic_load_explicit(&returned_bytes, memory_order_relaxed); // first: it is never the larger one
  return ballast_system_bytes() - returned;
}

// ---------------------------------------------------------------- Forks

// A child finds the lock free and the cache whole. What other threads had cached is lost to it.
static void lock_shared(void) { pthread_mutex_lock(&shared_mutex); }
static void unlock_shared(void) { pthread_mutex_unlock(&shared_mutex); }

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(lock_shared, unlock_shared, unlock_shared); }
