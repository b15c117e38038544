package instance_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance"
)

// postTo sends one body to the ingest and returns the status and the answer.
func postTo(t testing.TB, addr, target, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp.Body)
}

const journaled = `
recovery.window = "1m"
[instance.x.journal]
enabled = true
dir = "log"
[instance.x.ingest]
path = "/in"
`

// TestJournalOutlivesTheInstance stops an instance and starts it again: history, numbers, sessions and positions are those of before.
func TestJournalOutlivesTheInstance(t *testing.T) {
	t.Parallel()
	l := loops(t)
	c := written(t, journaled)
	r := run(t, l, c)
	a := open(t, r.addr)
	a.send("40")
	sid, pid := idsOf(t, a.recv())
	_, first := postTo(t, r.addr, "/in", `{"event":"one","args":[1]}`)
	one := a.recv()
	offset := one[strings.LastIndex(one, `,"`)+2 : strings.LastIndex(one, `"`)]
	if !strings.Contains(first, offset) {
		t.Fatalf("answered %s, sent %s", first, one)
	}
	_ = a.conn.Close()
	eventually(t, "the client has gone", func() bool { return r.Status().Clients == 0 })
	postTo(t, r.addr, "/in", `{"event":"two","args":["x",{"y":null}],"room":"nobody"}`)
	postTo(t, r.addr, "/in", `{"event":"three"}`)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}

	r = run(t, l, c)
	b := open(t, r.addr)
	b.send(`40{"pid":"` + pid + `","offset":"` + offset + `"}`)
	if got := b.recv(); !strings.HasPrefix(got, `42["three","`) {
		t.Errorf("missed event: got %s", got)
	}
	if again, _ := idsOf(t, b.recv()); again != sid {
		t.Errorf("sid: got %s, want %s", again, sid)
	}
	_, answer := postTo(t, r.addr, "/in", `{"event":"four"}`)
	if !strings.Contains(answer, `"seq":4`) {
		t.Errorf("the next number: got %s", answer)
	}
	status, _, body := request(t, r.addr, http.MethodGet, "/in?since=1")
	if status != 200 || !strings.Contains(body, `"two"`) || !strings.Contains(body, `["x",{"y":null}]`) || strings.Contains(body, `"one"`) {
		t.Errorf("since: got %d %s", status, body)
	}
}

// TestJournalOfAReplacedInstance starts the successor while the one before still has the folder.
func TestJournalOfAReplacedInstance(t *testing.T) {
	t.Parallel()
	l := loops(t)
	c := written(t, journaled)
	old := run(t, l, c)
	postTo(t, old.addr, "/in", `{"event":"one"}`)
	go func() { _ = old.stop() }()
	next := run(t, l, c)
	if _, _, body := request(t, next.addr, http.MethodGet, "/in?since=0"); !strings.Contains(body, `"one"`) {
		t.Errorf("got %s", body)
	}
}

func TestJournalWithoutAPlace(t *testing.T) {
	t.Parallel()
	c := written(t, "")
	c.Journal.Enabled = true
	in, err := instance.New("x", c, instance.Env{Loops: loops(t)})
	if err != nil {
		t.Fatal(err)
	}
	in.Serve(listen(t))
	if err := in.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "journal.dir") {
		t.Errorf("got %v", err)
	}
}

// idsOf reads the answer to a CONNECT.
func idsOf(t testing.TB, answer string) (sid, pid string) {
	t.Helper()
	_, rest, ok := strings.Cut(answer, `"sid":"`)
	if !ok {
		t.Fatalf("not the answer to a CONNECT: %s", answer)
	}
	sid, rest, _ = strings.Cut(rest, `"`)
	_, rest, _ = strings.Cut(rest, `"pid":"`)
	pid, _, _ = strings.Cut(rest, `"`)
	return sid, pid
}
