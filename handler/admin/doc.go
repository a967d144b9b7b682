// Package admin serves the part of the Open Inference Protocol that manages and describes
// a server: readiness, metadata and configuration of models, statistics, loading and
// unloading, log and trace settings, and the registration of shared memory.
//
// A [Service] has these RPCs of inference.GRPCInferenceService. Package oip embeds it,
// and package oiprest calls it and writes its answers in the protocol's JSON.
package admin
