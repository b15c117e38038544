package journal_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/journal"
)

// BenchmarkAppend is one producer that waits for nothing but room in the queue.
func BenchmarkAppend(b *testing.B) {
	j, _ := open(b, journal.Options{Dir: b.TempDir(), MaxBytes: 256 << 20})
	start(j)
	r := journal.Record{Kind: kindEvent, Space: "/", At: time.Now(), Data: make([]byte, 256)}
	done := func(error) {}
	b.SetBytes(256)
	b.ReportAllocs()
	for b.Loop() {
		r.Seq++
		for errors.Is(j.Append(r, done), journal.ErrFull) {
			runtime.Gosched()
		}
	}
}

// BenchmarkProducers are sixteen producers, each of which keeps as many records on the way as its name says.
func BenchmarkProducers(b *testing.B) {
	for _, mode := range []journal.Sync{journal.Batch, journal.Off} {
		for name, window := range map[string]int{"waiting": 1, "64 on the way": 64} {
			b.Run(mode.String()+"/"+name, func(b *testing.B) { produce(b, mode, window) })
		}
	}
}

func produce(b *testing.B, mode journal.Sync, window int) {
	j, _ := open(b, journal.Options{Dir: b.TempDir(), Fsync: mode, MaxBytes: 256 << 20})
	start(j)
	b.SetBytes(256)
	b.ReportAllocs()
	b.ResetTimer()
	var producers sync.WaitGroup
	for p := range 16 {
		n := b.N / 16
		if p < b.N%16 {
			n++
		}
		producers.Go(func() {
			free := make(chan error, window)
			for range window {
				free <- nil
			}
			done := func(err error) { free <- err }
			r := journal.Record{Kind: kindEvent, Space: "/", At: time.Now(), Data: make([]byte, 256)}
			for range n {
				if err := <-free; err != nil {
					b.Error(err)
				}
				r.Seq++
				if err := j.Append(r, done); err != nil {
					b.Error(err)
				}
			}
			for range window {
				<-free
			}
		})
	}
	producers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.N)/float64(j.Stats().Commits), "records/commit")
}
