// Package handler has the public APIs: it validates requests, turns them into
// tensors, runs them on a leased model, and turns the outputs into answers.
//
// It declares the interface that it calls (Models) and knows no HTTP: the server
// mounts what it registers. errors.go has the one table from errors to codes.
package handler
