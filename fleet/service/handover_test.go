package service_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/service"
)

const patience = 30 * time.Second

// daemonRole answers every line with the process id, until it is told to quit or to hand over to another one of its kind.
func daemonRole() error {
	heir, sockets, err := service.Inherit()
	if err != nil {
		return err
	}
	if os.Getenv("SOCKD_HANDOVER") != "" {
		return errors.New("the variable is left for children")
	}
	d := &echo{addr: os.Args[1], lock: heir.File("lock")}
	if d.ln, err = sockets.Take("chat", d.addr); err != nil || d.ln == nil || d.lock == nil {
		err = fmt.Errorf("inherited: listener %v, lock %v, %v", d.ln, d.lock, err)
		heir.Failed(err)
		return err
	}
	sockets.Close()
	if err := heir.Ready(); err != nil {
		return err
	}
	d.serve()
	if err := heir.Released(context.Background()); err != nil {
		return err
	}
	return heir.Close()
}

// echo is a daemon as small as it can be.
type echo struct {
	addr string
	ln   *net.TCPListener
	lock *os.File
	open sync.WaitGroup // connections
}

// serve accepts until it is told to stop, by a deadline as the real one does, and lets connections end.
func (e *echo) serve() {
	for {
		conn, err := e.ln.Accept()
		if err != nil {
			break
		}
		e.open.Go(func() { e.answer(conn) })
	}
	e.open.Wait()
	e.ln.Close()
	e.lock.Close() // without unlocking it
}

func (e *echo) stop() { e.ln.SetDeadline(time.Unix(1, 0)) }

func (e *echo) answer(conn net.Conn) {
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	answer := strconv.Itoa(os.Getpid())
	switch strings.TrimSpace(line) {
	case "quit":
		e.stop()
	case "upgrade":
		s, err := e.handOver(context.Background(), os.Args[0], "daemon", patience)
		if err != nil {
			answer = err.Error()
			break
		}
		answer = strconv.Itoa(s.PID())
		e.stop()
	}
	fmt.Fprintln(conn, answer)
}

func (e *echo) handOver(ctx context.Context, program, role string, timeout time.Duration) (*service.Successor, error) {
	f, err := e.ln.File()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return service.Handover{
		Command: []string{program, e.addr},
		Env:     append(os.Environ(), roleVariable+"="+role),
		Parts:   []service.Part{{Kind: service.File, Name: "lock", File: e.lock}, {Kind: service.Listener, Name: "chat", File: f}},
		Timeout: timeout,
	}.Run(ctx)
}

// first is the first of the daemons, in the test's own process.
func first(t *testing.T) *echo {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	lock, err := os.OpenFile(filepath.Join(t.TempDir(), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	must(t, syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB))
	return &echo{addr: ln.Addr().String(), ln: ln.(*net.TCPListener), lock: lock}
}

// ask sends one line on a new connection and returns the answer.
func ask(addr, line string) (string, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintln(conn, line)
	answer, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(answer), err
}

// clients dial in tight loops and remember who answered.
type clients struct {
	addr   string
	halt   chan struct{}
	done   sync.WaitGroup
	dials  atomic.Int64
	failed atomic.Int64

	mu    sync.Mutex
	by    map[string]int
	fault error // the first
}

func dialAll(addr string, n int) *clients {
	c := &clients{addr: addr, halt: make(chan struct{}), by: make(map[string]int)}
	for range n {
		c.done.Go(func() {
			for {
				select {
				case <-c.halt:
					return
				default:
					c.once()
				}
			}
		})
	}
	return c
}

func (c *clients) once() {
	answer, err := ask(c.addr, "who")
	c.dials.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.by[answer]++
	if err != nil {
		c.failed.Add(1)
		if c.fault == nil {
			c.fault = err
		}
	}
}

// more waits for n further dials.
func (c *clients) more(n int64) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for until := c.dials.Load() + n; c.dials.Load() < until; {
		<-tick.C
	}
}

func TestNobodyIsRefusedDuringAHandover(t *testing.T) {
	e := first(t)
	lockPath := e.lock.Name()
	served := make(chan struct{})
	go func() { defer close(served); e.serve() }()
	c := dialAll(e.addr, 4)
	c.more(200)

	s, err := e.handOver(t.Context(), self(t), "daemon", patience)
	must(t, err)
	c.more(50) // both accept
	e.stop()
	<-served
	must(t, s.Release())
	c.more(200)
	if !isLocked(t, lockPath) {
		t.Error("the lock was free after the first handover")
	}

	second, err := ask(e.addr, "upgrade")
	must(t, err)
	if _, err := strconv.Atoi(second); err != nil {
		t.Fatalf("second handover: %s", second)
	}
	c.more(300)
	if !isLocked(t, lockPath) {
		t.Error("the lock was free after the second handover")
	}
	close(c.halt)
	c.done.Wait()
	_, err = ask(e.addr, "quit")
	must(t, err)
	awaitUnlocked(t, lockPath)

	t.Logf("%d dials, answers by process: %v", c.dials.Load(), c.by)
	if c.failed.Load() > 0 {
		t.Errorf("%d of %d connections were refused or cut, the first: %v", c.failed.Load(), c.dials.Load(), c.fault)
	}
	for _, who := range []string{strconv.Itoa(os.Getpid()), strconv.Itoa(s.PID()), second} {
		if c.by[who] == 0 {
			t.Errorf("process %s has answered nobody", who)
		}
	}
}

