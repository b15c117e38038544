package worker

import (
	"syscall"
	"unsafe"
)

// leaderAttr makes a process the leader of a group of its own that the kernel kills with the thread that forked it.
func leaderAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

const (
	onePID   = 1          // P_PID
	exited   = 4          // WEXITED
	noReap   = 0x01000000 // WNOWAIT
	infoSize = 128        // siginfo_t
)

// wait blocks the thread until the process has ended, kills its group, and only then gives the number of both back.
func (c *child) wait() error {
	var info [infoSize / 8]uint64
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, onePID, uintptr(c.PID()), uintptr(unsafe.Pointer(&info)), exited|noReap, 0, 0)
		if errno != syscall.EINTR {
			break
		}
	}
	c.clear()
	return c.cmd.Wait()
}
