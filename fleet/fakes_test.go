package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/sockd/sockd/fleet/control"
	"github.com/sockd/sockd/instance"
	"github.com/sockd/sockd/instance/transport"
)

// world is everything around a fleet: a file, a network and members, all in memory. It checks at every step what must
// always hold: one member per listener, and no listener closed while somebody is served by it.
type world struct {
	t       *testing.T
	fleet   *fleet.Fleet
	cancel  context.CancelFunc
	ended   chan error
	release chan struct{} // closed when stuck members may end

	mu       sync.Mutex
	file     *config.Config
	fault    error
	loads    int
	members  map[string][]*member // by instance, in the order in which they were lent a listener for the first time
	script   map[string]script
	refusing map[string]error // what making a member of that name says
	bound    map[string]*listener
	foreign  map[string]bool // addresses that a stranger holds
	nextPort int
	applied  []*config.Config
	log      bytes.Buffer
	journal  []string // what happened, in order
}

// script is how the next members of a name behave.
type script struct {
	readyAfter time.Duration
	fails      error         // Run returns it instead of becoming ready
	panics     bool          // Run panics instead
	dies       time.Duration // after ready, if not 0
	drains     time.Duration // from the end of the context to the end of Run
	stuck      bool          // Run does not end
}

func newWorld(t *testing.T) *world {
	return &world{
		t: t, members: make(map[string][]*member), script: make(map[string]script), refusing: make(map[string]error),
		bound: make(map[string]*listener), foreign: make(map[string]bool), nextPort: 40000, ended: make(chan error, 1), release: make(chan struct{}),
	}
}

func (w *world) options() fleet.Options {
	return fleet.Options{
		Load: w.load, Start: w.start, Listen: w.listen, Version: "1.2.3", MaxFiles: 1024,
		Holder:  func(string, int) (int, string) { return 911, "node" },
		Loops:   func(int, int) (*transport.Loops, error) { return nil, nil },
		Log:     slog.New(slog.NewTextHandler(lockedLog{w}, nil)),
		Applied: func(c *config.Config) { w.mu.Lock(); w.applied = append(w.applied, c); w.mu.Unlock() },
	}
}

type lockedLog struct{ w *world }

func (l lockedLog) Write(p []byte) (int, error) {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	return l.w.log.Write(p)
}

// run starts a fleet with file and stops it at the end of the test.
func (w *world) run(file *config.Config) { w.runWith(file, w.options()) }

func (w *world) runWith(file *config.Config, o fleet.Options) {
	w.file = file
	ctx, cancel := context.WithCancel(context.Background())
	w.fleet, w.cancel = fleet.New(o), cancel
	go func() { w.ended <- w.fleet.Run(ctx) }()
	w.t.Cleanup(w.stop)
	synctest.Wait()
}

func (w *world) stop() {
	w.cancel()
	if err := <-w.ended; err != nil {
		w.t.Errorf("Run: %v", err)
	}
	w.ended <- nil
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.release:
		return
	default:
		close(w.release)
	}
	if len(w.bound) > 0 {
		w.t.Errorf("addresses left open: %v", slices.Sorted(maps.Keys(w.bound)))
	}
}

func (w *world) load() (*config.Config, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.loads++
	return w.file, w.fault
}

func (w *world) save(file *config.Config, fault error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.file, w.fault = file, fault
}

func (w *world) note(format string, args ...any) {
	w.journal = append(w.journal, fmt.Sprintf(format, args...))
}

func (w *world) act(name string, s script) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.script[name] = s
}

// hold makes a stranger listen on addr, or leave it.
func (w *world) hold(addr string, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.foreign[addr] = yes
}

func (w *world) refuse(name string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusing[name] = err
}

// reload saves file and reloads it.
func (w *world) reload(file *config.Config, o control.ReloadOptions) control.Report {
	w.t.Helper()
	w.save(file, nil)
	return w.reloadAgain(o)
}

func (w *world) reloadAgain(o control.ReloadOptions) control.Report {
	w.t.Helper()
	r, err := w.fleet.Reload(context.Background(), o)
	if err != nil {
		w.t.Fatalf("Reload: %v", err)
	}
	return r
}

func (w *world) want(r control.Report, outcome control.Outcome) {
	w.t.Helper()
	if r.Outcome != outcome {
		w.t.Fatalf("outcome %s, want %s: %+v", r.Outcome, outcome, r)
	}
}

// is returns the status of an instance, which has to be there.
func (w *world) is(name string) control.InstanceStatus {
	w.t.Helper()
	for _, in := range w.fleet.Status().Instances {
		if in.Name == name {
			return in
		}
	}
	w.t.Fatalf("no instance %s in the status", name)
	return control.InstanceStatus{}
}

