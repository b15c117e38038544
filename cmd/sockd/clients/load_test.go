package clients_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd connects n WebSocket clients that read all that comes and look at nothing; got counts the events.
func crowd(t *testing.T, url string, n int) (got *atomic.Int64) {
	t.Helper()
	got = new(atomic.Int64)
	var connected sync.WaitGroup
	gate := make(chan struct{}, 50) // who connect at once
	for range n {
		gate <- struct{}{}
		connected.Go(func() {
			defer func() { <-gate }()
			conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x82\x00\x00\x00\x0040")
			r := bufio.NewReaderSize(conn, 1024)
			if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 101 {
				t.Errorf("upgrade: %v %v", resp, err)
				return
			}
			if _, err := frame(r); err != nil { // the handshake
				t.Error(err)
			}
			if _, err := frame(r); err != nil { // the answer to CONNECT
				t.Error(err)
			}
			go func() {
				for {
					if _, err := frame(r); err != nil {
						return
					}
					got.Add(1)
				}
			}()
		})
	}
	connected.Wait()
	return got
}

// frame skips a short frame of a server.
func frame(r *bufio.Reader) (int, error) {
	head, err := r.Peek(2)
	if err != nil {
		return 0, err
	}
	size := int(head[1]) + 2
	if head[1] == 126 {
		if head, err = r.Peek(4); err != nil {
			return 0, err
		}
		size = int(head[2])<<8 + int(head[3]) + 4
	}
	return r.Discard(size)
}

// Who posts does not wait for those who listen: answers come as fast while each event goes to two thousand clients.
func TestIngestUnderFanOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sockd.toml")
	if err := os.WriteFile(file, []byte(feeds), 0o600); err != nil {
		t.Fatal(err)
	}
	d := runWith(t, quick, file)
	const clients, posts = 2000, 80
	url := d.url("feed")
	got := crowd(t, url, clients)
	took := make([]time.Duration, 0, posts)
	event := `{"event":"tick","data":"` + strings.Repeat("x", 100) + `"}`
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range posts {
		<-tick.C
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/events", strings.NewReader(event))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		took = append(took, time.Since(start))
		if resp.StatusCode != 202 || !strings.Contains(string(body), fmt.Sprintf(`"recipients":%d`, clients)) {
			t.Fatalf("%d %s", resp.StatusCode, body)
		}
	}
	for end := time.Now().Add(patience); got.Load() < clients*posts && time.Now().Before(end); {
		<-tick.C
	}
	if n := got.Load(); n != clients*posts {
		t.Errorf("%d events arrived, want %d", n, clients*posts)
	}
	slices.Sort(took)
	t.Logf("answers: p50 %v, p99 %v, max %v", took[posts/2], took[posts*99/100], took[posts-1])
	if p99 := took[posts*99/100]; p99 > 500*time.Millisecond { // 10 ms on a machine of its own
		t.Errorf("p99 %v", p99)
	}
}
