// Package handler has the public APIs: it validates requests, turns them into
// tensors, runs them on a leased model, and turns the outputs into answers.
//
// Predictor is the API of images and first outputs, Inference the Open Inference
// Protocol's as RPCs, and REST the same protocol as plain HTTP. Files that begin with
// infer answer a request of that protocol whatever it came over; those that begin with
// inference are its RPCs, and those that begin with rest its REST.
//
// The package declares the interfaces that it calls (Models, Repository). errors.go has
// the one table from errors to codes.
package handler
