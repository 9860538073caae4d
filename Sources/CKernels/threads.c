// Thread pools. A pool runs one job at a time, whose indices its caller and its workers claim from both ends.
//
// The unclaimed indices are front..<back, packed in one 64-bit word. Claiming is a compare-and-swap on that word, which
// succeeds only while the job it belongs to has unclaimed indices, so its fields are stable for whoever holds one. A job
// is over when `pending` reaches 0; until then the caller stays. Idle workers poll for a moment, then sleep.

#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <time.h>

#include "floating_point.h"
#include "thread_pool.h"

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

// ---------------------------------------------------------------- Polling and sleeping

// Whether an idle thread of the pool may poll: not where others need the processor.
static bool may_poll(const ballast_thread_pool *pool) {
  return atomic_load_explicit(&ballast_active_pools, memory_order_relaxed) <= 1
    && atomic_load_explicit(&pool->invited, memory_order_relaxed) < ballast_processor_count();
}

typedef bool (*pool_condition)(ballast_thread_pool *pool, int number);

// Polls until the condition holds. Returns false when the pool's time is up, or processors are shared.
static inline __attribute__((always_inline)) bool poll_until(pool_condition holds, ballast_thread_pool *pool, int number) {
  if (holds(pool, number)) return true;
  if (pool->polling == 0) return false;
  const uint64_t deadline = nanoseconds() + pool->polling;
  while (may_poll(pool) && nanoseconds() < deadline) {
    for (int i = 0; i < 16; i++) {
      if (holds(pool, number)) return true;
      pause_briefly();
    }
  }
  return false;
}

static inline bool has_work(uint64_t unclaimed) { return (uint32_t)unclaimed < (uint32_t)(unclaimed >> 32); }

static bool is_called_for(ballast_thread_pool *pool, int number) {
  return (has_work(atomic_load(&pool->unclaimed)) && number < atomic_load(&pool->invited)) || atomic_load(&pool->closing);
}

static bool is_over(ballast_thread_pool *pool, int unused) {
  (void)unused;
  return atomic_load_explicit(&pool->pending, memory_order_acquire) == 0;
}

static void sleep_until_called_for(ballast_thread_pool *pool, int number) {
  pthread_mutex_lock(&pool->mutex);
  atomic_fetch_add(&pool->sleepers, 1);
  ballast_note_activity(pool);
  while (!is_called_for(pool, number)) pthread_cond_wait(&pool->work, &pool->mutex);
  atomic_fetch_sub(&pool->sleepers, 1);
  ballast_note_activity(pool);
  pthread_mutex_unlock(&pool->mutex);
}

// Waits until every index has been run.
static void wait_for_the_others(ballast_thread_pool *pool) {
  if (poll_until(is_over, pool, 0)) return;
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->caller_sleeps, true);
  while (atomic_load(&pool->pending) != 0) pthread_cond_wait(&pool->done, &pool->mutex);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->mutex);
}

// ---------------------------------------------------------------- Running a job

// Claims and runs indices until none is left; even participants take the lowest, odd ones the highest.
// (Neighbouring indices stay with one thread, and so in its caches.)
static void take_part(ballast_thread_pool *pool, int participant) {
  uint64_t seen = atomic_load_explicit(&pool->unclaimed, memory_order_acquire);
  while (has_work(seen)) {
    uint32_t front = (uint32_t)seen, back = (uint32_t)(seen >> 32);
    bool from_back = participant & 1;
    uint64_t rest = from_back ? (uint64_t)(back - 1) << 32 | front : (uint64_t)back << 32 | (front + 1);
    if (!atomic_compare_exchange_weak_explicit(&pool->unclaimed, &seen, rest, memory_order_acquire, memory_order_acquire)) {
      pause_briefly();
      continue;
    }
    pool->body(pool->context, pool->base + (from_back ? back - 1 : front));
    if (atomic_fetch_sub(&pool->pending, 1) == 1 && atomic_load(&pool->caller_sleeps)) {
      pthread_mutex_lock(&pool->mutex);
      pthread_cond_signal(&pool->done);
      pthread_mutex_unlock(&pool->mutex);
    }
    seen = atomic_load_explicit(&pool->unclaimed, memory_order_acquire);
  }
}

static void *work(void *argument) {
  const worker self = *(const worker *)argument;
  ballast_thread_pool *pool = self.pool;
#if defined(__linux__)
  pthread_setname_np(pthread_self(), "ballast-worker");
#elif defined(__APPLE__)
  pthread_setname_np("ballast-worker");
#endif
  in_job = true;
  ballast_enter_kernel();
  while (!atomic_load(&pool->closing)) {
    if (!poll_until(is_called_for, pool, self.number)) sleep_until_called_for(pool, self.number);
    take_part(pool, self.number + 1);
  }
  return NULL;
}

// Invites `count` workers to the next job; starts those that do not exist. The system may have fewer threads to give.
static void invite_workers(ballast_thread_pool *pool, int count) {
  atomic_store(&pool->invited, count);
  if (pool->started >= count) return;
  pthread_mutex_lock(&pool->mutex);
  while (pool->started < count) {
    worker *next = &pool->workers[pool->started];
    next->pool = pool;
    next->number = pool->started;
    if (pthread_create(&next->thread, NULL, work, next) != 0) break;
    pool->started++;
  }
  ballast_note_activity(pool);
  pthread_mutex_unlock(&pool->mutex);
}

static bool acquire(ballast_thread_pool *pool) {
  return !atomic_load_explicit(&pool->busy, memory_order_relaxed)
    && !atomic_exchange_explicit(&pool->busy, true, memory_order_acquire);
}

static void run_job(ballast_thread_pool *pool, uint32_t count, size_t base, void *context,
                    void (*body)(void *context, size_t index)) {
  pool->body = body;
  pool->context = context;
  pool->base = base;
  atomic_store_explicit(&pool->pending, count, memory_order_relaxed);
  atomic_store(&pool->unclaimed, (uint64_t)count << 32);
  int sleepers = atomic_load(&pool->sleepers);
  if (sleepers > 0) {
    pthread_mutex_lock(&pool->mutex);
    // A signal might wake one that is not invited.
    if ((uint32_t)sleepers < count || atomic_load(&pool->invited) < pool->started) pthread_cond_broadcast(&pool->work);
    else for (uint32_t i = 1; i < count; i++) pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->mutex);
  }
  in_job = true;
  take_part(pool, 0);
  in_job = false;
  wait_for_the_others(pool);
}

void ballast_parallel(size_t count, void *context, void (*body)(void *context, size_t index)) {
  int threads = count > 1 && !in_job ? ballast_thread_count() : 1;
  ballast_thread_pool *pool = ballast_current_pool();
  BALLAST_KERNEL_STATE;
  if (threads == 1 || !acquire(pool)) {
    for (size_t i = 0; i < count; i++) body(context, i);
    return;
  }
  invite_workers(pool, threads - 1);
  const size_t most = UINT32_MAX;
  for (size_t base = 0; base < count; base += most) {
    run_job(pool, (uint32_t)(count - base < most ? count - base : most), base, context, body);
  }
  atomic_store_explicit(&pool->busy, false, memory_order_release);
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
