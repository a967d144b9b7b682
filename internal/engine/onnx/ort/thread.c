//go:build unix

#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef __linux__
#include <stdint.h>
#include <sys/syscall.h>
#endif

struct tw_thread {
  tw_call *call;
  int done;
  pthread_t id;
  pthread_mutex_t mu;       // guards the fields below
  pthread_cond_t changed;   // signals a new state
  enum { idle, running, stopping } state;
  OrtStatus *status;        // of the last run
};

// lengthen_time_slice makes the thread's time slice longer than that of other threads. Its
// share of the core stays the same. Linux lets a thread that wakes preempt one with a
// longer slice (EEVDF with per-thread slices, since 6.12). So new requests do not wait for
// a slice to end, and two long runs on one core preempt each other less often. Without
// support by the system it does nothing.
static void lengthen_time_slice(void) {
#if defined(__linux__) && defined(SYS_sched_getattr) && defined(SYS_sched_setattr)
  enum { other = 0, batch = 3 }; // SCHED_OTHER and SCHED_BATCH: other policies have no slices
  const uint64_t slice = 20 * 1000 * 1000; // ns; the default is 1 to 3 ms, the maximum 100 ms
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } attributes; // struct sched_attr in its first version, which not every C library declares
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != other && attributes.policy != batch) return;
  attributes.runtime = slice;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
#endif
}

static void *loop(void *arg) {
  tw_thread *t = arg;
  const char byte = 0;
  lengthen_time_slice();
  pthread_mutex_lock(&t->mu);
  for (;;) {
    while (t->state == idle) pthread_cond_wait(&t->changed, &t->mu);
    if (t->state == stopping) break;
    pthread_mutex_unlock(&t->mu);
    OrtStatus *status = tw_run(t->call);
    pthread_mutex_lock(&t->mu);
    t->status = status;
    t->state = idle;
    pthread_cond_signal(&t->changed);
    // The reader of the byte must not wait for the lock.
    pthread_mutex_unlock(&t->mu);
    while (write(t->done, &byte, 1) < 0 && errno == EINTR) continue;
    pthread_mutex_lock(&t->mu);
  }
  pthread_mutex_unlock(&t->mu);
  return NULL;
}

// block_signals blocks asynchronous signals, which Go's own threads handle. Faults and
// the profiler's timer still reach the thread.
static void block_signals(sigset_t *before) {
  const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGPROF};
  sigset_t others;
  sigfillset(&others);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(&others, own[i]);
  pthread_sigmask(SIG_SETMASK, &others, before);
}

tw_thread *tw_start_thread(tw_call *c, int done) {
  tw_thread *t = calloc(1, sizeof *t);
  if (t == NULL) return NULL;
  t->call = c;
  t->done = done;
  pthread_mutex_init(&t->mu, NULL);
  pthread_cond_init(&t->changed, NULL);
  sigset_t before; // a new thread inherits the signal mask of its creator
  block_signals(&before);
  int failed = pthread_create(&t->id, NULL, loop, t);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed == 0) return t;
  free(t);
  return NULL;
}

static void set(tw_thread *t, int state) {
  pthread_mutex_lock(&t->mu);
  t->state = state;
  pthread_cond_signal(&t->changed);
  pthread_mutex_unlock(&t->mu);
}

void tw_start_run(tw_thread *t) { set(t, running); }

OrtStatus *tw_wait_run(tw_thread *t) {
  pthread_mutex_lock(&t->mu);
  while (t->state == running) pthread_cond_wait(&t->changed, &t->mu);
  OrtStatus *status = t->status;
  t->status = NULL;
  pthread_mutex_unlock(&t->mu);
  return status;
}

void tw_stop_thread(tw_thread *t) {
  set(t, stopping);
  pthread_join(t->id, NULL);
  pthread_cond_destroy(&t->changed);
  pthread_mutex_destroy(&t->mu);
  free(t);
}
