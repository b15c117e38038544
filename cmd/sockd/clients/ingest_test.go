package clients_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

const feeds = `[admin]
listen = "off"
[fleet]
drain = "0s"
[defaults]
port = "auto"
[instance.feed]
[instance.feed.ingest]
path = "/api/events"
[instance.feed.on.join]
join = "{0}"
to = "none"
ack = true
[instance.feed.on.say]
to = "all"
[instance.locked]
[instance.locked.auth]
mode = "token"
tokens = ["for those who watch"]
[instance.locked.ingest]
path = "/in"
token = "for those who post"
max_body = "1KiB"
[instance.quiet.ingest]
path = "/in"
response = "empty"
`

type receipt struct {
	ID         string
	Seq        int
	Namespace  string
	Recipients int
}

func receipts(t *testing.T, resp *http.Response, body []byte, n int) []receipt {
	t.Helper()
	var all []receipt
	if resp.StatusCode != 202 || json.Unmarshal(body, &all) != nil || len(all) != n {
		t.Fatalf("%d %s, want 202 and %d receipts", resp.StatusCode, body, n)
	}
	for i, r := range all {
		if r.Namespace != "/" || !strings.HasSuffix(r.ID, fmt.Sprintf("-%d", r.Seq)) || i > 0 && r.Seq <= all[i-1].Seq {
			t.Errorf("receipts %s", body)
		}
	}
	return all
}

// What is posted, in each form, and what is answered.
func TestIngestFromOutside(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	url := d.url("feed") + "/api/events"
	w := watch(t, d.url("feed"), nil)

	resp, body := fetch(t, "POST", url, `{"event":"one","args":["ü",{"n":1.50}]}`)
	var one receipt
	if resp.StatusCode != 202 || json.Unmarshal(body, &one) != nil || one.Seq < 1 || one.Recipients != 1 {
		t.Errorf("one event: %d %s", resp.StatusCode, body)
	}
	w.expect(`["one","ü",{"n":1.5}]`)
	resp, body = fetch(t, "POST", url, ` [{"event":"a","data":1}, {"event":"b"},{"event":"c","args":[null,2]}]`, "Content-Type: application/json")
	receipts(t, resp, body, 3)
	w.expect(`["a",1]`, `["b"]`, `["c",null,2]`)
	if resp, body = fetch(t, "POST", url, "[]"); resp.StatusCode != 202 || string(body) != "[]" {
		t.Errorf("no event: %d %s, want 202 []", resp.StatusCode, body)
	}
	resp, body = fetch(t, "POST", url, `{"event":"least"}`, "Prefer: return=minimal")
	if resp.StatusCode != 204 || len(body) > 0 {
		t.Errorf("Prefer: %d %q", resp.StatusCode, body)
	}
	w.expect(`["least"]`)
	if resp, body = fetch(t, "POST", d.url("quiet")+"/in", `{"event":"e"}`); resp.StatusCode != 204 || len(body) > 0 {
		t.Errorf(`response = "empty": %d %q`, resp.StatusCode, body)
	}

	_, first := fetch(t, "POST", url, `{"event":"once"}`, "Idempotency-Key: k1")
	_, again := fetch(t, "POST", url, `{"event":"once"}`, "Idempotency-Key: k1")
	if string(first) != string(again) {
		t.Errorf("the same key: %s and then %s", first, again)
	}
	fetch(t, "POST", url, `{"event":"once"}`, "Idempotency-Key: k2")
	fetch(t, "POST", url, `{"event":"last"}`)
	w.expect(`["once"]`, `["once"]`, `["last"]`)
}

