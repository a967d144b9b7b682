// Package respcache keeps answers of models, so that the same inputs are not computed
// twice. It decorates a Session.
//
// The cache is exact: inputs are found by a hash, and then compared byte by byte. It
// holds copies of inputs and outputs, up to a number of bytes for all models together,
// and drops what was used longest ago. It is for models that give the same outputs for
// the same inputs; which those are, their configuration says.
package respcache
