//go:build race

package socketio_test

// The race detector allocates and makes pools forget.
const raceEnabled = true
