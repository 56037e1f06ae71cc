/*
 * Preloaded into a process, kills it with SIGKILL just before its Nth call that changes a file, or that makes a
 * change durable. KILL_AT_CALL=N says which, COUNT_CALLS_INTO=FILE has a whole run counted instead.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static int calls;

static int is_file(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* The count is written at each call: Bun leaves without running destructors. */
static void count(int number) {
  static int fd = -1;
  const char *path = getenv("COUNT_CALLS_INTO");
  char text[16];
  if (path == NULL) return;
  if (fd < 0) fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  syscall(SYS_pwrite64, fd, text, snprintf(text, sizeof text, "%d", number), 0);
}

static void call(void) {
  const char *at = getenv("KILL_AT_CALL");
  int number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
  count(number);
  if (at != NULL && number == atoi(at)) kill(getpid(), SIGKILL);
}

#define ON_FILE(type, name, parameters, ...)                         \
  type name parameters {                                             \
    static type(*real) parameters;                                   \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name);                \
    if (is_file(fd)) call();                                         \
    return real(__VA_ARGS__);                                        \
  }

#define ON_PATH(name, parameters, ...)                               \
  int name parameters {                                              \
    static int(*real) parameters;                                    \
    if (real == NULL) real = dlsym(RTLD_NEXT, #name);                \
    call();                                                          \
    return real(__VA_ARGS__);                                        \
  }

ON_FILE(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
ON_FILE(ssize_t, pwrite64, (int fd, const void *data, size_t size, off64_t at), fd, data, size, at)
ON_FILE(ssize_t, write, (int fd, const void *data, size_t size), fd, data, size)
ON_FILE(int, ftruncate, (int fd, off_t size), fd, size)
ON_FILE(int, ftruncate64, (int fd, off64_t size), fd, size)
ON_FILE(int, fsync, (int fd), fd)
ON_FILE(int, fdatasync, (int fd), fd)
ON_PATH(unlink, (const char *path), path)
ON_PATH(rename, (const char *from, const char *to), from, to)
ON_PATH(link, (const char *from, const char *to), from, to)
