// Package tensorwire embeds the Tensorwire model server in a Go program: ONNX models
// over Connect, gRPC, gRPC-Web, REST (Open Inference Protocol) and a web page.
//
// [New] builds a server and begins to load the models. Then there are two ways to serve:
//
//   - [Server.ListenAndServe] or [Server.Serve]: the server owns its connections. It
//     speaks HTTP/1.1, HTTP/2 with TLS and without, and uses Tensorwire's own HTTP/2
//     implementation, which is the fastest way.
//   - [Server.Handler] in an http.Server of the program, which owns the connections. gRPC
//     needs HTTP/2: without TLS, enable it with http.Protocols.SetUnencryptedHTTP2.
//
// The page is built by `make build` and is not in the module that `go get` downloads. The
// path / then answers 503; all APIs work.
//
// The program needs cgo, and ONNX Runtime's shared library at run time: see
// [Options.OnnxRuntimeLibrary].
//
// A program calls [RunWorker] first thing in main, so that its servers can start it again
// as a worker process.
//
// Several servers in a process share ONNX Runtime and Go's heap.
package tensorwire
