//go:build linux && !race

package transport

import (
	"syscall"
	"unsafe"
)

// maxRaw is how many bytes are written without telling the scheduler. Copying so many takes some 20 µs; a garbage collection that wants to begin
// waits for it.
const maxRaw = 64 << 10

// readNow is read(2) on a non-blocking file, without telling Go's scheduler. That would take the processor away from a poller whose calls its
// monitor meets twice, and the monitor never sleeps for long while there are such calls: on one core, 50 clients' acknowledgements cost 8.7 µs each
// with syscall.Read and syscall.Write, and 7.6 µs so. The call must not be able to block.
func readNow(fd int, p []byte) (int, error) { return raw(syscall.SYS_READ, fd, p) }

// writeNow is write(2) likewise.
func writeNow(fd int, p []byte) (int, error) {
	if len(p) > maxRaw {
		return syscall.Write(fd, p)
	}
	return raw(syscall.SYS_WRITE, fd, p)
}

func raw(call uintptr, fd int, p []byte) (int, error) {
	n, _, e := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
