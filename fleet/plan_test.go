package fleet_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
)

func TestMakePlan(t *testing.T) {
	t.Parallel()
	tls := func(c *config.Instance) { c.TLS = &config.TLS{CertFile: "a", KeyFile: "b"} }
	many := func(c *config.Instance) {
		c.Limits = config.Limits{Clients: 1, PerAddress: 1, RoomsPerClient: 1, Attachments: 1, EventsPerSecond: 1, Burst: 1}
	}
	pollers := file(on("a", 1))
	pollers.Fleet.Pollers, pollers.Fleet.Drain = 3, seconds(1)
	tests := []struct {
		name      string
		old, want *config.Config
		steps     []string
		pending   []string
	}{
		{"the same", file(on("a", 1)), file(on("a", 1)), nil, nil},
		{"the first", nil, file(on("b", 2), on("a", 1), on("c", 3, off)), []string{"disable c 127.0.0.1:3", "start a 127.0.0.1:1", "start b 127.0.0.1:2"}, nil},
		{"everything at once", file(on("stop", 1), on("move", 2), on("again", 3), on("keep", 4), on("tune", 5), on("off", 6), on("on", 7, off)),
			file(on("move", 12), on("again", 3, path("/x/")), on("keep", 4), on("tune", 5, clients(1)), on("off", 6, off), on("on", 7), on("new", 8)),
			[]string{
				"disable off 127.0.0.1:6", "stop stop 127.0.0.1:1", "rebind move 127.0.0.1:2 → 127.0.0.1:12", "replace again path",
				"update tune limits.clients", "start new 127.0.0.1:8", "start on 127.0.0.1:7",
			}, nil},
		{"moved and changed", file(on("a", 1)), file(on("a", 2, clients(1))), []string{"rebind a 127.0.0.1:1 → 127.0.0.1:2, limits.clients"}, nil},
		{"moved and replaced", file(on("a", 1)), file(on("a", 2, path("/x/"))), []string{"replace a 127.0.0.1:1 → 127.0.0.1:2, path"}, nil},
		{"swapped", file(on("a", 1), on("b", 2)), file(on("a", 2), on("b", 1)), []string{"rebind a 127.0.0.1:1 → 127.0.0.1:2", "rebind b 127.0.0.1:2 → 127.0.0.1:1"}, nil},
		{"disabled and changed", file(on("a", 1, off)), file(on("a", 2, off)), []string{"update a port"}, nil},
		{"enabled and moved", file(on("a", 1, off)), file(on("a", 2)), []string{"start a 127.0.0.1:2"}, nil},
		{"removed while disabled", file(on("a", 1, off)), file(), []string{"stop a 127.0.0.1:1"}, nil},
		{"to a range", file(on("a", 3)), file(on("a", 0, ports(3, 5))), []string{"rebind a 127.0.0.1:3 → 127.0.0.1:3-5"}, nil},
		{"many keys", file(on("a", 1)), file(on("a", 1, many)), []string{"update a limits.attachments, limits.burst, limits.clients, limits.events_per_second, 2 more"}, nil},
		{"keys of the fleet", file(on("a", 1)), pollers, []string{"update fleet.drain"}, []string{"fleet.pollers 0 → 3"}},
		{"tls", file(on("a", 1)), file(on("a", 1, tls)), []string{"rebind a tls"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := fleet.MakePlan(tt.old, tt.want)
			if err != nil {
				t.Fatal(err)
			}
			wantSteps(t, p.Steps, tt.steps...)
			if !reflect.DeepEqual(p.Pending, tt.pending) {
				t.Errorf("pending %v, want %v", p.Pending, tt.pending)
			}
			again, _ := fleet.MakePlan(tt.old, tt.want)
			if !reflect.DeepEqual(p, again) {
				t.Error("another plan the second time")
			}
		})
	}
	if _, err := fleet.MakePlan(nil, nil); err == nil {
		t.Error("a plan for nothing")
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var b fleet.Budget
	for i, want := range []time.Duration{1, 2, 4, 8, 16} {
		now = now.Add(time.Second)
		if got, ok := b.Next(now, policy, 0.5); !ok || got != want*time.Second {
			t.Errorf("attempt %d: %s %v, want %s", i, got, ok, want*time.Second)
		}
	}
	if _, ok := b.Next(now, policy, 0.5); ok {
		t.Error("a sixth attempt within the window")
	}
	if got, ok := b.Next(now.Add(9*time.Minute+57*time.Second), policy, 0.5); !ok || got != 16*time.Second {
		t.Errorf("after the first has left the window: %s %v", got, ok)
	}

	var many fleet.Budget
	p := policy
	p.Attempts = 1000
	for i := range 1000 {
		for _, dice := range []float64{0, 0.999} {
			c := many
			got, ok := c.Next(now, p, dice)
			if limit := 30 * time.Second * 5 / 4; !ok || got <= 0 || got > limit {
				t.Fatalf("attempt %d: %s %v", i, got, ok)
			}
		}
		many.Next(now, p, 0)
	}
}

func TestBusyWait(t *testing.T) {
	t.Parallel()
	var before time.Duration
	for n := range 2000 {
		got := fleet.BusyWait(n, 0.5)
		if got < before || got > 5*time.Second || fleet.BusyWait(n, 0.999) > 5*time.Second || fleet.BusyWait(n, 0) <= 0 {
			t.Fatalf("wait %d: %s after %s", n, got, before)
		}
		before = got
	}
	if first := fleet.BusyWait(0, 0.5); first != 250*time.Millisecond {
		t.Errorf("first wait %s", first)
	}
}
