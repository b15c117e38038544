package service_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sockd/sockd/fleet/service"
)

// account is what a process that was given sockets tells of them.
type account struct {
	Fault     string
	Taken     map[string]string // "name addr" → the address of the listener, "" for none, or "error: …"; "busy: …" if the error is EADDRINUSE
	Again     bool              // all that were taken could be taken again after they were closed
	Unclaimed []string
	Left      []string // variables that children would see
	Inherited []int    // given sockets that they would have
}

// activated is the program that the service manager starts. Its arguments are what it takes.
func activated() error {
	var a account
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	s, err := service.Activated()
	if err != nil {
		a.Fault = err.Error()
	}
	a.Taken = make(map[string]string)
	a.Again = true
	for _, word := range os.Args[1:] {
		name, addr, _ := strings.Cut(word, " ")
		a.Taken[word] = take(s, name, addr)
		if first := a.Taken[word]; first != "" && !strings.Contains(first, ": ") {
			a.Again = a.Again && take(s, name, addr) == first
		}
	}
	s.Close() // must not matter to sockets of the service manager
	a.Unclaimed = s.Unclaimed([]string{"chat", "shop", "idle"})
	for _, v := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if _, ok := os.LookupEnv(v); ok {
			a.Left = append(a.Left, v)
		}
	}
	for fd := 3; fd < 3+n; fd++ {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
		if errno == 0 && flags&syscall.FD_CLOEXEC == 0 {
			a.Inherited = append(a.Inherited, fd)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(a)
}

func take(s *service.Sockets, name, addr string) string {
	ln, err := s.Take(name, addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "busy: " + err.Error()
	case err != nil:
		return "error: " + err.Error()
	case ln == nil:
		return ""
	}
	defer ln.Close()
	return ln.Addr().String()
}

// activate starts the program as systemd does: the sockets from descriptor 3 on, and its own pid in LISTEN_PID.
func activate(t *testing.T, sockets []*os.File, names, pid string, takes ...string) account {
	t.Helper()
	script := `LISTEN_PID=` + pid + ` exec "$0" "$@"`
	cmd := exec.Command("/bin/sh", append([]string{"-c", script, self(t)}, takes...)...)
	cmd.Env = append(os.Environ(), roleVariable+"=activated", "LISTEN_FDS="+strconv.Itoa(len(sockets)))
	if names != "" {
		cmd.Env = append(cmd.Env, "LISTEN_FDNAMES="+names)
	}
	cmd.ExtraFiles, cmd.Stderr = sockets, os.Stderr
	out, err := cmd.Output()
	must(t, err)
	var a account
	must(t, json.Unmarshal(out, &a))
	return a
}

// socket binds addr and returns a file of it and its address.
func socket(t *testing.T, addr string) (*os.File, string) {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	must(t, err)
	defer ln.Close()
	f, err := ln.(*net.TCPListener).File()
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, ln.Addr().String()
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	must(t, err)
	return p
}

func TestSocketsAreFoundByNameOrAddress(t *testing.T) {
	chat, chatAddr := socket(t, "127.0.0.1:0")
	nameless, namelessAddr := socket(t, "127.0.0.1:0")
	admin, adminAddr := socket(t, "127.0.0.1:0")
	auto, autoAddr := socket(t, "127.0.0.1:0")
	a := activate(t, []*os.File{chat, nameless, admin, auto}, "chat:sockd.socket:admin:auto", "$$",
		"chat "+chatAddr, "shop "+namelessAddr, "admin localhost:"+port(t, adminAddr), "auto 127.0.0.1:0", "none 127.0.0.1:1", "none "+chatAddr)
	want := map[string]string{
		"chat " + chatAddr: chatAddr, "shop " + namelessAddr: namelessAddr, "admin localhost:" + port(t, adminAddr): adminAddr,
		"auto 127.0.0.1:0": autoAddr, "none 127.0.0.1:1": "", "none " + chatAddr: "",
	}
	if asJSON(a.Taken) != asJSON(want) {
		t.Errorf("taken: got %v, want %v", a.Taken, want)
	}
	if !a.Again {
		t.Error("a socket could not be taken again after it was closed")
	}
	if a.Fault != "" || len(a.Unclaimed) > 0 || len(a.Left) > 0 || len(a.Inherited) > 0 {
		t.Errorf("got %+v, want no fault, nothing unclaimed, nothing left for children", a)
	}
}

func TestSocketsWithoutNamesAreFoundByAddress(t *testing.T) {
	one, oneAddr := socket(t, "127.0.0.1:0")
	six, sixAddr := socket(t, "[::1]:0")
	a := activate(t, []*os.File{one, six}, "", "$$", "chat "+oneAddr, " "+sixAddr)
	if a.Taken["chat "+oneAddr] != oneAddr || a.Taken[" "+sixAddr] != sixAddr {
		t.Errorf("taken: got %v", a.Taken)
	}
}

func TestASocketThatDoesNotFitIsSaid(t *testing.T) {
	all, allAddr := socket(t, "[::]:0")
	other, otherAddr := socket(t, "127.0.0.1:0")
	stranger, strangerAddr := socket(t, "127.0.0.1:0")
	lonely, lonelyAddr := socket(t, "127.0.0.1:0")
	idle, idleAddr := socket(t, "127.0.0.1:0")
	loopback := "chat 127.0.0.1:" + port(t, allAddr)
	a := activate(t, []*os.File{all, other, stranger, lonely, idle}, "chat:shop:what:x.socket:idle", "$$", loopback, "shop 127.0.0.1:1")
	if got, want := a.Taken[loopback], `error: listen `+loopback[5:]+`: the listener "chat" was inherited on `+allAddr+`: make the file and the socket unit agree`; got != want {
		t.Errorf("all addresses for loopback: got %q, want %q", got, want)
	}
	if got := a.Taken["shop 127.0.0.1:1"]; !strings.HasPrefix(got, "busy: ") {
		t.Errorf("another port: got %q, want one in use", got)
	}
	want := []string{
		`inherited listener "chat" on ` + allAddr + `: not asked for`,
		`inherited listener "shop" on ` + otherAddr + `: not asked for`,
		`inherited listener "what" on ` + strangerAddr + `: no instance has that name`,
		`inherited listener on ` + lonelyAddr + `: no instance has that address`,
		`inherited listener "idle" on ` + idleAddr + `: not asked for`,
	}
	if !slices.Equal(a.Unclaimed, want) {
		t.Errorf("unclaimed: got %q, want %q", a.Unclaimed, want)
	}
}

func TestSocketsOfAnotherProcessAreNotOurs(t *testing.T) {
	one, addr := socket(t, "127.0.0.1:0")
	a := activate(t, []*os.File{one}, "chat", "1", "chat "+addr)
	if a.Taken["chat "+addr] != "" || len(a.Left) > 0 {
		t.Errorf("got %+v, want nothing taken and no variable left", a)
	}
}

func TestWhatIsNoListenerIsSaid(t *testing.T) {
	packets, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, err)
	defer packets.Close()
	f, err := packets.File()
	must(t, err)
	defer f.Close()
	unix, err := net.ListenUnix("unix", &net.UnixAddr{Name: t.TempDir() + "/u", Net: "unix"})
	must(t, err)
	defer unix.Close()
	u, err := unix.File()
	must(t, err)
	defer u.Close()
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	good, addr := socket(t, "127.0.0.1:0")
	a := activate(t, []*os.File{f, u, null, good}, "udp:unix:null:chat", "$$", "chat "+addr)
	want := "socket \"udp\" of the service manager: not a listener\n" +
		"socket \"unix\" of the service manager: a unix listener, not tcp\n" +
		"socket \"null\" of the service manager: not a listener"
	if a.Fault != want || a.Taken["chat "+addr] != addr {
		t.Errorf("got %+v, want the fault %q and chat taken", a, want)
	}
}

func TestAnAddressThatIsNone(t *testing.T) {
	s := &service.Sockets{}
	for _, addr := range []string{"", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"} {
		if ln, err := s.Take("chat", addr); err == nil || ln != nil {
			t.Errorf("%q: got %v, %v, want an error", addr, ln, err)
		}
	}
	var none *service.Sockets
	if ln, err := none.Take("chat", "127.0.0.1:1"); ln != nil || err != nil {
		t.Errorf("no set: got %v, %v, want nothing", ln, err)
	}
}
