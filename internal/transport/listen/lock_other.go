//go:build !(darwin || freebsd || linux || netbsd || openbsd || dragonfly)

package listen

// lockDirectory does nothing: the system has no such locks.
func lockDirectory(string) (unlock func(), err error) { return func() {}, nil }
