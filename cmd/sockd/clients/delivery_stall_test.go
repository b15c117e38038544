package clients_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"github.com/sockd/sockd/fleet/control"
)

const stalled = `[admin]
listen = "off"

[defaults]
port = "auto"
limits = { queue = "256KiB" }
history = { max_bytes = "1MiB" }
max_payload = "256KiB"
` + seats + `
[defaults.ingest]
path = "/in"

[instance.cut]
[instance.drop]
limits = { on_full = "drop" }
`

// What a reader that has stalled may cost. The daemon runs under the race detector, which multiplies its memory, and the machine has other things to do.
const (
	audienceSize = 1000
	slowerBy     = 2
	noise        = 100 * time.Millisecond // a p99 below it is as good as any
	mayGrowBy    = 48 << 20               // bytes, over what the crowd takes
	perSecond    = 8
	largeEvent   = 200 << 10
)

// A client among a thousand stops reading while it is owed megabytes. Nobody else notices, the daemon does not grow, and the client is cut. Not parallel:
// it measures time.
func TestStalledReaderAmongAThousand(t *testing.T) {
	d := newDaemon(t, stalled)
	url := d.url("cut")
	c := newAudience(t, url, audienceSize)
	c.round(16, false) // warm
	var before, with time.Duration
	base := resident(t, d)
	for try := range 3 { // a noisy neighbour does not come back each time
		stall(t, url)
		before, with = c.round(16, false), c.round(24, true)
		t.Logf("p99 before %v, with a stalled reader %v", before, with)
		d.until("the stalled reader is cut", func(s control.Status) bool {
			return slices.ContainsFunc(s.Instances, func(in control.InstanceStatus) bool { return in.Name == "cut" && in.Clients == audienceSize })
		})
		if with <= max(slowerBy*before, noise) {
			break
		}
		if try == 2 {
			t.Errorf("p99 of the others: %v before, %v with a stalled reader", before, with)
		}
	}
	grown := resident(t, d) - base
	t.Logf("grown by %d KiB, from %d KiB", grown>>10, base>>10)
	if grown > mayGrowBy {
		t.Errorf("the daemon has grown by %d MiB", grown>>20)
	}
}

// With on_full = "drop" the stalled client stays, and loses what its queue has no place for; what it gets is in order.
func TestStalledReaderLosesEvents(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, stalled)
	url := d.url("drop")
	s := stall(t, url)
	other := sit(t, url, `{"room":"other"}`)
	large := strings.Repeat("x", largeEvent)
	const sent = 60
	for i := range sent {
		post(t, url+"/in", fmt.Sprintf(`{"event":"n","args":[%d,%q],"room":"stalled"}`, i, large))
	}
	post(t, url+"/in", `{"event":"small","args":[]}`)
	if p, err := other.hear(patience); err != nil || p != `42["small"]` {
		t.Errorf("the other client got %.100q, %v", p, err)
	}
	if got := s.drain(url); got == 0 || got == sent {
		t.Errorf("the stalled client got %d of %d events", got, sent)
	}
	again := sit(t, url, `{"room":"other"}`)
	post(t, url+"/in", `{"event":"after","args":[]}`)
	if p, err := again.hear(patience); err != nil || p != `42["after"]` {
		t.Errorf("got %.100q, %v", p, err)
	}
}

// drain reads again, and returns how many events "n" there were, which must be in order.
func (s *seat) drain(url string) (got int) {
	s.t.Helper()
	all := make(chan []string, 1)
	go func() {
		var numbers []string
		for p, err := s.hear(patience); err == nil && p != `42["end"]`; p, err = s.hear(patience) {
			if rest, ok := strings.CutPrefix(p, `42["n",`); ok {
				number, _, _ := strings.Cut(rest, ",")
				numbers = append(numbers, number)
			}
		}
		all <- numbers
	}()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for { // while its queue is full, this is dropped too
		post(s.t, url+"/in", `{"event":"end","room":"stalled"}`)
		select {
		case numbers := <-all:
			last := -1
			for _, number := range numbers {
				n, err := strconv.Atoi(number)
				if err != nil || n <= last {
					s.t.Errorf("got %s after %d", number, last)
				}
				last = n
			}
			return len(numbers)
		case <-again.C:
		}
	}
}

// stall is a client that reads nothing from now on.
func stall(t *testing.T, url string) *seat {
	t.Helper()
	return sit(t, url, `{"room":"stalled"}`)
}

// audience are clients that note when each event came.
type audience struct {
	t     *testing.T
	url   string
	began time.Time
	mu    sync.Mutex
	took  []time.Duration
	due   sync.WaitGroup // events that are still to come
}

func newAudience(t *testing.T, url string, n int) *audience {
	c := &audience{t: t, url: url, began: time.Now()}
	for range n {
		s := sit(t, url, `{"room":"crowd"}`)
		_ = s.conn.SetReadDeadline(time.Time{})
		go c.read(s)
	}
	return c
}

func (c *audience) read(s *seat) {
	for {
		p, err := wsutil.ReadServerText(s.conn)
		if err != nil {
			return
		}
		rest, ok := strings.CutPrefix(string(p), `42["at",`)
		if !ok {
			if string(p) == "2" {
				s.say("3")
			}
			continue
		}
		number, _, _ := strings.Cut(rest, ",")
		at, _ := strconv.ParseInt(number, 10, 64)
		took := time.Since(c.began) - time.Duration(at)
		c.mu.Lock()
		c.took = append(c.took, took)
		c.mu.Unlock()
		c.due.Done()
	}
}

// round posts n events to all at a fixed rate, with large ones for the stalled client in between, and returns the p99 of the delivery to the crowd.
func (c *audience) round(n int, large bool) time.Duration {
	c.t.Helper()
	pace := time.NewTicker(time.Second / perSecond)
	defer pace.Stop()
	c.took = nil
	c.due.Add(n * audienceSize)
	text := strings.Repeat("x", largeEvent)
	for range n {
		<-pace.C
		if large {
			for range 2 {
				post(c.t, c.url+"/in", fmt.Sprintf(`{"event":"large","args":[%q],"room":"stalled"}`, text))
			}
		}
		post(c.t, c.url+"/in", fmt.Sprintf(`{"event":"at","args":[%d,%q]}`, time.Since(c.began), strings.Repeat("y", 1000)))
	}
	all := make(chan struct{})
	go func() { c.due.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(patience):
		c.t.Fatalf("%d of %d deliveries", len(c.took), n*audienceSize)
	}
	slices.Sort(c.took)
	return c.took[len(c.took)*99/100]
}

// resident is how much memory the daemon has, in bytes.
func resident(t *testing.T, d *daemon) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", d.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