func (w *world) wantState(name, state string) {
	w.t.Helper()
	if got := w.is(name); got.State != state {
		w.t.Fatalf("%s is %s (%s), want %s", name, got.State, got.Note, state)
	}
}

// last is the newest member of a name, count how many there were.
func (w *world) last(name string) *member {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.members[name]
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

func (w *world) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.members[name])
}

// addresses are those that the fleet holds.
func (w *world) addresses() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.bound))
}

func (w *world) wantAddresses(want ...string) {
	w.t.Helper()
	if got := w.addresses(); !slices.Equal(got, want) {
		w.t.Errorf("bound %v, want %v", got, want)
	}
}

// servedBy is the instance that accepts on addr.
func (w *world) servedBy(addr string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ln := w.bound[addr]; ln != nil && ln.server != nil {
		return ln.server.name
	}
	return ""
}

// listener is an address in memory. Nobody ever connects.
type listener struct {
	w      *world
	addr   netip.AddrPort
	server *member // guarded by w.mu, as is closed
	closed bool
}

func (w *world) listen(_ context.Context, _, addr string) (transport.Listener, error) {
	ap := netip.MustParseAddrPort(addr)
	w.mu.Lock()
	defer w.mu.Unlock()
	if ap.Port() == 0 {
		w.nextPort++
		ap = netip.AddrPortFrom(ap.Addr(), uint16(w.nextPort))
	}
	if w.clash(ap) {
		return nil, fmt.Errorf("listen %s: %w", ap, syscall.EADDRINUSE)
	}
	if ap.Port() < 1024 {
		return nil, fmt.Errorf("listen %s: %w", ap, syscall.EACCES)
	}
	ln := &listener{w: w, addr: ap}
	w.bound[ap.String()] = ln
	w.note("bind %s", ap)
	return ln, nil
}

func (w *world) clash(ap netip.AddrPort) bool {
	taken := slices.Collect(maps.Keys(w.bound))
	for addr, held := range w.foreign {
		if held {
			taken = append(taken, addr)
		}
	}
	for _, addr := range taken {
		other := netip.MustParseAddrPort(addr)
		if other.Port() == ap.Port() && (other.Addr() == ap.Addr() || other.Addr().IsUnspecified() || ap.Addr().IsUnspecified()) {
			return true
		}
	}
	return false
}

func (ln *listener) Accept() (net.Conn, error)   { return nil, errors.New("nobody connects here") }
func (ln *listener) SetDeadline(time.Time) error { return nil }
func (ln *listener) Addr() net.Addr              { return net.TCPAddrFromAddrPort(ln.addr) }

func (ln *listener) Close() error {
	ln.w.mu.Lock()
	defer ln.w.mu.Unlock()
	switch {
	case ln.closed:
		ln.w.t.Errorf("%s closed twice", ln.addr)
	case ln.server != nil:
		ln.w.t.Errorf("%s closed while %s accepts on it", ln.addr, ln.server.name)
	}
	ln.closed = true
	delete(ln.w.bound, ln.addr.String())
	ln.w.note("close %s", ln.addr)
	return nil
}

// member is an instance in memory.
type member struct {
	w      *world
	name   string
	script script
	env    instance.Env
	ready  chan struct{}

	// Guarded by w.mu.
	state   instance.State
	ln      *listener
	cfgs    []*config.Instance // that New and Apply were given
	over    bool               // Run has returned
	since   time.Time
	events  uint64
	polling int
	cause   instance.Cause // of being degraded while it is ready
	onMute  func()
}

func (w *world) start(name string, c *config.Instance, env instance.Env) (fleet.Member, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.refusing[name]; err != nil {
		return nil, fmt.Errorf("instance.%s: %w", name, err)
	}
	m := &member{w: w, name: name, script: w.script[name], env: env, ready: make(chan struct{}), state: instance.Starting, cfgs: []*config.Instance{c}}
	return m, nil
}

func (m *member) Run(ctx context.Context) error {
	m.w.mu.Lock()
	m.w.note("run %s", m.name)
	if m.ln == nil {
		m.w.t.Errorf("%s runs without a listener", m.name)
	}
	m.w.mu.Unlock()
	defer func() {
		m.w.mu.Lock()
		defer m.w.mu.Unlock()
		m.over, m.state = true, instance.Stopped
		m.w.note("ended %s", m.name)
	}()
	return m.live(ctx)
}

