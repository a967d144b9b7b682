// Package channel is the data path between the server and one worker process: tensors in
// shared memory, slots for the runs in flight, and wake-ups. It starts no processes and
// has no policy. It is implemented for Linux; [Listen] and [Attach] return ErrNotSupported
// elsewhere.
//
// # Memory
//
// The control segment has a slot for each run in flight: the words that both sides wait
// for, a message of the server and a message of the worker. A message describes tensors
// (datatype, shape, where the data is) and has the data of those below 16 KiB. Larger ones
// are in segments (package shm): one for the inputs of a run, which the worker can only
// read, and one for its outputs. Segments are pooled and come to the worker once, as files
// over a socket. The worker reports outputs that do not fit, and the server replies with
// a larger segment; a session's next run has one of the right size from the start.
//
// A group is several runs in one message, for small tensors only. Its runs take one slot
// and one wake-up on each side.
//
// Inputs are copied into the segment, unless they are in Options.Inputs: segments common
// to all channels, into which the server reads messages before it knows their model. The
// worker gets such a segment at its first use, and can only read it. Outputs are copied out
// of their segment; with Options.LendBytes they stay there, and the segment belongs to the
// Result.
//
// The server's side of segments is on Go's heap: the garbage collector frees what nobody
// releases, such as the input of a caller that left (see shm/heap.go). Run keeps its inputs
// alive until the worker has answered.
//
// # Wake-ups
//
// The worker has a thread for each slot that was used, which waits for the request word
// with a futex. The server waits for the answer word with a futex too, but only for runs
// that are expected to be short, and at most 500 µs: the system call occupies a thread,
// and a P until Go's monitor thread takes it back. After that, and from the start if the
// session's last run was long, it waits for a pipe in Go's poller.
//
// # Ends
//
// A run ends with an answer, its context, or Fail. When its context is done the caller
// returns, and the slot with its segments stays occupied until the worker answered: no
// memory is reused while a worker may read or write it. Fail is called when the
// process is dead; it waits for nothing that a worker could delay.
//
// # Trust
//
// The worker runs native code on data of clients: the server trusts nothing that it
// writes. An answer is copied out of shared memory once, then parsed and checked: kinds,
// codes, lengths, offsets, shapes, datatypes, the sum of the sizes. BYTES are checked in
// their copy. What does not pass is an ErrProtocol, after which the process is killed and
// its slot is not reused. Files are sealed: neither side can change their size, and
// the worker can map those of inputs for reading only, however it opens them. A
// compromised worker can read and change all messages and outputs of its own channel, and
// lent outputs until they are released. It can read all inputs that were sent to it, and
// what is later received into the same segments of Options.Inputs, for any model.
package channel
