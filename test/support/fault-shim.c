/*
 * Preloaded into a process, makes one of the calls fail that change a file or make a change durable. Only files and
 * names below FAULT_UNDER count.
 *
 *   FAULT_LIST=FILE  a line a call is appended: its kind, its bytes, its path
 *   FAULT_LOG=FILE   each call that succeeded is appended with its bytes, to be replayed
 *   FAULT_AT=N       the Nth call, from 1, meets FAULT_MODE:
 *     kill    the process dies by SIGKILL just before it
 *     eio     it fails with EIO
 *     enospc  it fails with ENOSPC
 *     short   a write writes half of its bytes and says so
 *     torn    a write writes half of its bytes, in whole sectors where there are some, and the process dies
 *     full    it and every later call that needs room fail with ENOSPC
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { WRITE, SYNC, TRUNCATE, UNLINK, RENAME, LINK, CREATE, MKDIR };
static const char *const NAMES[] = {"write", "sync", "truncate", "unlink", "rename", "link", "create", "mkdir"};
enum outcome { GO_ON, FAIL, HALVE };

static int calls;

static int raw_open(const char *path) {
  return (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

static int is_below(const char *path) {
  const char *under = getenv("FAULT_UNDER");
  size_t size = under == NULL ? 0 : strlen(under);
  return under == NULL || (strncmp(path, under, size) == 0 && (path[size] == '/' || path[size] == 0));
}

/* The path of an open file; false for what is no file, or not one of those that count. */
static int path_of(int fd, char *path) {
  struct stat status;
  char link[64];
  ssize_t size;
  if (fstat(fd, &status) != 0 || !(S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  size = readlink(link, path, PATH_MAX - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return is_below(path);
}

/* A path made absolute, without looking at what is there. */
static int full_path(int folder, const char *path, char *full) {
  char link[64];
  ssize_t size;
  if (path[0] == '/') {
    snprintf(full, PATH_MAX, "%s", path);
    return is_below(full);
  }
  if (folder == AT_FDCWD) {
    if (getcwd(full, PATH_MAX) == NULL) return 0;
    size = (ssize_t)strlen(full);
  } else {
    snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    size = readlink(link, full, PATH_MAX - 1);
    if (size < 0) return 0;
  }
  snprintf(full + size, (size_t)(PATH_MAX - size), "/%s", path);
  return is_below(full);
}

static void log_call(enum kind kind, const char *path, int64_t at, const void *data, size_t size) {
  static int fd = -1;
  const char *into = getenv("FAULT_LOG");
  uint64_t head[4];
  struct iovec parts[3];
  if (into == NULL) return;
  if (fd < 0) fd = raw_open(into);
  head[0] = (uint64_t)kind;
  head[1] = strlen(path);
  head[2] = (uint64_t)at;
  head[3] = size;
  parts[0].iov_base = head, parts[0].iov_len = sizeof head;
  parts[1].iov_base = (void *)path, parts[1].iov_len = head[1];
  parts[2].iov_base = (void *)data, parts[2].iov_len = size;
  syscall(SYS_writev, fd, parts, 3);
}

static enum outcome meet(enum kind kind, const char *path, size_t size) {
  const char *at = getenv("FAULT_AT"), *mode = getenv("FAULT_MODE"), *list = getenv("FAULT_LIST");
  int number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  int needs_room = kind == WRITE || kind == TRUNCATE || kind == CREATE || kind == MKDIR || kind == LINK;
  if (list != NULL) {
    static int fd = -1;
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%s %zu %s\n", NAMES[kind], size, path);
    if (fd < 0) fd = raw_open(list);
    syscall(SYS_write, fd, line, length);
  }
  if (at == NULL || mode == NULL) return GO_ON;
  if (strcmp(mode, "full") == 0) {
    if (number < atoi(at) || !needs_room) return GO_ON;
    errno = ENOSPC;
    return FAIL;
  }
  if (number != atoi(at)) return GO_ON;
  if (strcmp(mode, "kill") == 0) kill(getpid(), SIGKILL);
  if (strcmp(mode, "short") == 0 || strcmp(mode, "torn") == 0) return kind == WRITE && size > 1 ? HALVE : GO_ON;
  errno = strcmp(mode, "eio") == 0 ? EIO : ENOSPC;
  return FAIL;
}

static size_t half(size_t size) {
  return size >= 1024 ? size / 2 / 512 * 512 : size / 2;
}

static void die_if_torn(void) {
  if (strcmp(getenv("FAULT_MODE"), "torn") == 0) kill(getpid(), SIGKILL);
}

#define REAL(type, name, parameters)                                     \
  static type(*real) parameters;                                         \
  if (real == NULL) real = dlsym(RTLD_NEXT, #name)

#define PWRITE(name, offset)                                             \
  ssize_t name(int fd, const void *data, size_t size, offset at) {       \
    REAL(ssize_t, name, (int, const void *, size_t, offset));            \
    char path[PATH_MAX];                                                 \
    ssize_t done;                                                        \
    if (!path_of(fd, path)) return real(fd, data, size, at);             \
    switch (meet(WRITE, path, size)) {                                   \
      case FAIL: return -1;                                              \
      case HALVE:                                                        \
        done = real(fd, data, half(size), at);                           \
        die_if_torn();                                                   \
        return done;                                                     \
      default: break;                                                    \
    }                                                                    \
    done = real(fd, data, size, at);                                     \
    if (done > 0) log_call(WRITE, path, at, data, (size_t)done);         \
    return done;                                                         \
  }

PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
  REAL(ssize_t, write, (int, const void *, size_t));
  char path[PATH_MAX];
  ssize_t done;
  if (!path_of(fd, path)) return real(fd, data, size);
  switch (meet(WRITE, path, size)) {
    case FAIL: return -1;
    case HALVE:
      done = real(fd, data, half(size));
      die_if_torn();
      return done;
    default: break;
  }
  done = real(fd, data, size);
  if (done > 0) log_call(WRITE, path, lseek(fd, 0, SEEK_CUR) - done, data, (size_t)done);
  return done;
}

#define ON_FILE(kind, name, parameters, at, ...)                         \
  int name parameters {                                                  \
    REAL(int, name, parameters);                                         \
    char path[PATH_MAX];                                                 \
    int result;                                                          \
    if (!path_of(fd, path)) return real(__VA_ARGS__);                    \
    if (meet(kind, path, 0) == FAIL) return -1;                          \
    result = real(__VA_ARGS__);                                          \
    if (result == 0) log_call(kind, path, at, NULL, 0);                  \
    return result;                                                       \
  }

ON_FILE(TRUNCATE, ftruncate, (int fd, off_t size), size, fd, size)
ON_FILE(TRUNCATE, ftruncate64, (int fd, off64_t size), size, fd, size)
ON_FILE(SYNC, fsync, (int fd), 0, fd)
ON_FILE(SYNC, fdatasync, (int fd), 0, fd)

#define ON_PATH(kind, name, parameters, folder, other, ...)              \
  int name parameters {                                                  \
    REAL(int, name, parameters);                                         \
    char full[PATH_MAX];                                                 \
    int result;                                                          \
    if (!full_path(folder, path, full)) return real(__VA_ARGS__);        \
    if (meet(kind, full, 0) == FAIL) return -1;                          \
    result = real(__VA_ARGS__);                                          \
    if (result == 0) log_call(kind, full, 0, other, strlen(other));      \
    return result;                                                       \
  }

ON_PATH(UNLINK, unlink, (const char *path), AT_FDCWD, "", path)
ON_PATH(UNLINK, unlinkat, (int at, const char *path, int flags), at, "", at, path, flags)
ON_PATH(RENAME, rename, (const char *path, const char *to), AT_FDCWD, to, path, to)
ON_PATH(RENAME, renameat, (int at, const char *path, int to_at, const char *to), at, to, at, path, to_at, to)
ON_PATH(LINK, link, (const char *path, const char *to), AT_FDCWD, to, path, to)
ON_PATH(LINK, linkat, (int at, const char *path, int to_at, const char *to, int flags), at, to, at, path, to_at, to, flags)
ON_PATH(MKDIR, mkdir, (const char *path, mode_t mode), AT_FDCWD, "", path, mode)
ON_PATH(MKDIR, mkdirat, (int at, const char *path, mode_t mode), at, "", at, path, mode)

/* An open that makes a file; all others change nothing. */
static int meets_create(int folder, const char *path, int flags, char *full) {
  if ((flags & O_CREAT) == 0 || !full_path(folder, path, full)) return 0;
  return faccessat(folder, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

#define MODE_OF(flags)                                                   \
  mode_t mode = 0;                                                       \
  if ((flags) & (O_CREAT | O_TMPFILE)) {                                 \
    va_list rest;                                                        \
    va_start(rest, flags);                                               \
    mode = va_arg(rest, mode_t);                                         \
    va_end(rest);                                                        \
  }

#define ON_OPEN(name)                                                    \
  int name(const char *path, int flags, ...) {                           \
    REAL(int, name, (const char *, int, ...));                           \
    MODE_OF(flags)                                                       \
    char full[PATH_MAX];                                                 \
    int is_new = meets_create(AT_FDCWD, path, flags, full);              \
    if (is_new && meet(CREATE, full, 0) == FAIL) return -1;              \
    int fd = real(path, flags, mode);                                    \
    if (is_new && fd >= 0) log_call(CREATE, full, 0, NULL, 0);           \
    return fd;                                                           \
  }

ON_OPEN(open)
ON_OPEN(open64)

int openat(int folder, const char *path, int flags, ...) {
  REAL(int, openat, (int, const char *, int, ...));
  MODE_OF(flags)
  char full[PATH_MAX];
  int is_new = meets_create(folder, path, flags, full);
  if (is_new && meet(CREATE, full, 0) == FAIL) return -1;
  int fd = real(folder, path, flags, mode);
  if (is_new && fd >= 0) log_call(CREATE, full, 0, NULL, 0);
  return fd;
}
