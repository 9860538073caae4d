// What the processor offers: how many of them the process may use, by its affinity and the quota of its control groups, and
// how large their caches are.

#if defined(__linux__)
#define _GNU_SOURCE
#include <sched.h>
#endif
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"
#include "tuning.h"

// ---------------------------------------------------------------- Control groups

// Reads the first line of directory/name into `line`, without its end. Returns false if there is no such file.
static bool read_line(const char *directory, const char *name, char *line, int capacity) {
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path) return false;
  FILE *file = fopen(path, "r");
  if (!file) return false;
  bool is_read = fgets(line, capacity, file) != NULL;
  fclose(file);
  if (is_read) line[strcspn(line, "\n")] = 0;
  return is_read;
}

// The processors that one group allows, rounded up; 0 if it sets no limit.
static int group_limit(const char *directory) {
  char line[64];
  long quota = 0, period = 0;
  if (read_line(directory, "cpu.max", line, sizeof line)) { // version 2: "max 100000" or "150000 100000"
    if (sscanf(line, "%ld %ld", &quota, &period) != 2) return 0;
  } else {                                                  // version 1: a quota of -1 is none
    if (!read_line(directory, "cpu.cfs_quota_us", line, sizeof line)) return 0;
    quota = atol(line);
    if (!read_line(directory, "cpu.cfs_period_us", line, sizeof line)) return 0;
    period = atol(line);
  }
  if (quota <= 0 || period <= 0) return 0;
  long processors = quota / period + (quota % period != 0);
  return processors < INT_MAX ? (int)processors : INT_MAX;
}

static int smaller_limit(int a, int b) { return a == 0 || (b > 0 && b < a) ? b : a; }

// The smallest limit from the group up to the mount. (In a container the group's path may be the host's: the folders
// that do not exist here are skipped.)
static int smallest_limit(const char *mount, const char *group) {
  char directory[PATH_MAX];
  if (snprintf(directory, sizeof directory, "%s%s", mount, group) >= (int)sizeof directory) return 0;
  int limit = 0;
  for (;;) {
    limit = smaller_limit(limit, group_limit(directory));
    char *last = strrchr(directory, '/');
    if (strlen(directory) <= strlen(mount) || !last) return limit;
    *last = 0;
  }
}

// Whether a list of controllers such as "cpu,cpuacct" holds "cpu".
static bool lists_cpu(const char *controllers) {
  for (const char *at = controllers; *at; at += strcspn(at, ","), at += *at == ',') {
    if (strcspn(at, ",") == 3 && strncmp(at, "cpu", 3) == 0) return true;
  }
  return false;
}

int ballast_quota_processors(const char *root) {
  char path[PATH_MAX], line[PATH_MAX], mount[PATH_MAX + 64];
  if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path) return 0;
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  int limit = 0;
  while (fgets(line, sizeof line, file)) { // "number:controllers:group", no controllers in version 2
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group) continue;
    *controllers++ = 0;
    *group++ = 0;
    if (*controllers && !lists_cpu(controllers)) continue;
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, *controllers ? "/cpu" : "");
    limit = smaller_limit(limit, smallest_limit(mount, strcmp(group, "/") == 0 ? "" : group));
  }
  fclose(file);
  return limit;
}

// ---------------------------------------------------------------- All in all

static int affine_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : (int)count;
}

int ballast_processor_count(void) {
  static _Atomic int known; // 0: not yet
  if (known == 0) known = smaller_limit(affine_processors(), ballast_quota_processors(""));
  return known;
}

// ---------------------------------------------------------------- Caches

#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif

// Bytes of a core's second-level cache; 0 if the system does not tell.
static size_t second_level_cache(void) {
#if defined(__APPLE__)
  int64_t bytes = 0, cores = 1;
  size_t size = sizeof bytes;
  if (sysctlbyname("hw.perflevel0.l2cachesize", &bytes, &size, NULL, 0) != 0) return 0;
  size = sizeof cores;
  if (sysctlbyname("hw.perflevel0.cpusperl2", &cores, &size, NULL, 0) != 0 || cores < 1) cores = 1;
  return (size_t)(bytes / cores);
#elif defined(_SC_LEVEL2_CACHE_SIZE)
  long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? (size_t)bytes : 0;
#else
  return 0;
#endif
}

size_t ballast_tile_bytes(void) {
  static _Atomic size_t known; // 0: not yet
  if (known == 0) {
    size_t cache = second_level_cache();
    if (cache < smallest_cache || cache > largest_cache) cache = usual_cache;
    known = cache / tile_share_of_cache;
  }
  return known;
}
