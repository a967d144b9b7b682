// A thread that executes the runs of a call, while Go waits for them as it waits for the
// network. thread_unix.go gives the reason.
#ifndef TENSORWIRE_ORT_THREAD_H
#define TENSORWIRE_ORT_THREAD_H

#include "api.h"

typedef struct tw_thread tw_thread;

// tw_start_thread starts a thread for the runs of c, which writes a byte to the file
// descriptor done at the end of each. It returns NULL when the system cannot create one.
tw_thread *tw_start_thread(tw_call *c, int done);

// tw_start_run starts one run (see tw_run) on the thread, and does not wait for it.
void tw_start_run(tw_thread *t);

// tw_wait_run waits for the end of the run, and returns its status.
OrtStatus *tw_wait_run(tw_thread *t);

// tw_stop_thread ends the idle thread, and frees t.
void tw_stop_thread(tw_thread *t);

#endif
