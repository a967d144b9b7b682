//go:build !linux

package children

// ReapOrphans does nothing: only Linux has processes other than the first that get such children.
func ReapOrphans() (stop func()) { return func() {} }
