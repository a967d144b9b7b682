// Package predictor serves modelserving.Predictor, the API of images and first outputs.
// It translates messages to requests of package infer and results to messages.
package predictor
