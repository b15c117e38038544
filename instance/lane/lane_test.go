package lane_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/lane"
)

func TestOrderWithinALane(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := lane.New(3, 0, nil)
		p.Start()
		got := make([][]int, 3)
		for i := range 3000 {
			if err := p.Do(i, func() { got[i%3] = append(got[i%3], i) }); err != nil {
				t.Fatal(err)
			}
		}
		p.Stop()
		for k, g := range got {
			if len(g) != 1000 {
				t.Fatalf("lane %d: got %d jobs, want 1000", k, len(g))
			}
			for i := range g {
				if g[i] != 3*i+k {
					t.Fatalf("lane %d: job %d at position %d", k, g[i], i)
				}
			}
		}
	})
}

func TestJobsWaitForStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := lane.New(1, 0, nil)
		ran := false
		_ = p.Do(0, func() { ran = true })
		synctest.Wait()
		if ran {
			t.Error("the job ran before Start")
		}
		p.Start()
		p.Stop()
		if !ran {
			t.Error("the job was lost")
		}
	})
}

func TestFullLaneRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := lane.New(2, 2, nil)
		p.Start()
		gate := make(chan struct{})
		_ = p.Do(0, func() { <-gate })
		synctest.Wait() // the worker holds the first job
		for range 2 {
			if err := p.Do(0, func() {}); err != nil {
				t.Fatalf("within the depth: %v", err)
			}
		}
		if err := p.Do(0, func() {}); !errors.Is(err, lane.ErrFull) {
			t.Errorf("over the depth: got %v, want %v", err, lane.ErrFull)
		}
		if err := p.Do(1, func() {}); err != nil {
			t.Errorf("the other lane: %v", err)
		}
		close(gate)
		p.Stop()
		if err := p.Do(0, func() {}); !errors.Is(err, lane.ErrClosed) {
			t.Errorf("after the end: got %v, want %v", err, lane.ErrClosed)
		}
	})
}

func TestPanicLeavesTheLaneRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := lane.New(1, 0, nil)
		p.Start()
		after := false
		_ = p.Do(0, func() { panic("job") })
		_ = p.Do(0, func() { after = true })
		p.Stop()
		if !after || p.Panics() != 1 {
			t.Errorf("after = %v, panics = %d; want true, 1", after, p.Panics())
		}
	})
}

func TestManyProducers(t *testing.T) {
	t.Parallel()
	p := lane.New(4, 1<<20, nil)
	p.Start()
	var producers sync.WaitGroup
	counts := make([]int, 4) // each written by its lane alone: the race detector checks that
	for range 8 {
		producers.Go(func() {
			for i := range 4000 {
				if err := p.Do(i, func() { counts[i%4]++ }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	producers.Wait()
	p.Stop()
	for k, n := range counts {
		if n != 8000 {
			t.Errorf("lane %d ran %d jobs, want 8000", k, n)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	p := lane.New(2, 1<<20, nil)
	p.Start()
	job := func() {}
	b.ReportAllocs()
	for b.Loop() {
		for errors.Is(p.Do(0, job), lane.ErrFull) {
		}
	}
	p.Stop()
}

func TestOnWake(t *testing.T) {
	t.Parallel()
	p := lane.New(1, 0, nil)
	woken := 0
	p.OnWake(func() { woken++ })
	p.Start()
	hold, held := make(chan struct{}), make(chan struct{})
	for i := range 3 { // the first one wakes the lane, the others find it at work
		if err := p.Do(0, func() {
			if i == 0 {
				close(held)
				<-hold
			}
		}); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			<-held
		}
	}
	close(hold)
	p.Stop()
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
}
