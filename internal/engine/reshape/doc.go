// Package reshape presents the inputs and outputs of a model with other shapes than its
// own, as reshape in Triton's configuration does. It is a decorator of an engine.Session
// that changes the shapes of tensors and never copies or moves their elements.
package reshape
