package transport

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// closeLoopsOnExec marks every epoll and event file of this process close-on-exec: nbio makes its own without the mark and hides their
// numbers. ForkLock is held by the caller.
func closeLoopsOnExec() {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return
	}
	for _, e := range entries {
		kind, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(kind, "anon_inode:[event") {
			continue
		}
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			syscall.CloseOnExec(fd)
		}
	}
}
