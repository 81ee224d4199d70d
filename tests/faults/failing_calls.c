/* Makes system calls fail on files whose path holds FAULT_PATH: with FAULT_ERRNO, in FAULT_CALL ("open" or "read"), after
   FAULT_AFTER good ones. Loaded before the C library (LD_PRELOAD). flock fails on every file if FAULT_CALL is "flock". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/types.h>
#include <unistd.h>

static int left;

static int fails(const char *call, const char *path) {
  const char *part = getenv("FAULT_PATH"), *chosen = getenv("FAULT_CALL"), *after = getenv("FAULT_AFTER");
  static char last[64];
  char now[64];
  if (!part || !chosen || strcmp(chosen, call) || !strstr(path, part)) return 0;
  snprintf(now, sizeof now, "%s", getenv("FAULT_RUN"));
  if (strcmp(now, last)) { strcpy(last, now); left = after ? atoi(after) : 0; }
  if (left-- > 0) return 0;
  errno = atoi(getenv("FAULT_ERRNO"));
  return 1;
}

static int fails_at(const char *call, int descriptor) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return fails(call, path);
}

ssize_t read(int descriptor, void *to, size_t size) {
  static ssize_t (*next)(int, void *, size_t);
  if (!next) next = dlsym(RTLD_NEXT, "read");
  return fails_at("read", descriptor) ? -1 : next(descriptor, to, size);
}

ssize_t pread(int descriptor, void *to, size_t size, off_t place) {
  static ssize_t (*next)(int, void *, size_t, off_t);
  if (!next) next = dlsym(RTLD_NEXT, "pread");
  return fails_at("read", descriptor) ? -1 : next(descriptor, to, size, place);
}

ssize_t pread64(int descriptor, void *to, size_t size, off_t place) {
  static ssize_t (*next)(int, void *, size_t, off_t);
  if (!next) next = dlsym(RTLD_NEXT, "pread64");
  return fails_at("read", descriptor) ? -1 : next(descriptor, to, size, place);
}

static int opened(const char *name, const char *path, int flags, mode_t mode) {
  int (*next)(const char *, int, mode_t) = dlsym(RTLD_NEXT, name);
  return fails("open", path) ? -1 : next(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened("open", path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
  va_end(more);
  return opened("open64", path, flags, mode);
}

int flock(int descriptor, int operation) {
  const char *chosen = getenv("FAULT_CALL");
  int (*next)(int, int) = dlsym(RTLD_NEXT, "flock");
  if (!chosen || strcmp(chosen, "flock")) return next(descriptor, operation);
  errno = atoi(getenv("FAULT_ERRNO"));
  return -1;
}
