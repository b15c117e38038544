package service_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet/service"
)

// manager is the service manager's side of the notify socket.
type manager struct{ conn *net.UnixConn }

func listen(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return &manager{conn}
}

// heard returns what has been sent since the last call. It does not wait.
func (m *manager) heard(t *testing.T) (messages []string) {
	t.Helper()
	raw, err := m.conn.SyscallConn()
	must(t, err)
	buf := make([]byte, 4096)
	must(t, raw.Control(func(fd uintptr) {
		for {
			n, _, err := syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
			if err != nil {
				return
			}
			messages = append(messages, string(buf[:n]))
		}
	}))
	return messages
}

func (m *manager) expect(t *testing.T, want ...string) {
	t.Helper()
	if got := m.heard(t); !slices.Equal(got, want) {
		t.Errorf("messages: got %q, want %q", got, want)
	}
}

// surround sets the environment of a manager that listens at path and, if watchdog is not "", watches.
func surround(t *testing.T, path, watchdog string) {
	t.Helper()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	t.Setenv("WATCHDOG_PID", "")
}

func notifier(t *testing.T, o service.NotifyOptions) *service.Notifier {
	t.Helper()
	n, err := service.NewNotifier(o)
	must(t, err)
	return n
}

func TestNotifierTellsTheManager(t *testing.T) {
	abstract := "@sockd-test-" + strconv.Itoa(os.Getpid())
	for name, path := range map[string]string{"at a path": filepath.Join(t.TempDir(), "notify"), "at an abstract name": abstract} {
		t.Run(name, func(t *testing.T) {
			m := listen(t, path)
			surround(t, path, "")
			synctest.Test(t, func(t *testing.T) {
				var status atomic.Value
				status.Store("2 starting")
				ready := make(chan struct{})
				n := notifier(t, service.NotifyOptions{Ready: ready, Status: func() string { return status.Load().(string) }})
				for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
					if _, ok := os.LookupEnv(v); ok {
						t.Errorf("%s is left for children", v)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				go n.Run(ctx)
				synctest.Wait()
				m.expect(t, "STATUS=2 starting")
				n.Reloading()() // before the daemon is ready, READY would be a lie
				m.expect(t)

				status.Store("5 ready, 1 backoff: shop: port 3003 in use\nMAINPID=1")
				close(ready)
				synctest.Wait()
				m.expect(t, "READY=1\nSTATUS=5 ready, 1 backoff: shop: port 3003 in use MAINPID=1")
				<-time.After(10 * time.Second)
				synctest.Wait()
				m.expect(t) // nothing has changed, nobody watches

				status.Store("6 ready")
				<-time.After(3 * time.Second)
				synctest.Wait()
				m.expect(t, "STATUS=6 ready")
				cancel()
				synctest.Wait()
				m.expect(t, "STOPPING=1")
				n.Reloading()()
				m.expect(t)
			})
		})
	}
}

func TestReloadsAreTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	m := listen(t, path)
	surround(t, path, "")
	synctest.Test(t, func(t *testing.T) {
		ready := make(chan struct{})
		close(ready)
		n := notifier(t, service.NotifyOptions{Ready: ready})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go n.Run(ctx)
		synctest.Wait()
		m.expect(t, "READY=1")
		first, second := n.Reloading(), n.Reloading()
		begun := m.heard(t)
		if len(begun) != 1 || !regexp.MustCompile(`^RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*\n?$`).MatchString(begun[0]) {
			t.Errorf("begin of a reload: got %q", begun)
		}
		first()
		first()
		m.expect(t)
		second()
		m.expect(t, "READY=1")
	})
}

