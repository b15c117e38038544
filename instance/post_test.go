package instance_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const posts = `
history = { size = 5000 }
[instance.x.ingest]
path = "/in"
`

// watch opens a stream of events and returns its lines, up to the end of the test.
func watch(t testing.TB, addr, query string, header ...string) *bufio.Scanner {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/in"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("got %d %v", resp.StatusCode, resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	return lines
}

// next returns the name and the data of the next event.
func next(t testing.TB, lines *bufio.Scanner) (event, data string) {
	t.Helper()
	for lines.Scan() {
		switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
		case "event":
			event = value
		case "data":
			return event, value
		}
	}
	t.Fatalf("the stream has ended: %v", lines.Err())
	return "", ""
}

func TestPostAndWatch(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, posts+`
[instance.x.on."x.*"]
emit = "renamed"
to = "room:{0}"
[instance.x.on.slow]
args = "[.args[0] + 1]"
`))
	c := dial(t, r.addr, "")
	all, some := watch(t, r.addr, ""), watch(t, r.addr, "?event=ren*&room=a")
	status, body := postTo(t, r.addr, "/in", `{"event":"plain","args":[1.50, {"a": null}]}`)
	if status != http.StatusAccepted || !strings.Contains(body, `"seq":1`) || !strings.Contains(body, `"recipients":1`) {
		t.Errorf("got %d %s", status, body)
	}
	c.want(`42["plain",1.50, {"a": null}]`)
	if event, data := next(t, all); event != "plain" || !strings.HasPrefix(data, "[1.50,") {
		t.Errorf("got %s %s", event, data)
	}
	postTo(t, r.addr, "/in", `[{"event":"x.1","args":["b"]},{"event":"x.2","args":["a"]},{"event":"slow","args":[1]},{"event":"fast","data":"d","room":"`+c.sid+`"}]`)
	c.want(`42["slow",2]`)
	c.want(`42["fast","d"]`)
	if event, data := next(t, some); event != "renamed" || data != `["a"]` {
		t.Errorf("got %s %s", event, data)
	}
	for _, want := range []string{`renamed ["b"]`, `renamed ["a"]`, `slow [2]`, `fast ["d"]`} {
		if event, data := next(t, all); event+" "+data != want {
			t.Errorf("got %s %s, want %s", event, data, want)
		}
	}
	status, body = postTo(t, r.addr, "/in", `{"event":"plain","namespace":"/none"}`)
	if status != http.StatusBadRequest {
		t.Errorf("unknown namespace: got %d %s", status, body)
	}
	if status, body = postTo(t, r.addr, "/in", `{"event":"x.3"}`); !strings.Contains(body, `"dropped":"placeholder"`) {
		t.Errorf("a dropped event: got %d %s", status, body)
	}
}

// TestWatchResumesOverAll replays more than the transport takes at once, to a reader that takes its time.
func TestWatchResumesOverAll(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, posts))
	text := strings.Repeat("x", 1000)
	const n = 3000
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"event":"e","args":[%d,%q]}`+"\n", i, text)
	}
	status, body := postTo(t, r.addr, "/in", b.String(), "Content-Type: application/x-ndjson", "Prefer: return=minimal")
	if status != http.StatusNoContent {
		t.Fatalf("got %d %s", status, body)
	}
	_, _, body = request(t, r.addr, http.MethodGet, "/in?since=0&limit=1")
	_, rest, _ := strings.Cut(body, `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	lines := watch(t, r.addr, "", "Last-Event-ID: "+id)
	for i := 1; i < n; i++ {
		if _, data := next(t, lines); !strings.HasPrefix(data, "["+strconv.Itoa(i)+",") {
			t.Fatalf("event %d: got %.40s", i, data)
		}
	}
	postTo(t, r.addr, "/in", `{"event":"live"}`)
	if event, _ := next(t, lines); event != "live" {
		t.Errorf("got %s", event)
	}
}

func TestAckedPostWaits(t *testing.T) {
	t.Parallel()
	r := run(t, loops(t), written(t, posts+"[instance.x.on.must]\ndelivery = \"acked\"\n"))
	a, b := dial(t, r.addr, ""), dial(t, r.addr, "")
	done := make(chan string, 1)
	go func() {
		_, body := postTo(t, r.addr, "/in?wait=acked&timeout=300ms", `{"event":"must","args":[1]}`)
		done <- body
	}()
	packet := a.recv()
	id, _, _ := strings.Cut(strings.TrimPrefix(packet, "42"), "[")
	a.send("43" + id + "[]")
	b.recv()
	if body := <-done; !strings.Contains(body, `"acked":1`) || !strings.Contains(body, `"awaited":2`) {
		t.Errorf("got %s", body)
	}
	if n := r.Status().RetryQueue; n != 1 {
		t.Errorf("retry queue: %d", n)
	}
}
