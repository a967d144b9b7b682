// Package wire has what every transport needs to read requests and write responses, each
// once: bounded body reading into pooled buffers, the message limit and its error, the
// compression codecs, and the names of header fields. The framing of messages is in the
// package envelope below it.
//
// A declared length is not trusted: ReadMessage and ReadBody allocate at most 1 MiB before
// any byte has arrived, and then at most 32 times what has arrived. Reserving memory for a
// message is not done here, but in package admission.
package wire
