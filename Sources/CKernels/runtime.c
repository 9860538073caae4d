// Start-up: the environment, the instruction set, and the breadcrumb.

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

const ballast_kernel_table *ballast_kernels;
_Thread_local const ballast_kernel_table *ballast_chosen_kernels;

// ---------------------------------------------------------------- Instruction sets

typedef struct {
  const char *name;
  const ballast_kernel_table *table;
} variant;

// From worst to best.
static const variant variants[] = {
  {"baseline", &ballast_kernels_baseline},
#if defined(__x86_64__)
  {"avx2", &ballast_kernels_avx2},
  {"avx512", &ballast_kernels_avx512},
#endif
};
enum { variant_count = sizeof variants / sizeof *variants };

// Whether this processor and its operating system run the variant.
static bool is_supported(const variant *candidate) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
    && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  if (candidate->table == &ballast_kernels_avx2) return avx2;
  if (candidate->table == &ballast_kernels_avx512) {
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
      && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  }
#endif
  return candidate->table == &ballast_kernels_baseline;
}

static const variant *find_variant(const char *name) {
  for (int i = 0; i < variant_count; i++) {
    if (strcmp(variants[i].name, name) == 0) return &variants[i];
  }
  return NULL;
}

const char *ballast_instruction_set(void) {
  const ballast_kernel_table *table = ballast_current_kernels();
  for (int i = 0; i < variant_count; i++) {
    if (variants[i].table == table) return variants[i].name;
  }
  return "baseline";
}

bool ballast_select_instruction_set(const char *name) {
  const variant *chosen = find_variant(name);
  if (!chosen || !is_supported(chosen)) return false;
  ballast_chosen_kernels = chosen->table;
  return true;
}

// ---------------------------------------------------------------- Environment

static char environment_error[512];
static int requested_threads;

// The number that text is, if it is 1...64 in decimal digits; else 0.
static int parse_thread_count(const char *text) {
  size_t length = strlen(text);
  if (length < 1 || length > 2) return 0;
  for (size_t i = 0; i < length; i++) {
    if (!isdigit((unsigned char)text[i])) return 0;
  }
  int count = atoi(text);
  return count <= 64 ? count : 0;
}

bool ballast_check_environment(const char *kernels, const char *threads, char *message, size_t capacity) {
  message[0] = 0;
  size_t used = 0;
  if (kernels) {
    const variant *chosen = find_variant(kernels);
    if (!chosen) {
      snprintf(message, capacity, "BALLAST_KERNELS is \"%.40s\", which is no instruction set: "
               "set it to baseline, avx2 or avx512, or unset it to get the best one.", kernels);
    } else if (!is_supported(chosen)) {
      snprintf(message, capacity, "BALLAST_KERNELS is \"%s\", which this processor lacks: unset it to get the best one "
               "that it has.", kernels);
    }
    used = strlen(message);
  }
  if (threads && !parse_thread_count(threads)) {
    snprintf(message + used, capacity - used, "%sBALLAST_THREADS is \"%.40s\": set it to a whole number from 1 to 64, "
             "or unset it to use every processor.", used ? " " : "", threads);
  }
  return message[0] == 0;
}

static const ballast_kernel_table *best_kernels;
static atomic_bool is_reported; // or asked about
static pthread_once_t start_once = PTHREAD_ONCE_INIT;

static void start(void) {
  for (int i = 0; i < variant_count; i++) {
    if (is_supported(&variants[i])) best_kernels = variants[i].table;
  }
  const char *kernels = getenv("BALLAST_KERNELS"), *threads = getenv("BALLAST_THREADS");
  if (kernels && !*kernels) kernels = NULL; // set but empty counts as unset
  if (threads && !*threads) threads = NULL;
  if (ballast_check_environment(kernels, threads, environment_error, sizeof environment_error)) {
    const variant *chosen = kernels ? find_variant(kernels) : NULL;
    if (chosen) best_kernels = chosen->table;
    if (threads) requested_threads = parse_thread_count(threads);
  }
}

const char *ballast_environment_error(void) {
  pthread_once(&start_once, start);
  atomic_store(&is_reported, true);
  return environment_error[0] ? environment_error : NULL;
}

static void start_and_report(void) {
  pthread_once(&start_once, start);
  if (environment_error[0] && !atomic_exchange(&is_reported, true)) {
    fprintf(stderr, "Ballast: %s Until then, neither variable has an effect.\n", environment_error);
  }
}

const ballast_kernel_table *ballast_first_kernels(void) {
  start_and_report();
  __atomic_store_n(&ballast_kernels, best_kernels, __ATOMIC_RELEASE);
  return best_kernels;
}

int ballast_requested_threads(void) {
  start_and_report();
  return requested_threads;
}

// ---------------------------------------------------------------- Breadcrumb

static _Thread_local void *breadcrumb;

void *ballast_breadcrumb(void) { return breadcrumb; }
void ballast_set_breadcrumb(void *crumb) { breadcrumb = crumb; }
