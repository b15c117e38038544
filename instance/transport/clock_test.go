package transport_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/instance/transport"
)

func TestClock(t *testing.T) {
	run := func(t *testing.T, name string, f func(*testing.T, transport.Clock)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := transport.NewClock()
				done := make(chan struct{})
				go func() { k.Run(); close(done) }()
				f(t, k)
				k.Stop()
				<-done
			})
		})
	}
	run(t, "calls each at its time, in order", func(t *testing.T, k transport.Clock) {
		begun := time.Now()
		var got []time.Duration
		var want []time.Duration
		for _, i := range rand.Perm(1000) {
			d := time.Duration(i+1) * time.Second
			want = append(want, d)
			k.Set(&transport.Sleeper{Due: func() { got = append(got, time.Since(begun).Round(time.Millisecond)) }}, d)
		}
		after(1001 * time.Second)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("calls at %v…, want %v…", got[:min(5, len(got))], want[:5])
		}
		if k.Len() != 0 {
			t.Errorf("%d entries left", k.Len())
		}
	})
	run(t, "has one entry per sleeper, the earliest", func(t *testing.T, k transport.Clock) {
		begun := time.Now()
		var at []time.Duration
		s := &transport.Sleeper{Due: func() { at = append(at, time.Since(begun).Round(time.Millisecond)) }}
		for _, d := range []time.Duration{10, 20, 5, 7} {
			k.Set(s, d*time.Second)
		}
		if k.Len() != 1 {
			t.Errorf("%d entries", k.Len())
		}
		after(time.Minute)
		if !slices.Equal(at, []time.Duration{5 * time.Second}) {
			t.Errorf("calls at %v", at)
		}
	})
	run(t, "forgets", func(t *testing.T, k transport.Clock) {
		var sleepers []*transport.Sleeper
		called := 0
		for range 5000 {
			s := &transport.Sleeper{Due: func() { called++ }}
			sleepers = append(sleepers, s)
			k.Set(s, time.Duration(rand.IntN(100)+1)*time.Second)
		}
		for i, s := range sleepers {
			if i%10 != 0 {
				k.Clear(s)
				k.Clear(s)
			}
		}
		if k.Len() != 500 {
			t.Errorf("%d entries, want 500", k.Len())
		}
		after(101 * time.Second)
		if called != 500 {
			t.Errorf("%d calls, want 500", called)
		}
	})
	t.Run("watches every two seconds", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			k := transport.NewClock()
			rounds := 0
			k.Watch(func() { rounds++ })
			go k.Run()
			after(21 * time.Second)
			k.Stop()
			synctest.Wait()
			if rounds != 10 {
				t.Errorf("%d rounds in 21 s", rounds)
			}
		})
	})
}

// after lets fake time pass, and everyone do what was due.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
