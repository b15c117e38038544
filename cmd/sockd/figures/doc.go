// Package figures measures, from outside, what the daemon costs: idle instances, idle clients, and one edit among many instances. Its benchmarks
// start the real binary as a process of its own, so that the figures hold nothing of the load generator.
//
//	go test -run '^$' -bench . ./cmd/sockd/figures
//
// The tests of the package hold the same daemon to what must be independent of size (threads and goroutines).
package figures
