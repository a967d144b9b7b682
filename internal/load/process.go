package load

// Process measures a process and its descendants, together the process tree. It is a
// [Clock].
type Process struct {
	PID int
	// Alone leaves the descendants out, for a process that measures itself and has
	// started the server.
	Alone bool
}
