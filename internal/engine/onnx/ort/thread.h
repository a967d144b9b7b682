// A thread that makes the runs of a call, while Go waits for them as it waits for the
// network. thread_unix.go says why.
#ifndef TENSORWIRE_ORT_THREAD_H
#define TENSORWIRE_ORT_THREAD_H

#include "api.h"

typedef struct tw_thread tw_thread;

// tw_start_thread starts a thread for the runs of c, which writes a byte to the file
// done at the end of each. It returns NULL where the system gives none.
tw_thread *tw_start_thread(tw_call *c, int done);

// tw_begin has the thread make one run, which tw_run says, and does not wait for it.
void tw_begin(tw_thread *t);

// tw_end waits for the end of the run, and returns its status.
OrtStatus *tw_end(tw_thread *t);

// tw_stop_thread ends the thread, which makes no run, and frees t.
void tw_stop_thread(tw_thread *t);

#endif
