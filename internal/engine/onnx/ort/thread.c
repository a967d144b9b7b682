//go:build unix

#include "thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct tw_thread {
  tw_call *call;
  int done;
  pthread_t id;
  pthread_mutex_t mu;       // guards what follows
  pthread_cond_t changed;   // that state has
  enum { resting, running, stopping } state;
  OrtStatus *status;        // of the last run
};

static void *loop(void *arg) {
  tw_thread *t = arg;
  const char byte = 0;
  pthread_mutex_lock(&t->mu);
  for (;;) {
    while (t->state == resting) pthread_cond_wait(&t->changed, &t->mu);
    if (t->state == stopping) break;
    pthread_mutex_unlock(&t->mu);
    OrtStatus *status = tw_run(t->call);
    pthread_mutex_lock(&t->mu);
    t->status = status;
    t->state = resting;
    pthread_cond_signal(&t->changed);
    // Whoever reads the byte finds the lock free.
    pthread_mutex_unlock(&t->mu);
    while (write(t->done, &byte, 1) < 0 && errno == EINTR) continue;
    pthread_mutex_lock(&t->mu);
  }
  pthread_mutex_unlock(&t->mu);
  return NULL;
}

// keep_signals_out blocks the signals that are not the thread's own: Go has threads for
// them. Faults, and the clock of a profile, do reach it.
static void keep_signals_out(sigset_t *before) {
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
  sigset_t before; // a thread begins with the signals of the one that starts it
  keep_signals_out(&before);
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

void tw_begin(tw_thread *t) { set(t, running); }

OrtStatus *tw_end(tw_thread *t) {
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
