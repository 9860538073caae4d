// The thread pool: one job at a time, whose indices the caller and the workers claim from both ends.
//
// The unclaimed indices are front..<back, packed in one 64-bit word. Claiming is a compare-and-swap on that word, which
// succeeds only while the job it belongs to has unclaimed indices, so its fields are stable for whoever holds one. A job
// is over when `pending` reaches 0; until then the caller stays. Idle workers spin for a moment, then sleep.

#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "runtime.h"

enum { most_threads = 64, spin_nanoseconds = 200000 };

typedef struct {
  // The job. Written by the thread that holds `busy`, before it publishes `unclaimed`.
  void (*body)(void *context, size_t index);
  void *context;
  size_t base; // added to each index

  _Alignas(64) _Atomic uint64_t unclaimed; // back << 32 | front
  _Alignas(64) _Atomic uint32_t pending;   // indices that have not been run
  _Alignas(64) _Atomic bool busy;          // held by the caller whose job it is
  _Atomic int sleepers;                    // workers asleep, or about to be
  _Atomic bool caller_sleeps;
  _Atomic int invited;                     // workers whose number is below this one take part in the job

  pthread_mutex_t mutex;                   // guards the two conditions
  pthread_cond_t work, done;
  int started;                             // workers that exist; changed under `busy`
} thread_pool;

static thread_pool pool = {
  .mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER
};
static _Atomic int default_thread_count;       // 0: not yet known
static _Thread_local int chosen_thread_count;  // by this thread for itself; 0: none
static _Thread_local bool in_job; // this thread runs an index of a job: what it calls runs on it alone

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int processor_count(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : (int)count;
}

static int clamped(int count) { return count < 1 ? 1 : count > most_threads ? most_threads : count; }

// ---------------------------------------------------------------- Running a job

static inline bool has_work(uint64_t unclaimed) { return (uint32_t)unclaimed < (uint32_t)(unclaimed >> 32); }

// Claims and runs indices until none is left; even participants take the lowest, odd ones the highest.
// (Neighbouring indices stay with one thread, and so in its caches.)
static void take_part(int participant) {
  uint64_t seen = atomic_load_explicit(&pool.unclaimed, memory_order_acquire);
  while (has_work(seen)) {
    uint32_t front = (uint32_t)seen, back = (uint32_t)(seen >> 32);
    bool from_back = participant & 1;
    uint64_t rest = from_back ? (uint64_t)(back - 1) << 32 | front : (uint64_t)back << 32 | (front + 1);
    if (!atomic_compare_exchange_weak_explicit(&pool.unclaimed, &seen, rest, memory_order_acquire, memory_order_acquire)) {
      pause_briefly();
      continue;
    }
    pool.body(pool.context, pool.base + (from_back ? back - 1 : front));
    if (atomic_fetch_sub(&pool.pending, 1) == 1 && atomic_load(&pool.caller_sleeps)) {
      pthread_mutex_lock(&pool.mutex);
      pthread_cond_signal(&pool.done);
      pthread_mutex_unlock(&pool.mutex);
    }
    seen = atomic_load_explicit(&pool.unclaimed, memory_order_acquire);
  }
}

static bool is_called_for(int number) {
  return has_work(atomic_load(&pool.unclaimed)) && number < atomic_load(&pool.invited);
}

static void *work(void *argument) {
  int number = (int)(intptr_t)argument;
  in_job = true;
  for (;;) {
    uint64_t deadline = nanoseconds() + spin_nanoseconds;
    bool called;
    while (!(called = is_called_for(number)) && nanoseconds() < deadline) {
      for (int i = 0; i < 16 && !is_called_for(number); i++) pause_briefly();
    }
    if (!called) {
      pthread_mutex_lock(&pool.mutex);
      atomic_fetch_add(&pool.sleepers, 1);
      while (!is_called_for(number)) pthread_cond_wait(&pool.work, &pool.mutex);
      atomic_fetch_sub(&pool.sleepers, 1);
      pthread_mutex_unlock(&pool.mutex);
    }
    take_part(number + 1);
  }
}