func isLocked(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) != nil
}

// awaitUnlocked waits for the end of a process that is not our child.
func awaitUnlocked(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	must(t, err)
	defer f.Close()
	free := make(chan error, 1)
	go func() { free <- syscall.Flock(int(f.Fd()), syscall.LOCK_SH) }()
	select {
	case err := <-free:
		must(t, err)
	case <-time.After(patience):
		t.Fatal("the last daemon still has the lock")
	}
}

func failing() error {
	heir, _, err := service.Inherit()
	if err != nil {
		return err
	}
	heir.Failed(errors.New("sockd.toml:3:1: unknown key"))
	return nil
}

func ending() error {
	os.Exit(7)
	return nil
}

func hanging() error {
	if _, _, err := service.Inherit(); err != nil {
		return err
	}
	select {}
}

func babbling() error {
	_, err := os.NewFile(3, "line").WriteString("hello\n")
	return err
}

// keeping tells, as the text of its fault, how often it can take the socket that the service manager keeps, and what nobody has taken.
func keeping() error {
	heir, sockets, err := service.Inherit()
	if err != nil {
		return err
	}
	takes := 0
	for range 3 {
		if take(sockets, "chat", os.Args[1]) == os.Args[1] {
			takes++
		}
	}
	unclaimed := sockets.Unclaimed([]string{"chat", "gone"})
	sockets.Close()
	heir.Failed(fmt.Errorf("taken %d times, kept %d, left %q, then %d", takes, len(sockets.Parts()), unclaimed, len(sockets.Unclaimed(nil))))
	return heir.Close()
}

func TestSocketsOfTheManagerGoOnToTheSuccessor(t *testing.T) {
	kept, addr := socket(t, "127.0.0.1:0")
	gone, goneAddr := socket(t, "127.0.0.1:0")
	_, err := service.Handover{
		Command: []string{self(t), addr},
		Env:     append(os.Environ(), roleVariable+"=keeps"),
		Parts: []service.Part{
			{Kind: service.Activation, Name: "chat", File: kept}, {Kind: service.Listener, Name: "chat", File: kept},
			{Kind: service.Listener, Name: "gone", File: gone}, {Kind: "of the future", Name: "x", File: kept},
		},
	}.Run(t.Context())
	want := fmt.Sprintf("the new daemon: taken 3 times, kept 1, left [%q], then 0", "inherited listener \"gone\" on "+goneAddr+": not asked for")
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestAHandoverThatFailsChangesNothing(t *testing.T) {
	for _, c := range []struct {
		name, role, want string
		timeout          time.Duration
	}{
		{"the new one reports a fault", "fails", "the new daemon: sockd.toml:3:1: unknown key", patience},
		{"the new one ends", "ends", "the new daemon has ended before it was ready: exit status 7", patience},
		{"the new one is never ready", "hangs", "the new daemon was not ready within 300ms", 300 * time.Millisecond},
		{"the new one is another program", "babbles", "the new daemon: answer not understood: invalid character 'h' looking for beginning of value", patience},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := first(t)
			served := make(chan struct{})
			go func() { defer close(served); e.serve() }()
			s, err := e.handOver(t.Context(), self(t), c.role, c.timeout)
			if s != nil || err == nil || err.Error() != c.want {
				t.Errorf("got %v, %v, want %q", s, err, c.want)
			}
			for range 5 {
				if got, err := ask(e.addr, "who"); err != nil || got != strconv.Itoa(os.Getpid()) {
					t.Errorf("after that: got %q, %v", got, err)
				}
			}
			e.stop() // works only if the listener is non-blocking as before
			<-served
		})
	}
}

func TestAHandoverThatIsGivenUp(t *testing.T) {
	e := first(t)
	defer e.lock.Close()
	defer e.ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := e.handOver(ctx, self(t), "hangs", patience); s != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v, want %v", s, err, context.Canceled)
	}
	if _, err := (service.Handover{}).Run(t.Context()); err == nil {
		t.Error("no program: got no error")
	}
	missing := filepath.Join(t.TempDir(), "sockd")
	if _, err := e.handOver(t.Context(), missing, "daemon", patience); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: got %v, want %v", err, os.ErrNotExist)
	}
}

func TestWithoutAPredecessor(t *testing.T) {
	heir, sockets, err := service.Inherit()
	if heir != nil || sockets != nil || err != nil {
		t.Fatalf("got %v, %v, %v, want nothing", heir, sockets, err)
	}
	must(t, heir.Ready())
	heir.Failed(errors.New("x"))
	must(t, heir.Released(t.Context()))
	must(t, heir.Close())
	sockets.Close()
	if heir.File("lock") != nil || sockets.Unclaimed(nil) != nil || sockets.Parts() != nil {
		t.Error("got something from nobody")
	}
}
