//go:build race

package rule_test

// The race detector allocates.
const raceEnabled = true
