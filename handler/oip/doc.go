// Package oip serves the Open Inference Protocol as the RPCs of
// inference.GRPCInferenceService. It translates messages to requests of package infer
// and results to messages; package admin has the RPCs that do not run a model.
package oip
