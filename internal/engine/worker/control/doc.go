// Package control is the protocol of the control socket between the server and one worker
// process: the handshake, and requests to load, unload and profile. Tensors do not pass
// here; package channel carries them.
//
// A message is a frame: its length in bytes (32 bits, little-endian), then JSON. Both
// sides are the same version of the program, so messages need no compatibility.
package control
