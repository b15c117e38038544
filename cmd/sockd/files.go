package main

import (
	"fmt"
	"syscall"
)

// mostFiles caps the limit of open files: nbio keeps a table of that many pointers, and some containers allow a billion.
const mostFiles = 1 << 20

// raiseFileLimit lifts the soft limit of open files to the hard one, at most to [mostFiles], and returns it. The Go
// runtime has usually done so before; a limit that it set is not inherited by worker processes, one that is set here is,
// so nothing is set without need.
func raiseFileLimit() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	want := min(limit.Max, mostFiles)
	if limit.Cur == want {
		return int(want), nil
	}
	limit.Cur = want
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(want), nil
}
