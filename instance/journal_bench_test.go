package instance_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"
)

// BenchmarkIngest measures what the journal costs 16 producers, each of which has a connection of its own and posts the next event when the one before
// is answered. With fsync = "batch" that answer waits for the disk, and all that wait share one fsync.
func BenchmarkIngest(b *testing.B) {
	for _, c := range []struct{ name, journal string }{
		{"journal=off", "enabled = false"},
		{"journal=batch", "enabled = true\ndir = \"log\""},
		{"journal=nosync", "enabled = true\ndir = \"log\"\nfsync = \"off\""},
	} {
		for _, producers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/producers=%d", c.name, producers), func(b *testing.B) {
				r := run(b, loops(b), written(b, "[instance.x.journal]\n"+c.journal+"\n[instance.x.ingest]\npath = \"/in\"\n"))
				event := `{"event":"tick","args":[1,"` + strings.Repeat("x", 100) + `"]}`
				all := make([]*producer, producers)
				for i := range all {
					all[i] = newProducer(b, r.addr, event)
				}
				var left atomic.Int64
				left.Store(int64(b.N))
				var wait sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for _, p := range all {
					wait.Go(func() {
						for left.Add(-1) >= 0 && p.post() == nil {
						}
					})
				}
				wait.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
				if j := r.Stats().Journal; j != nil {
					b.ReportMetric(float64(j.Appended)/float64(j.Commits), "records/commit")
					b.ReportMetric(float64(j.TookSync.Microseconds())/float64(max(j.Synced, 1)), "µs/fsync")
				}
				for _, p := range all {
					if p.err != nil {
						b.Fatal(p.err)
					}
				}
			})
		}
	}
}

// producer posts one event after the other on one connection, with as little work as there can be at its end.
type producer struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	err     error
}

func newProducer(tb testing.TB, addr, event string) *producer {
	tb.Helper()
	conn := raw(tb, addr)
	request := fmt.Appendf(nil, "POST /in HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", addr, len(event), event)
	p := &producer{conn: conn, in: bufio.NewReader(conn), request: request}
	if err := p.post(); err != nil { // the connection is warm
		tb.Fatal(err)
	}
	return p
}

// post sends the event and reads the answer, which has to be 202.
func (p *producer) post() error {
	if _, p.err = p.conn.Write(p.request); p.err != nil {
		return p.err
	}
	length := -1
	for line := []byte(nil); p.err == nil && len(line) != 2; {
		if line, p.err = p.in.ReadSlice('\n'); p.err != nil {
			return p.err
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 202")):
			p.err = fmt.Errorf("answered %s", line)
		case strings.EqualFold(string(name), "Content-Length"):
			_, p.err = fmt.Sscan(string(value), &length)
		}
	}
	if p.err == nil {
		_, p.err = p.in.Discard(length)
	}
	return p.err
}

// BenchmarkFanOut measures what one event costs on its way from a client to a hundred others, with the history and without. The allocations are those of
// the whole process; the readers take what has come as it is, and have none.
func BenchmarkFanOut(b *testing.B) {
	const readers, window = 100, 200
	for _, c := range []struct{ name, keys string }{
		{"history=off", "history = { size = 0 }\n"},
		{"history=on", "history = { size = 1000 }\n"},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := run(b, loops(b), written(b, c.keys))
			event := []byte(`42["tick",1,"` + strings.Repeat("x", 100) + `"]`)
			size := len(event) + 2 // a frame of under 126 bytes has a head of two
			all := make([]net.Conn, readers)
			for i := range all {
				all[i] = dial(b, r.addr, "").conn
				_ = all[i].SetReadDeadline(time.Time{})
			}
			from := dial(b, r.addr, "")
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; { // a sender that does not wait for the slowest would be refused some
				n := min(window, b.N-done)
				for range n {
					if err := wsutil.WriteClientText(from.conn, event); err != nil {
						b.Fatal(err)
					}
				}
				take(b, all, n*size)
				done += n
			}
			b.ReportMetric(float64(readers)*float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
		})
	}
}

// take reads n bytes from each.
func take(b *testing.B, all []net.Conn, n int) {
	var wait sync.WaitGroup
	for _, conn := range all {
		wait.Go(func() {
			var buf [16 << 10]byte
			for left := n; left > 0; {
				k, err := conn.Read(buf[:min(left, len(buf))])
				if err != nil {
					b.Error(err)
					return
				}
				left -= k
			}
		})
	}
	wait.Wait()
}