func TestWatchdogIsFedWhileTheLoopsAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	m := listen(t, path)
	var alive atomic.Bool
	alive.Store(true)
	var log bytes.Buffer
	surround(t, path, "10000000")
	synctest.Test(t, func(t *testing.T) {
		n := notifier(t, service.NotifyOptions{
			Status: func() string { return "1 ready" }, Alive: alive.Load, Log: slog.New(slog.NewTextHandler(&log, nil)),
		})
		ctx, cancel := context.WithCancel(t.Context())
		go n.Run(ctx)
		synctest.Wait()
		m.expect(t, "WATCHDOG=1", "STATUS=1 ready")
		<-time.After(12 * time.Second)
		synctest.Wait()
		m.expect(t, "WATCHDOG=1\nSTATUS=1 ready", "WATCHDOG=1\nSTATUS=1 ready")
		alive.Store(false)
		<-time.After(20 * time.Second)
		synctest.Wait()
		m.expect(t)
		alive.Store(true)
		<-time.After(5 * time.Second)
		synctest.Wait()
		m.expect(t, "WATCHDOG=1\nSTATUS=1 ready")
		cancel()
		synctest.Wait()
		m.expect(t, "STOPPING=1")
	})
	if got := strings.Count(log.String(), "watchdog not fed"); got != 1 {
		t.Errorf("said %d times that the watchdog is not fed, want once", got)
	}
}

func TestWatchdogOfAnotherProcessIsNotOurs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	m := listen(t, path)
	for pid, fed := range map[int]bool{os.Getpid(): true, os.Getpid() + 1: false} {
		t.Setenv("NOTIFY_SOCKET", path)
		t.Setenv("WATCHDOG_USEC", "1000000")
		t.Setenv("WATCHDOG_PID", strconv.Itoa(pid))
		synctest.Test(t, func(t *testing.T) {
			n := notifier(t, service.NotifyOptions{})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go n.Run(ctx)
			<-time.After(1200 * time.Millisecond)
			synctest.Wait()
			if got := slices.Contains(m.heard(t), "WATCHDOG=1"); got != fed {
				t.Errorf("fed: got %v, want %v", got, fed)
			}
			cancel()
			synctest.Wait()
			m.heard(t)
		})
	}
}

func TestASuccessorIsTheService(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	m := listen(t, path)
	surround(t, path, "30000000")
	n := notifier(t, service.NotifyOptions{})
	if got, want := n.Environ(), []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=30000000"}; !slices.Equal(got, want) {
		t.Errorf("environment: got %q, want %q", got, want)
	}
	n.Successor(4711)
	m.expect(t, "READY=1\nMAINPID=4711")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	must(t, n.Run(ctx))
	m.expect(t) // not STOPPING: that is not ours to say any more
}

func TestWithoutAManager(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	t.Setenv("WATCHDOG_PID", "")
	silent, err := service.NewNotifier(service.NotifyOptions{})
	must(t, err)
	for _, n := range []*service.Notifier{nil, silent} {
		must(t, n.Run(ctx))
		n.Reloading()()
		n.Successor(1)
		if env := n.Environ(); env != nil {
			t.Errorf("environment: got %q, want none", env)
		}
	}
}

func TestEnvironmentThatMakesNoSense(t *testing.T) {
	for name, env := range map[string][2]string{
		"a socket of another family": {"vsock:2:1234", ""},
		"a relative path":            {"notify", ""},
		"a time that is none":        {"/run/notify", "soon"},
		"a negative time":            {"/run/notify", "-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("NOTIFY_SOCKET", env[0])
			t.Setenv("WATCHDOG_USEC", env[1])
			n, err := service.NewNotifier(service.NotifyOptions{})
			if err == nil || n == nil {
				t.Errorf("got %v, %v, want a notifier and an error", n, err)
			}
		})
	}
}

func TestAManagerThatDoesNotListenIsLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	surround(t, filepath.Join(t.TempDir(), "gone"), "1000000")
	synctest.Test(t, func(t *testing.T) {
		n := notifier(t, service.NotifyOptions{Log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		go n.Run(ctx)
		<-time.After(10 * time.Second)
		cancel()
		synctest.Wait()
	})
	if got := strings.Count(log.String(), "service manager not told"); got != 1 {
		t.Errorf("logged %d times, want once:\n%s", got, &log)
	}
}
