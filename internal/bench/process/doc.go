// Package process runs the servers that are measured, each in a process of its own, and
// says what they cost.
package process
