//go:build race

package main

// raceDetector reports that the race detector watches the tests, in memory of its own.
const raceDetector = true
