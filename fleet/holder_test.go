package fleet_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
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

func TestPortHolderFindsAnotherProcess(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	for _, addr := range []string{"127.0.0.1:0", "[::]:0"} {
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
		defer cmd.Wait()
		defer stdin.Close()
		line, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil {
			t.Skipf("no listener on %s: %v", addr, err) // a machine without IPv6
		}
		port, _ := strconv.Atoi(strings.TrimSpace(line))
		pid, command := fleet.PortHolder(port)
		if pid != cmd.Process.Pid || command == "" {
			t.Errorf("%s: got pid %d (%s), want %d", addr, pid, command, cmd.Process.Pid)
		}
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
	if pid, _ := fleet.PortHolder(first.Addr().(*net.TCPAddr).Port); runtime.GOOS == "linux" && pid != os.Getpid() {
		t.Errorf("held by pid %d, want %d", pid, os.Getpid())
	}
	first.Close()
	if pid, _ := fleet.PortHolder(first.Addr().(*net.TCPAddr).Port); pid != 0 {
		t.Errorf("a free port is held by pid %d", pid)
	}
}

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0BBB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0
   1: 0100007F:0BBB 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 12346 1 0000000000000000 100 0 0 10 0
   2: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0000000000000000 100 0 0 10 0
   3: 00000000000000000000000000000000:0BBB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  0 0 888 1
`

func TestListeningInodes(t *testing.T) {
	t.Parallel()
	got := fleet.ListeningInodes(strings.NewReader(table), 3003)
	if want := "[12345 888]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func FuzzListeningInodes(f *testing.F) {
	f.Add(table, 3003)
	f.Add("a b:c d 0A e f g h i j", 0)
	f.Fuzz(func(t *testing.T, text string, port int) {
		for _, inode := range fleet.ListeningInodes(strings.NewReader(text), port) {
			if inode == "" || inode == "0" || strings.ContainsAny(inode, " \n") || !strings.Contains(text, inode) || port < 0 || port > 65535 {
				t.Errorf("inode %q of port %d", inode, port)
			}
		}
	})
}