// What is refused reaches nobody, and says where it is wrong.
func TestIngestRefusals(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	feed, locked := d.url("feed")+"/api/events", d.url("locked")+"/in"
	w := watch(t, d.url("feed"), nil)
	const bearer = "Authorization: Bearer for those who post"
	big := `{"event":"e","data":"` + strings.Repeat("x", 2000) + `"}`
	for _, c := range []struct {
		name, method, url, body, header string
		status                          int
		position                        string
	}{
		{"a fault of syntax", "POST", feed, "{\n  \"event\": }", "", 400, `"line":2,"column":12`},
		{"a body that ends early", "POST", feed, `{"event":"e"`, "", 400, `"line":1,"column":13`},
		{"an event without a name", "POST", feed, `{"args":[]}`, "", 400, `"line":1`},
		{"a reserved name", "POST", feed, `{"event":"connect"}`, "", 400, `"line":1,"column":10`},
		{"arguments that are no array", "POST", feed, `{"event":"e","args":{}}`, "", 400, `"line":1`},
		{"the second of an array", "POST", feed, "[{\"event\":\"lost\"},\n7]", "", 400, `"line":2,"column":1`},
		{"no body", "POST", feed, "", "", 400, ""},
		{"an image", "POST", feed, "{}", "Content-Type: image/png", 415, ""},
		{"a GET that asks for nothing", "GET", feed, "", "", 406, ""},
		{"no token", "POST", locked, `{"event":"e"}`, "", 401, ""},
		{"another token", "POST", locked, `{"event":"e"}`, "Authorization: Bearer something else", 401, ""},
		{"no token to watch", "GET", locked, "", "Accept: text/event-stream", 401, ""},
		{"the token", "POST", locked, `{"event":"e"}`, bearer, 202, ""},
		{"too long a body", "POST", locked, big, bearer, 413, ""},
		{"nothing there", "POST", d.url("feed") + "/in", "{}", "", 404, ""},
	} {
		var headers []string
		if c.header != "" {
			headers = []string{c.header}
		}
		resp, body := fetch(t, c.method, c.url, c.body, headers...)
		if resp.StatusCode != c.status || !strings.Contains(string(body), c.position) {
			t.Errorf("%s: %d %s, want %d with %s", c.name, resp.StatusCode, body, c.status, c.position)
		}
		if c.status == 400 && !strings.Contains(string(body), `"code":"`) {
			t.Errorf("%s: %s has no code", c.name, body)
		}
	}
	fetch(t, "POST", feed, `{"event":"good"}`)
	w.expect(`["good"]`)
}

// The events of a stream are sent while it is being written.
func TestIngestSlowStream(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	w := watch(t, d.url("feed"), nil)
	r, in := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url("feed")+"/api/events", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	type answer struct {
		status int
		body   []byte
	}
	answered := make(chan answer, 1)
	go func() {
		resp, err := plain.Do(req)
		if err != nil {
			answered <- answer{body: []byte(err.Error())}
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answered <- answer{resp.StatusCode, body}
	}()
	const n = 20
	for i := range n {
		fmt.Fprintf(in, "{\"event\":\"n\",\"data\":%d", i)
		fmt.Fprintf(in, "}\n") // the next one is not written before this one has arrived
		w.expect(fmt.Sprintf(`["n",%d]`, i))
		select {
		case a := <-answered:
			t.Fatalf("answered before the end: %d %s", a.status, a.body)
		default:
		}
	}
	fmt.Fprint(in, `{"event":"unterminated"}`)
	in.Close()
	a := <-answered
	receipts(t, &http.Response{StatusCode: a.status}, a.body, n+1)
	w.expect(`["unterminated"]`)
}

// One connection serves many posts; a client that wants to close gets its answer first.
func TestIngestConnections(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, feeds)
	url := d.url("feed") + "/api/events"
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxConnsPerHost: 1}}
	dialled := 0
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !c.Reused {
			dialled++
		}
	}})
	const posts = 50
	for range posts {
		req, err := http.NewRequestWithContext(trace, http.MethodPost, url, strings.NewReader(`{"event":"e"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 202 {
			t.Fatalf("status %d", resp.StatusCode)
		}
	}
	if dialled != 1 {
		t.Errorf("%d connections for %d posts", dialled, posts)
	}
	client.CloseIdleConnections()
	resp, body := fetch(t, "POST", url, `{"event":"e"}`, "Connection: close")
	if resp.StatusCode != 202 || !resp.Close || len(body) == 0 {
		t.Errorf("one shot: %d, close %v, %q", resp.StatusCode, resp.Close, body)
	}
}

// sse is a stream of events as HTTP has it.
type sse struct {
	t *testing.T
	r *bufio.Reader
	c io.Closer
}

func listen(t *testing.T, url string, headers ...string) *sse {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range append(headers, "Accept: text/event-stream") {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, resp.Header)
	}
	return &sse{t, bufio.NewReader(resp.Body), resp.Body}
}

// next is the next event: its id, and name and data in one.
func (s *sse) next() (id, event string) {
	s.t.Helper()
	var name, data string
	for {
		l, err := s.r.ReadString('\n')
		if err != nil {
			s.t.Fatalf("stream: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ": ")
		switch field {
		case "id":
			id = value
		case "event":
			name = value
		case "data":
			data += value
		case "":
			if name != "" {
				return id, name + data
			}
		}
	}
}

func (s *sse) expect(want ...string) (id string) {
	s.t.Helper()
	for _, w := range want {
		var got string
		if id, got = s.next(); got != w {
			s.t.Fatalf("got %s, want %s", got, w)
		}
	}
	return id
}
