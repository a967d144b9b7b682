// Package channel is the data path between the server and one worker process: tensors in
// shared memory, slots for the runs in flight, and wake-ups. It starts no processes and
// has no policy. It is implemented for Linux; [Listen] and [Attach] return ErrNotSupported
// elsewhere.
package channel
