package fleet_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sockd/sockd/fleet"
)

// listenerProcess makes this test binary a process that listens until its stdin is closed.
const listenerProcess = "SOCKD_TEST_LISTENER"

func TestMain(m *testing.M) {
	if addr := os.Getenv(listenerProcess); addr != "" {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(ln.Addr().(*net.TCPAddr).Port)
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// otherListener starts a process that listens on addr, and returns its pid and its port; 0 if it cannot.
func otherListener(t *testing.T, addr string) (pid, port int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), listenerProcess+"="+addr)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return 0, 0
	}
	port, _ = strconv.Atoi(strings.TrimSpace(line))
	return cmd.Process.Pid, port
}

func TestPortHolderFindsAnotherProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for _, addr := range []string{"127.0.0.1:0", "[::]:0"} {
		want, port := otherListener(t, addr)
		if port == 0 {
			t.Skipf("no listener on %s", addr) // a machine without IPv6
		}
		if pid, command := fleet.Holder("127.0.0.1", port); pid != want || command == "" {
			t.Errorf("%s: got pid %d (%s), want %d", addr, pid, command, want)
		}
	}
}

// Two processes share a port on different addresses: the one in the way is named.
func TestPortHolderKnowsTheAddress(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	var one, nine, port int
	for range 5 { // the second address may be taken by chance
		one, port = otherListener(t, "127.0.0.1:0")
		if nine, _ = otherListener(t, "127.0.0.9:"+strconv.Itoa(port)); nine != 0 {
			break
		}
	}
	for host, want := range map[string]int{"127.0.0.1": one, "localhost": one, "127.0.0.9": nine, "127.0.0.8": 0} {
		if pid, _ := fleet.Holder(host, port); pid != want {
			t.Errorf("%s: got pid %d, want %d", host, pid, want)
		}
	}
	if pid, _ := fleet.Holder("0.0.0.0", port); pid != one && pid != nine {
		t.Errorf("0.0.0.0: got pid %d, want %d or %d", pid, one, nine)
	}
}

func TestListenTCP(t *testing.T) {
	t.Parallel()
	first, err := fleet.ListenTCP(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	addr := first.Addr().String()
	_, err = fleet.ListenTCP(t.Context(), addr)
	if !errors.Is(err, syscall.EADDRINUSE) || err.Error() != "listen "+addr+": address already in use" {
		t.Errorf("second listener: %v", err)
	}
	if _, err := fleet.ListenTCP(t.Context(), "192.0.2.1:0"); err == nil || !strings.HasPrefix(err.Error(), "listen 192.0.2.1:0: ") {
		t.Errorf("address of another machine: %v", err)
	}
	if pid, _ := fleet.Holder("127.0.0.1", first.Addr().(*net.TCPAddr).Port); runtime.GOOS == "linux" && pid != os.Getpid() {
		t.Errorf("held by pid %d, want %d", pid, os.Getpid())
	}
	first.Close()
	if pid, _ := fleet.Holder("127.0.0.1", first.Addr().(*net.TCPAddr).Port); pid != 0 {
		t.Errorf("a free port is held by pid %d", pid)
	}
}

// 0.0.0.0 is all of IPv4: another instance may have the port on ::1.
func TestListenOnAllOfIPv4(t *testing.T) {
	t.Parallel()
	all, err := fleet.ListenTCP(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	addr := all.Addr().(*net.TCPAddr)
	if addr.IP.To4() == nil {
		t.Errorf("0.0.0.0 is bound as %s", addr)
	}
	probe, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6: %v", err)
	}
	probe.Close()
	six, err := fleet.ListenTCP(t.Context(), net.JoinHostPort("::1", strconv.Itoa(addr.Port)))
	if err != nil {
		t.Fatal(err)
	}
	six.Close()
}

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BBB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BBB 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 12346 1 0000000000000000 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0
   3: 0900007F:0BBB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 999 1 0000000000000000 100 0 0 10 0
   4: 00000000000000000000000001000000:0BBB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 888 1
   5: 0000000000000000FFFF00000B00007F:0BBB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 889 1
`

func TestListeningOn(t *testing.T) {
	t.Parallel()
	all := "[127.0.0.1 12345 127.0.0.9 999 ::1 888 127.0.0.11 889]"
	tests := []struct {
		name, host string
		port       int
		want       string
	}{
		{"exactly", "127.0.0.1", 3003, "[127.0.0.1 12345]"},
		{"localhost", "localhost", 3003, "[127.0.0.1 12345]"},
		{"its neighbour", "127.0.0.9", 3003, "[127.0.0.9 999]"},
		{"IPv4 as IPv6", "127.0.0.11", 3003, "[127.0.0.11 889]"},
		{"IPv6", "::1", 3003, "[::1 888]"},
		{"all of IPv4", "0.0.0.0", 3003, "[127.0.0.1 12345 127.0.0.9 999 127.0.0.11 889]"},
		{"all", "::", 3003, all},
		{"a name", "chat.example.org", 3003, all},
		{"one, held by all", "127.0.0.1", 22, "[0.0.0.0 777]"},
		{"IPv6, beside all of IPv4", "::1", 22, "[]"},
		{"nobody", "10.0.0.1", 3003, "[]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fmt.Sprint(fleet.ListeningOn(strings.NewReader(table), tt.host, tt.port)); got != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func FuzzListeningOn(f *testing.F) {
	f.Add(table, "127.0.0.1", 3003)
	f.Add("a b:c d 0A e f g h i j", "::", 0)
	f.Fuzz(func(t *testing.T, text, host string, port int) {
		for _, found := range fleet.ListeningOn(strings.NewReader(text), host, port) {
			addr, inode, _ := strings.Cut(found, " ")
			if _, err := netip.ParseAddr(addr); err != nil {
				t.Errorf("address %q: %v", addr, err)
			}
			if inode == "" || inode == "0" || strings.ContainsAny(inode, " \n") || !strings.Contains(text, inode) || port < 0 || port > 65535 {
				t.Errorf("inode %q of port %d", inode, port)
			}
		}
	})
}