// Waits until every index has been run.
static void wait_for_the_others(void) {
  if (atomic_load_explicit(&pool.pending, memory_order_acquire) == 0) return;
  uint64_t deadline = nanoseconds() + spin_nanoseconds;
  while (nanoseconds() < deadline) {
    for (int i = 0; i < 16; i++) {
      if (atomic_load_explicit(&pool.pending, memory_order_acquire) == 0) return;
      pause_briefly();
    }
  }
  pthread_mutex_lock(&pool.mutex);
  atomic_store(&pool.caller_sleeps, true);
  while (atomic_load(&pool.pending) != 0) pthread_cond_wait(&pool.done, &pool.mutex);
  atomic_store(&pool.caller_sleeps, false);
  pthread_mutex_unlock(&pool.mutex);
}

// Invites workers to the next job, and starts those that there are not yet; the caller holds `busy`. Fewer is not an
// error: the job runs all the same.
static void invite_workers(int count) {
  atomic_store(&pool.invited, count);
  while (pool.started < count) {
    pthread_t worker;
    if (pthread_create(&worker, NULL, work, (void *)(intptr_t)pool.started) != 0) break;
    pthread_detach(worker);
    pool.started++;
  }
}

static bool acquire_pool(void) {
  return !atomic_load_explicit(&pool.busy, memory_order_relaxed)
    && !atomic_exchange_explicit(&pool.busy, true, memory_order_acquire);
}

static void release_pool(void) { atomic_store_explicit(&pool.busy, false, memory_order_release); }

static void run_job(uint32_t count, size_t base, void *context, void (*body)(void *context, size_t index)) {
  pool.body = body;
  pool.context = context;
  pool.base = base;
  atomic_store_explicit(&pool.pending, count, memory_order_relaxed);
  atomic_store(&pool.unclaimed, (uint64_t)count << 32);
  int sleepers = atomic_load(&pool.sleepers);
  if (sleepers > 0) {
    pthread_mutex_lock(&pool.mutex);
    // A signal might wake one that is not invited.
    if ((uint32_t)sleepers < count || atomic_load(&pool.invited) < pool.started) pthread_cond_broadcast(&pool.work);
    else for (uint32_t i = 1; i < count; i++) pthread_cond_signal(&pool.work);
    pthread_mutex_unlock(&pool.mutex);
  }
  in_job = true;
  take_part(0);
  in_job = false;
  wait_for_the_others();
}

void ballast_parallel(size_t count, void *context, void (*body)(void *context, size_t index)) {
  int threads = count > 1 && !in_job ? ballast_thread_count() : 1;
  if (threads == 1 || !acquire_pool()) {
    for (size_t i = 0; i < count; i++) body(context, i);
    return;
  }
  invite_workers(threads - 1);
  const size_t most = UINT32_MAX;
  for (size_t base = 0; base < count; base += most) {
    run_job((uint32_t)(count - base < most ? count - base : most), base, context, body);
  }
  release_pool();
}

typedef struct {
  size_t count, grain;
  void *context;
  ballast_range_body body;
} range;

static void run_piece(void *context, size_t index) {
  const range *all = context;
  size_t begin = index * all->grain;
  all->body(all->context, begin, all->count - begin < all->grain ? all->count : begin + all->grain);
}

void ballast_parallel_range(size_t count, size_t grain, void *context, ballast_range_body body) {
  if (count <= grain) {
    if (count > 0) body(context, 0, count);
    return;
  }
  range all = {count, grain, context, body};
  ballast_parallel((count + grain - 1) / grain, &all, run_piece);
}

// ---------------------------------------------------------------- The number of threads

int ballast_thread_count(void) {
  if (chosen_thread_count > 0) return chosen_thread_count;
  int count = atomic_load_explicit(&default_thread_count, memory_order_relaxed);
  if (count == 0) {
    count = ballast_requested_threads();
    if (count == 0) count = clamped(processor_count());
    atomic_store_explicit(&default_thread_count, count, memory_order_relaxed);
  }
  return count;
}

void ballast_set_thread_count(int count) { chosen_thread_count = clamped(count); }
