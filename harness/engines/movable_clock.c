/* The movable clock of a lab, loaded before all else into each of its processes (LD_PRELOAD).

   The date (CLOCK_REALTIME) is as many seconds ahead of the host's as the file says that PREFECT_RUN_SURVIVAL_CLOCK
   names: eight bytes, a number. The file is mapped, so that whoever writes it moves the clock of all at once, and no
   call opens or locks anything. The monotonic clock is left alone. harness/engines/movable_clock.py builds this, and
   docs/explanation/decisions/a-movable-clock.md says why. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t none = 0;
static const volatile int64_t *ahead = &none;

/* Called as this is loaded; and in a process forked from one of another lab, once it has its own environment. */
__attribute__((constructor)) void prefect_run_survival_clock(void) {
  const char *path = getenv("PREFECT_RUN_SURVIVAL_CLOCK");
  int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  void *found = MAP_FAILED;
  if (file >= 0) {
    found = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    close(file);
  }
  ahead = found == MAP_FAILED ? &none : found;
}

int clock_gettime(clockid_t id, struct timespec *at) {
  int failed = syscall(SYS_clock_gettime, id, at);
  if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) at->tv_sec += *ahead;
  return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
  int failed = syscall(SYS_gettimeofday, at, zone);
  if (!failed) at->tv_sec += *ahead;
  return failed;
}

time_t time(time_t *at) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
  if (at) *at = now.tv_sec;
  return now.tv_sec;
}

/* What waits until a date waits by the kernel's. Where Python was built for an old glibc, its locks wait so. */
static struct timespec of_the_host(const struct timespec *until) {
  struct timespec found = *until;
  if (found.tv_sec > 1000000000) found.tv_sec -= *ahead; /* else it is of the monotonic clock */
  return found;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until) {
  int (*real)(sem_t *, const struct timespec *) = dlsym(RTLD_NEXT, "sem_timedwait");
  struct timespec hosts = of_the_host(until);
  return real(semaphore, &hosts);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until) {
  int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec hosts = of_the_host(until);
  return real(condition, mutex, &hosts);
}
