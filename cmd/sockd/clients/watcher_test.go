package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"testing"
	"time"
)

// watcher is watch.mjs: an official client whose events are read here.
type watcher struct {
	t     *testing.T
	in    io.Writer
	lines chan string
}

// watch starts a client and waits until it is connected.
func watch(t *testing.T, url string, env map[string]string) *watcher {
	t.Helper()
	w := watchAny(t, url, env)
	w.expectStart(`["connect",`)
	return w
}

func watchAny(t *testing.T, url string, env map[string]string) *watcher {
	t.Helper()
	with := map[string]string{"URL": url, "TRANSPORTS": "websocket"}
	maps.Copy(with, env)
	_, in, out := begin(t, with, "node", "testdata/watch.mjs")
	w := &watcher{t, in, make(chan string, 100_000)} // more than a test makes: it never blocks the client
	go func() {
		defer close(w.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			w.lines <- s.Text()
		}
	}()
	return w
}

func (w *watcher) next() string {
	w.t.Helper()
	select {
	case l, ok := <-w.lines:
		if !ok {
			w.t.Fatal("the client has ended")
		}
		return l
	case <-time.After(patience):
		w.t.Fatal("nothing happens to the client")
	}
	return ""
}

// expect compares what happens next.
func (w *watcher) expect(want ...string) {
	w.t.Helper()
	for _, l := range want {
		if got := w.next(); got != l {
			w.t.Fatalf("the client tells %s, want %s", got, l)
		}
	}
}

func (w *watcher) expectStart(want string) string {
	w.t.Helper()
	got := w.next()
	if len(got) < len(want) || got[:len(want)] != want {
		w.t.Fatalf("the client tells %s, want %s…", got, want)
	}
	return got
}

func (w *watcher) emit(event ...any) {
	w.t.Helper()
	text, err := json.Marshal(event)
	if err != nil {
		w.t.Fatal(err)
	}
	fmt.Fprintf(w.in, "%s\n", text)
}