func (m *member) live(ctx context.Context) error {
	if m.script.stuck {
		defer func() { <-m.w.release }()
	}
	select {
	case <-time.After(m.script.readyAfter):
	case <-ctx.Done():
		return nil
	}
	if m.script.panics {
		panic("at the disco")
	}
	if m.script.fails != nil {
		return m.script.fails
	}
	m.set(instance.Ready)
	close(m.ready)
	var death <-chan time.Time
	if m.script.dies > 0 {
		death = time.After(m.script.dies)
	}
	select {
	case <-death:
		return errors.New("died")
	case <-ctx.Done():
	}
	m.set(instance.Draining)
	m.w.mu.Lock()
	if m.ln != nil {
		m.w.t.Errorf("%s is told to drain while it accepts", m.name)
	}
	m.w.note("drain %s", m.name)
	m.w.mu.Unlock()
	<-time.After(m.script.drains)
	return nil
}

func (m *member) set(s instance.State) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.state = s
	if s == instance.Ready {
		m.since = time.Now()
	}
}

func (m *member) Ready() <-chan struct{} { return m.ready }

func (m *member) Serve(ln transport.Listener) {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	if ln == nil {
		if m.ln != nil {
			m.ln.server, m.ln = nil, nil
			m.w.note("mute %s", m.name)
		}
		if m.onMute != nil {
			m.onMute()
		}
		return
	}
	next := ln.(*listener)
	switch {
	case next.closed:
		m.w.t.Errorf("%s is lent the closed listener %s", m.name, next.addr)
	case next.server != nil && next.server != m:
		m.w.t.Errorf("%s is lent %s, which %s uses", m.name, next.addr, next.server.name)
	}
	if m.ln != nil {
		m.ln.server = nil
	}
	if !slices.Contains(m.w.members[m.name], m) {
		m.w.members[m.name] = append(m.w.members[m.name], m)
	}
	m.ln, next.server = next, m
	if m.state == instance.Starting {
		m.state = instance.Bound
	}
	m.w.note("serve %s %s", m.name, next.addr)
}

func (m *member) Apply(c *config.Instance) error {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	m.cfgs = append(m.cfgs, c)
	return nil
}

func (m *member) Status() instance.Status {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	state := m.state
	if m.cause != "" && state == instance.Ready {
		state = instance.Degraded
	}
	return instance.Status{State: state, Cause: m.cause, Since: m.since, ReadyIn: 1500 * time.Microsecond, EventsIn: m.events, EventsOut: 10 * m.events, Clients: 7, Polling: m.polling}
}

// current is the configuration that was last applied.
func (m *member) current() *config.Instance {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	return m.cfgs[len(m.cfgs)-1]
}

// file makes a configuration of instances, which are name and port.
func file(instances ...*named) *config.Config {
	c := &config.Config{Path: "/etc/sockd.toml", Instances: make(map[string]*config.Instance)}
	c.Fleet = config.Fleet{Name: "dev", Drain: seconds(5), StartTimeout: seconds(5), Restart: policy}
	for _, in := range instances {
		c.Instances[in.name] = &in.Instance
	}
	return seal(c)
}

// seal gives c the digest of its meaning.
func seal(c *config.Config) *config.Config {
	d := fmt.Sprintf("%+v", c.Fleet)
	for _, name := range slices.Sorted(maps.Keys(c.Instances)) {
		d += fmt.Sprintf("|%s %+v", name, *c.Instances[name])
	}
	c.Digest = d
	return c
}

var policy = config.Backoff{
	Initial: seconds(1), Max: seconds(30), Factor: 2, Jitter: 0.25, Attempts: 5, Window: seconds(600), ResetAfter: seconds(30),
}

func seconds(n float64) config.Duration { return config.Duration(n * float64(time.Second)) }

type named struct {
	name string
	config.Instance
}

// on is an instance at a fixed port of the loopback.
func on(name string, port int, change ...func(*config.Instance)) *named {
	n := &named{name: name, Instance: config.Instance{Enabled: true, Host: "127.0.0.1", Port: config.Port{First: port, Last: port}, Path: "/socket.io/"}}
	for _, f := range change {
		f(&n.Instance)
	}
	return n
}

func clients(n int) func(*config.Instance) {
	return func(c *config.Instance) { c.Limits.Clients = n }
}
func path(p string) func(*config.Instance) { return func(c *config.Instance) { c.Path = p } }
func host(h string) func(*config.Instance) { return func(c *config.Instance) { c.Host = h } }
func off(c *config.Instance)               { c.Enabled = false }
func anyPort(c *config.Instance)           { c.Port = config.Port{Auto: true} }
func ports(first, last int) func(*config.Instance) {
	return func(c *config.Instance) { c.Port = config.Port{First: first, Last: last} }
}
