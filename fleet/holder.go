package fleet

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sockd/sockd/config"
)

// Holder finds the process that listens on port of host through /proc, as far as this process may look: the files of other
// users are closed to anyone but root. Several may listen on one port of different addresses: one on exactly this host comes before one
// on all of them. 0 if it is not found, or on a system without /proc. A command is the process's own name for itself and may hold any
// characters.
func Holder(host string, port int) (pid int, command string) {
	var found []listening
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		found = append(found, listeningOn(f, host, port)...)
		f.Close()
	}
	if len(found) == 0 {
		return 0, ""
	}
	slices.SortStableFunc(found, func(a, b listening) int { return cmp.Compare(a.distance(host), b.distance(host)) })
	holders := holdersOf(found)
	for _, l := range found {
		if pid := holders[l.inode]; pid != 0 {
			name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
			return pid, strings.TrimSpace(string(name))
		}
	}
	return 0, ""
}

// holdersOf returns who has which socket. It stops when the first one, the best, is found.
func holdersOf(sockets []listening) map[string]int {
	holders := make(map[string]int)
	for _, pid := range processes() {
		if inode := heldBy(pid, sockets); inode != "" && holders[inode] == 0 {
			holders[inode] = pid
			if inode == sockets[0].inode {
				break
			}
		}
	}
	return holders
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

// heldBy returns which of sockets, the best first, a process has; "" if none.
func heldBy(pid int, sockets []listening) string {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return ""
	}
	defer d.Close()
	best := len(sockets)
	names, _ := d.Readdirnames(-1) // without order and without asking what each one is
	for _, name := range names {
		target, err := os.Readlink(filepath.Join(dir, name))
		if err != nil || !strings.HasPrefix(target, "socket:[") {
			continue
		}
		inode := strings.TrimSuffix(target[len("socket:["):], "]")
		if i := slices.IndexFunc(sockets[:best], func(l listening) bool { return l.inode == inode }); i >= 0 {
			best = i
		}
	}
	if best == len(sockets) {
		return ""
	}
	return sockets[best].inode
}

// listening is one listener of the kernel's tables.
type listening struct {
	addr  netip.Addr // an IPv4 address is never written as IPv6
	inode string
}

// distance is 0 for a listener on exactly this host.
func (l listening) distance(host string) int {
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap() == l.addr {
		return 0
	}
	return 1
}

// keeps reports whether the listener keeps host from being bound. A name could mean any address.
func (l listening) keeps(host string) bool {
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !strings.EqualFold(host, "localhost") {
		return true
	}
	return config.Overlap(l.addr.String(), host)
}

// listeningOn reads the kernel's table of sockets (man 5 proc, /proc/net/tcp and tcp6) and returns those that listen on port of an
// address that overlaps with host. Lines that it does not understand are left out.
func listeningOn(r io.Reader, host string, port int) []listening {
	const (
		fieldLocal = 1
		fieldState = 3
		fieldInode = 9
		listens    = "0A"
	)
	var found []listening
	for lines := bufio.NewScanner(r); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) <= fieldInode || fields[fieldState] != listens {
			continue
		}
		local, ok := parseLocal(fields[fieldLocal])
		if !ok || int(local.Port()) != port {
			continue
		}
		l := listening{local.Addr(), fields[fieldInode]}
		if l.inode != "0" && l.keeps(host) {
			found = append(found, l)
		}
	}
	return found
}

// parseLocal reads 0100007F:0BBB, which is 127.0.0.1:3003: the address in words of the machine's own byte order, the port as a number.
func parseLocal(s string) (netip.AddrPort, bool) {
	hexAddr, hexPort, ok := strings.Cut(s, ":")
	raw, err := hex.DecodeString(hexAddr)
	port, portErr := strconv.ParseUint(hexPort, 16, 16)
	if !ok || err != nil || portErr != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for word := range slices.Chunk(raw, 4) {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), ok
}
