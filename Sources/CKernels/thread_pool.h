// What a thread pool holds: for threads.c, which runs its jobs, and thread_pools.c, which creates and ends it.

#ifndef BALLAST_THREAD_POOL_H
#define BALLAST_THREAD_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "runtime.h"

enum { most_threads = ballast_most_threads };

typedef struct {
  ballast_thread_pool *pool;
  int number;
  pthread_t thread;
} worker;

struct ballast_thread_pool {
  // The job. Written by the thread that holds `busy`, before it publishes `unclaimed`.
  void (*body)(void *context, size_t index);
  void *context;
  size_t base; // added to each index

  _Alignas(64) _Atomic uint64_t unclaimed; // back << 32 | front
  _Alignas(64) _Atomic uint32_t pending;   // indices that have not been run
  _Alignas(64) _Atomic bool busy;          // held by the caller whose job it is
  _Atomic bool closing;                    // workers end
  _Atomic int sleepers;                    // workers asleep, or about to be; changed under the mutex
  _Atomic bool caller_sleeps;
  _Atomic int invited;                     // workers whose number is below this one take part in the job

  pthread_mutex_t mutex;                   // guards the two conditions and what follows
  pthread_cond_t work, done;
  int started;                             // workers that exist; changed under `busy` as well
  bool is_active;                          // some worker is awake: counted in `active_pools`
  worker workers[most_threads - 1];

  int threads;                             // that jobs run on; 0: the process's default
  uint64_t polling;                        // nanoseconds that an idle thread polls for
  ballast_thread_pool *next;               // in `all_pools`
};

/// The pool of callers that have none of their own.
extern ballast_thread_pool ballast_default_pool;

/// The number of pools that have workers awake.
extern _Atomic int ballast_active_pools;

/// The pool that the calling thread uses.
ballast_thread_pool *ballast_current_pool(void);

/// Keeps ballast_active_pools in step with the pool's workers. Under the pool's mutex.
void ballast_note_activity(ballast_thread_pool *pool);

#endif
