package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	statusEvery = 2 * time.Second // how often the status is asked for
	sendTime    = time.Second     // for one message; the manager's queue may be full
	maxStatus   = 1000            // bytes of a status; systemd shows one line
)

// NotifyOptions are what a [Notifier] tells of. They are called on the goroutine of [Notifier.Run], one after the other, and must not
// block for long: the watchdog waits.
type NotifyOptions struct {
	Ready  <-chan struct{} // closed when every instance is ready or has failed once
	Status func() string   // one line for people; nil = none. Control characters in it become spaces, what is over 1000 bytes is cut
	Alive  func() bool     // whether the event loops answer; the watchdog is fed only then. nil = always
	Log    *slog.Logger    // nil = discard
}

// Notifier tells the service manager how the daemon does. Without a manager it does nothing, and so does a nil Notifier.
type Notifier struct {
	o        NotifyOptions
	path     string        // of the manager's socket; "" = no manager. "@" at its start stands for the abstract name space
	watchdog time.Duration // after this long without a message the manager kills us; 0 = it does not watch

	mu       sync.Mutex // held across a send, which is bounded, so that messages keep their order
	ready    bool
	reloads  int  // under way
	silent   bool // another process is the service now, or we are ending
	status   string
	deaf     bool // the last message was not taken, which has been logged
	starving bool // the watchdog was not fed, which has been logged
}

// NewNotifier takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that no child speaks or is watched in our name. The
// Notifier can be used whatever the error is; that only says what of the environment makes no sense.
func NewNotifier(o NotifyOptions) (*Notifier, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path := os.Getenv("NOTIFY_SOCKET")
	os.Unsetenv("NOTIFY_SOCKET")
	watchdog, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		err = fmt.Errorf("watchdog of the service manager: %w", err)
	}
	if path != "" && path[0] != '/' && path[0] != '@' {
		return &Notifier{o: o}, fmt.Errorf("NOTIFY_SOCKET %q: neither a path nor an abstract name", path)
	}
	if path == "" {
		watchdog = 0
	}
	return &Notifier{o: o, path: path, watchdog: watchdog}, err
}

// Run says READY when the daemon is, keeps the status up to date and feeds the watchdog at half its time. It says STOPPING when ctx ends and then
// returns nil: a manager does not watch a service that is stopping.
func (n *Notifier) Run(ctx context.Context) error {
	if n == nil || n.path == "" {
		<-ctx.Done()
		return nil
	}
	status := time.NewTicker(statusEvery)
	defer status.Stop()
	var feed <-chan time.Time
	if n.watchdog > 0 {
		t := time.NewTicker(max(n.watchdog/2, time.Millisecond))
		defer t.Stop()
		feed = t.C
		n.feed()
	}
	n.refresh()
	for ready := n.o.Ready; ; {
		select {
		case <-ready:
			ready = nil
			n.isReady()
		case <-status.C:
			n.refresh()
		case <-feed:
			n.feed()
		case <-ctx.Done():
			n.end("STOPPING=1")
			return nil
		}
	}
}

// Reloading says that the file is being applied, until done is called. Before the daemon is ready it says nothing. Reloads may overlap.
func (n *Notifier) Reloading() (done func()) {
	if n == nil {
		return func() {}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ready {
		return func() {}
	}
	if n.reloads++; n.reloads == 1 {
		n.send("RELOADING=1\n" + daemon.SdNotifyMonotonicUsec())
	}
	return sync.OnceFunc(n.reloaded)
}

func (n *Notifier) reloaded() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reloads--; n.reloads == 0 {
		n.send("READY=1")
	}
}

// Successor says that the service is the process pid from now on, and is silent after that.
func (n *Notifier) Successor(pid int) {
	if n != nil {
		n.end("READY=1\nMAINPID=" + strconv.Itoa(pid))
	}
}

// Environ is what a successor needs to find the same manager, for [Handover].Env. WATCHDOG_PID is left out: its pid is not known yet.
func (n *Notifier) Environ() []string {
	if n == nil || n.path == "" {
		return nil
	}
	env := []string{"NOTIFY_SOCKET=" + n.path}
	if n.watchdog > 0 {
		env = append(env, "WATCHDOG_USEC="+strconv.FormatInt(n.watchdog.Microseconds(), 10))
	}
	return env
}

func (n *Notifier) isReady() {
	text := n.line()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ready, n.status = true, text
	n.send("READY=1" + statusField(text))
}

// refresh sends the status if it has changed.
func (n *Notifier) refresh() {
	text := n.line()
	n.mu.Lock()
	defer n.mu.Unlock()
	if text != n.status {
		n.status = text
		n.send(strings.TrimPrefix(statusField(text), "\n"))
	}
}

// feed repeats the status, as a manager that has just been told of its new main process did not listen to it before.
func (n *Notifier) feed() {
	alive := n.o.Alive == nil || n.o.Alive()
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case alive:
		n.starving = false
		n.send("WATCHDOG=1" + statusField(n.status))
	case !n.starving:
		n.starving = true
		n.o.Log.Warn("watchdog not fed", "reason", "event loops do not answer")
	}
}

func (n *Notifier) end(last string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(last)
	n.silent = true
}

// send needs mu. A manager that does not listen is no reason to end: it is logged when that begins.
func (n *Notifier) send(message string) {
	if n.path == "" || n.silent || message == "" {
		return
	}
	err := n.write(message)
	if err != nil && !n.deaf {
		n.o.Log.Warn("service manager not told", "err", err)
	}
	n.deaf = err != nil
}

// write opens the socket anew each time: a manager that has been replaced has another one in its place.
func (n *Notifier) write(message string) error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendTime)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(message))
	return err
}

func (n *Notifier) line() string {
	if n.o.Status == nil {
		return ""
	}
	return oneLine(n.o.Status())
}

// oneLine keeps a status from being a second assignment. A manager takes valid UTF-8 only.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxStatus {
		s = strings.ToValidUTF8(s[:maxStatus], "")
	}
	return s
}

func statusField(text string) string {
	if text == "" {
		return ""
	}
	return "\nSTATUS=" + text
}
