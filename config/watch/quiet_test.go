package watch_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/config/watch"
)

// bursts replays events at the given moments and returns when the bursts ended.
func bursts(quiet time.Duration, events []time.Duration) []time.Duration {
	b := watch.NewBurst(quiet)
	begin := time.Now()
	var ends []time.Duration
	until := func(at time.Time) {
		deadline := time.After(time.Until(at))
		for {
			select {
			case <-b.Over():
				b.End()
				ends = append(ends, time.Since(begin))
			case <-deadline:
				return
			}
		}
	}
	for _, e := range events {
		until(begin.Add(e))
		b.Touch()
	}
	until(time.Now().Add(time.Minute))
	return ends
}

func every(step, until time.Duration) []time.Duration {
	var list []time.Duration
	for t := time.Duration(0); t <= until; t += step {
		list = append(list, t)
	}
	return list
}

func TestBurst(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	tests := []struct {
		name   string
		events []time.Duration
		want   []time.Duration
	}{
		{"one event", []time.Duration{0}, []time.Duration{150 * ms}},
		{"a second event prolongs", []time.Duration{0, 100 * ms}, []time.Duration{250 * ms}},
		{"an event after the pause opens a new one", []time.Duration{0, 151 * ms}, []time.Duration{150 * ms, 301 * ms}},
		{"an endless burst ends after a second", every(99*ms, 1900*ms), []time.Duration{1000 * ms, 2031 * ms}},
		{"events long after", []time.Duration{0, 10 * time.Second}, []time.Duration{150 * ms, 10150 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := bursts(150*ms, tt.events)
				if len(got) != len(tt.want) {
					t.Fatalf("bursts ended at %v, want %v", got, tt.want)
				}
				for i := range got {
					if got[i] != tt.want[i] {
						t.Errorf("burst %d ended at %v, want %v", i, got[i], tt.want[i])
					}
				}
			})
		})
	}
}
