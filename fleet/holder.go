package fleet

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// portHolder finds the process that listens on port through /proc, as far as this process may look: the files of other
// users are closed to anyone but root. 0 if it is not found, or on a system without /proc. A command is the process's own
// name for itself and may hold any characters.
func portHolder(port int) (pid int, command string) {
	var inodes []string
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		inodes = append(inodes, listeningInodes(f, port)...)
		f.Close()
	}
	if len(inodes) == 0 {
		return 0, ""
	}
	for _, pid := range processes() {
		if holdsSocket(pid, inodes) {
			name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
			return pid, strings.TrimSpace(string(name))
		}
	}
	return 0, ""
}

// processes lists all but this one, and this one last: it has the most files, and is the least likely.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	self := os.Getpid()
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid != self {
			pids = append(pids, pid)
		}
	}
	return append(pids, self)
}

func holdsSocket(pid int, inodes []string) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // without order and without asking what each one is
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(target, "socket:[") {
			continue
		}
		if slices.Contains(inodes, strings.TrimSuffix(target[len("socket:["):], "]")) {
			return true
		}
	}
	return false
}

// listeningInodes reads the kernel's table of sockets (man 5 proc, /proc/net/tcp) and returns the inodes of those that
// listen on port. Lines that it does not understand are left out.
func listeningInodes(r io.Reader, port int) []string {
	const (
		fieldLocal = 1
		fieldState = 3
		fieldInode = 9
		listening  = "0A"
	)
	var inodes []string
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= fieldInode || fields[fieldState] != listening {
			continue
		}
		_, hexPort, ok := strings.Cut(fields[fieldLocal], ":")
		raw, err := hex.DecodeString(hexPort)
		if !ok || err != nil || len(raw) != 2 || int(binary.BigEndian.Uint16(raw)) != port {
			continue
		}
		if inode := fields[fieldInode]; inode != "0" {
			inodes = append(inodes, inode)
		}
	}
	return inodes
}
