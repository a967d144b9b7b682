// Package errcode carries the errors of package engine between the server and a worker
// process: a code for the sentinel, and the text. Both sides have the same version of the
// program, so the codes need no compatibility.
//
// The package is a leaf above package engine, and its functions are safe for concurrent use.
package errcode
