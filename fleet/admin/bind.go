package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// lastPort ends the search for a free port.
const lastPort = 8799

// Limits of the server. There is none for an answer as a whole: a reload takes as long as the slowest start, a profile as long as is asked for.
const (
	headTime  = 5 * time.Second
	bodyTime  = 10 * time.Second
	idleTime  = time.Minute
	graceTime = 2 * time.Second // for requests under way, when the address is given up
	maxHeader = 32 << 10
	maxBody   = 64 << 10

	firstRetry = 250 * time.Millisecond
	maxRetry   = 5 * time.Second
)

// front is one bound address with its HTTP server.
type front struct {
	s        *Server
	listen   string // as it was wanted
	moved    bool   // it is another port than that
	address  string
	port     int
	loopback bool
	http     *http.Server
	ended    chan *front // gets the front when it accepts no more, whatever the reason; of capacity 1
}

// binder makes bound what is wanted. It belongs to the goroutine of [Server.Run].
type binder struct {
	s       *Server
	current *front // nil while nothing is bound
	tries   int    // in a row that failed
	given   int    // a port that was yielded; 0 = none
	leaving sync.WaitGroup
}

// settle makes bound what is wanted, as far as possible, and returns after which time to try again; 0 = no need.
func (b *binder) settle(ctx context.Context) time.Duration {
	want := b.s.settings.Load()
	switch {
	case want.off():
		b.replace(nil)
		b.s.tell("", "")
		return 0
	case b.current.serves(want):
		b.s.tell(b.current.address, "")
		return 0
	}
	ln, err := b.bind(ctx, want)
	if err == nil {
		b.tries = 0
		b.replace(b.s.open(ln, want.Listen))
		b.s.tell(b.current.address, "")
		return 0
	}
	if ctx.Err() == nil {
		b.s.tell(b.address(), notBound(want.Listen, err))
	}
	wait := min(firstRetry<<min(b.tries, 8), maxRetry)
	b.tries++
	return wait
}

func notBound(address string, err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if inUse(err) {
		return "admin address " + address + " is in use, it is tried again"
	}
	return "admin address " + address + ": " + err.Error() + ", it is tried again"
}

// serves reports whether f is what want asks for.
func (f *front) serves(want *Settings) bool {
	if f == nil || f.listen != want.Listen {
		return false
	}
	if want.Fixed {
		return !f.moved
	}
	return !slices.Contains(want.Reserved, f.port)
}

// bind listens on the wanted address, or on the next free port if that will do.
func (b *binder) bind(ctx context.Context, want *Settings) (net.Listener, error) {
	if want.Fixed {
		return b.bindFixed(ctx, want.Listen)
	}
	host, text, _ := net.SplitHostPort(want.Listen)
	port, err := net.LookupPort("tcp", text)
	if err != nil {
		return nil, err
	}
	err = errors.New("no port up to 8799 is free")
	for p := port; p <= max(port, lastPort); p++ {
		if slices.Contains(want.Reserved, p) || p == b.given {
			continue
		}
		var ln net.Listener
		if ln, err = b.s.o.Listen(ctx, net.JoinHostPort(host, strconv.Itoa(p))); err == nil || !inUse(err) {
			return ln, err
		}
	}
	return nil, err
}

// bindFixed gives up the current address if that is what is in the way, and takes it back if it was not.
func (b *binder) bindFixed(ctx context.Context, address string) (net.Listener, error) {
	ln, err := b.s.o.Listen(ctx, address)
	if err == nil || !inUse(err) || b.current == nil || portOf(address) != b.current.port {
		return ln, err
	}
	old := b.current
	b.replace(nil)
	if ln, err = b.s.o.Listen(ctx, address); err == nil {
		return ln, nil
	}
	if back, failed := b.s.o.Listen(ctx, old.address); failed == nil {
		b.replace(b.s.open(back, old.listen))
	}
	return nil, err
}

// yield gives the port up; what it is replaced by is the next settle's matter.
func (b *binder) yield(port int) bool {
	if b.current == nil || b.current.port != port || b.s.settings.Load().Fixed {
		return false
	}
	b.given = port
	b.replace(nil)
	return true
}

func portOf(address string) int {
	_, text, _ := net.SplitHostPort(address)
	port, _ := net.LookupPort("tcp", text)
	return port
}

// open serves on ln.
func (s *Server) open(ln net.Listener, listen string) *front {
	f := &front{s: s, listen: listen, address: ln.Addr().String(), ended: make(chan *front, 1)}
	f.port = portOf(f.address)
	f.moved = portOf(listen) != 0 && portOf(listen) != f.port
	f.loopback = loopbackName(hostOf(f.address))
	f.http = &http.Server{
		Handler: f, ReadHeaderTimeout: headTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn),
	}
	go func() {
		f.http.Serve(ln) // its error is that of a closed listener
		f.ended <- f
	}()
	return f
}

// replace puts f, or nothing, in the place of the current front, whose listener is closed when it returns; its requests under way get
// [graceTime].
func (b *binder) replace(f *front) {
	old := b.current
	b.current = f
	if old == nil {
		return
	}
	b.leaving.Go(old.leave)
	<-old.ended
}

// leave ends f. A request of a front that has died already is cut off too.
func (f *front) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), graceTime)
	defer cancel()
	if f.http.Shutdown(ctx) != nil {
		f.http.Close()
	}
}

func (b *binder) address() string {
	if b.current == nil {
		return ""
	}
	return b.current.address
}

// fallen tells of the current front when it has ended by itself.
func (b *binder) fallen() <-chan *front {
	if b.current == nil {
		return nil
	}
	return b.current.ended
}

// lost gives up a front whose listener is broken, so that the address is bound anew.
func (b *binder) lost(f *front) {
	f.ended <- f // for replace, which waits for it
	b.replace(nil)
	b.s.tell("", "admin address "+f.address+": the listener was closed")
}

func (b *binder) close() {
	b.replace(nil)
	b.leaving.Wait()
	b.s.tell("", "")
}
