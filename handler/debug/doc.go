// Package debug serves the profiles of the server's process and of its workers, for operators:
//
//	/debug/pprof/{profile}               of the server
//	/debug/workers                       the workers, as JSON
//	/debug/workers/{pid}/pprof/{profile} of a worker
//
// A profile is cpu, for ?seconds=, or one of runtime/pprof, such as goroutine or heap, in
// pprof's format, or as text with ?debug=1; goroutine with ?debug=2 has the stacks. The
// profile named profile is cpu too, as in net/http/pprof, which this package does not import:
// it would add its pages to http.DefaultServeMux of a program that embeds the server.
//
// Requests of web pages are rejected: by Host, Origin and Sec-Fetch-Site.
//
// The package does not authenticate. The pages belong behind [server.Authorize], on an address that
// only operators reach.
package debug
