// Package respcache caches responses of models, so that the same inputs are not computed
// twice. It decorates a Session.
//
// The cache is exact: it finds inputs by a hash, and then compares them byte by byte. It
// stores copies of inputs and outputs, up to a number of bytes for all models together,
// and evicts the least recently used. It is for deterministic models; their configuration
// enables it.
package respcache
