package main

import "testing"

func TestTrimIsDue(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	quiet := footprint{clients: 10, allocated: 100 * mb, objects: 10 * mb, live: 10 * mb}
	for _, tt := range []struct {
		name string
		then func(u *footprint)
		most int
		want bool
	}{
		{"nothing to gain", func(*footprint) {}, 10, false},
		{"garbage", func(u *footprint) { u.objects += 5 * mb }, 10, true},
		{"little garbage", func(u *footprint) { u.objects += 3 * mb }, 10, false},
		{"garbage, but little beside what lives", func(u *footprint) { u.objects, u.live = 105*mb, 100*mb }, 10, false},
		{"garbage, but work goes on", func(u *footprint) { u.objects += 5 * mb; u.allocated += mb }, 10, false},
		{"memory that is free", func(u *footprint) { u.free = 5 * mb }, 10, true},
		{"a crowd has left", func(*footprint) {}, 10000, true},
		{"a crowd is leaving", func(u *footprint) { u.clients = 9 }, 10000, true},
		{"a crowd leaves fast", func(u *footprint) { u.clients = 1000 }, 10000, false},
		{"a crowd comes", func(u *footprint) { u.clients, u.objects = 2000, 30*mb }, 10, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tr := &trimmer{last: quiet, most: tt.most}
			now := quiet
			tt.then(&now)
			if got := tr.due(now); got != tt.want {
				t.Errorf("got %v", got)
			}
			if tt.want && tr.most != now.clients {
				t.Errorf("remembers %d clients of those that left", tr.most)
			}
		})
	}
}

// What the runtime is asked for exists: a name that it does not know would count as zero.
func TestTrimKnowsTheHeap(t *testing.T) {
	t.Parallel()
	u := (&trimmer{clients: func() int { return 7 }}).look()
	if u.clients != 7 || u.allocated == 0 || u.objects == 0 {
		t.Errorf("got %+v", u)
	}
}
