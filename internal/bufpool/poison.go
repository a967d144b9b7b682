//go:build !race

package bufpool

// poison does nothing in the product. Tests under the race detector overwrite what is
// given back, so that who still looks at it sees nonsense.
func poison([]byte) {}
