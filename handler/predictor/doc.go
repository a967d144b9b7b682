// Package predictor serves modelserving.Predictor, the API of images and scores.
// It translates messages to requests of package infer and results to messages.
package predictor
