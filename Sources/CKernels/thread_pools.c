// The life of thread pools: whose they are, how many threads they have, how they end, and what a fork leaves of them.

#include "thread_pool.h"

enum { default_polling = 200000 }; // nanoseconds

ballast_thread_pool ballast_default_pool = {
  .mutex = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER,
  .polling = default_polling
};
_Atomic int ballast_active_pools;

static ballast_thread_pool *all_pools = &ballast_default_pool;
static pthread_mutex_t all_pools_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic int default_thread_count;           // 0: not yet known
static _Thread_local ballast_thread_choice chosen; // by this thread for itself

static int clamped(int count) { return count < 1 ? 1 : count > most_threads ? most_threads : count; }

void ballast_note_activity(ballast_thread_pool *pool) {
  const bool is_active = pool->started > pool->sleepers;
  if (is_active == pool->is_active) return;
  pool->is_active = is_active;
  atomic_fetch_add(&ballast_active_pools, is_active ? 1 : -1);
}

ballast_thread_pool *ballast_current_pool(void) { return chosen.pool ? chosen.pool : &ballast_default_pool; }

// ---------------------------------------------------------------- Pools and numbers of threads

ballast_thread_pool *ballast_create_pool(int threads, int polling_microseconds) {
  ballast_thread_pool *pool = ballast_allocate(sizeof *pool);
  *pool = (ballast_thread_pool){.threads = clamped(threads),
                                .polling = polling_microseconds > 0 ? (uint64_t)polling_microseconds * 1000 : 0};
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->work, NULL);
  pthread_cond_init(&pool->done, NULL);
  pthread_mutex_lock(&all_pools_mutex);
  pool->next = all_pools;
  all_pools = pool;
  pthread_mutex_unlock(&all_pools_mutex);
  return pool;
}

void ballast_release_pool(ballast_thread_pool *pool) {
  pthread_mutex_lock(&all_pools_mutex);
  ballast_thread_pool **link = &all_pools;
  while (*link != pool) link = &(*link)->next;
  *link = pool->next;
  pthread_mutex_unlock(&all_pools_mutex);
  pthread_mutex_lock(&pool->mutex);
  atomic_store(&pool->closing, true);
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
  pool->started = 0;
  ballast_note_activity(pool);
  pthread_cond_destroy(&pool->work);
  pthread_cond_destroy(&pool->done);
  pthread_mutex_destroy(&pool->mutex);
  ballast_release(pool, sizeof *pool);
}

ballast_thread_choice ballast_use_pool(ballast_thread_pool *pool) {
  const ballast_thread_choice before = chosen;
  chosen = (ballast_thread_choice){.pool = pool};
  return before;
}

void ballast_restore_choice(ballast_thread_choice choice) { chosen = choice; }

int ballast_thread_count(void) {
  if (chosen.thread_count > 0) return chosen.thread_count;
  if (chosen.pool) return chosen.pool->threads;
  int count = atomic_load_explicit(&default_thread_count, memory_order_relaxed);
  if (count == 0) {
    count = ballast_requested_threads();
    if (count == 0) count = clamped(ballast_processor_count());
    atomic_store_explicit(&default_thread_count, count, memory_order_relaxed);
  }
  return count;
}

void ballast_set_thread_count(int count) { chosen.thread_count = clamped(count); }

// ---------------------------------------------------------------- Forks

// A child has no workers. Its pools start anew: idle, with new locks, and with new workers at their next job.

static void before_fork(void) {
  pthread_mutex_lock(&all_pools_mutex);
  for (ballast_thread_pool *pool = all_pools; pool; pool = pool->next) pthread_mutex_lock(&pool->mutex);
}

static void after_fork_in_parent(void) {
  for (ballast_thread_pool *pool = all_pools; pool; pool = pool->next) pthread_mutex_unlock(&pool->mutex);
  pthread_mutex_unlock(&all_pools_mutex);
}

static void after_fork_in_child(void) {
  for (ballast_thread_pool *pool = all_pools; pool; pool = pool->next) {
    pool->unclaimed = pool->pending = 0;
    pool->busy = pool->caller_sleeps = pool->is_active = false;
    pool->sleepers = pool->invited = pool->started = 0;
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
  }
  ballast_active_pools = 0;
  pthread_mutex_init(&all_pools_mutex, NULL);
}

__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
