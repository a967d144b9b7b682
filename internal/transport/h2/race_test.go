//go:build race

package h2_test

// raceDetector: memory sizes are not comparable.
const raceDetector = true
