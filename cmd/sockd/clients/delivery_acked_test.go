package clients_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

const insistent = `[admin]
listen = "off"

[instance.one]
port = "auto"
retry = { attempts = 3, initial = "100ms", max = "100ms", jitter = 0.0, ack_timeout = "300ms", max_age = "20s" }
` + seats + `
[instance.one.ingest]
path = "/in"
[instance.one.on.must]
delivery = "acked"
`

// waited is what ?wait=acked answers.
type waited struct {
	Seq                        uint64
	Recipients, Acked, Awaited int
}

func waitFor(t *testing.T, url, room, timeout string) (w waited, took time.Duration) {
	t.Helper()
	began := time.Now()
	answer := post(t, url+"/in?wait=acked&timeout="+timeout, fmt.Sprintf(`{"event":"must","args":[%q],"room":%q}`, room, room))
	if err := json.Unmarshal([]byte(answer), &w); err != nil || w.Seq == 0 {
		t.Fatalf("answered %s", answer)
	}
	return w, time.Since(began)
}

func pending(n uint64) func(control.Status) bool {
	return func(s control.Status) bool { return s.Instances[0].RetryQueue == n }
}

type letter struct {
	Seq                              uint64
	Event, Namespace, Client, Reason string
	Args                             []string
	Attempts                         int
}

// letters is what sockd retry list shows of a client.
func letters(d *daemon, client string) (pending, dead []letter) {
	d.t.Helper()
	cmd := exec.Command(binary, "--config", d.file, "--state-dir", d.state, "retry", "list", "one", "--json")
	cmd.SysProcAttr = notAfterUs
	text, err := cmd.Output()
	if err != nil {
		d.t.Fatalf("%v: %v", cmd, err)
	}
	var list struct{ Pending, Dead []letter }
	if err := json.Unmarshal(text, &list); err != nil || list.Pending == nil || list.Dead == nil {
		d.t.Fatalf("%s: %v", text, err)
	}
	others := func(l letter) bool { return l.Client != client }
	return slices.DeleteFunc(list.Pending, others), slices.DeleteFunc(list.Dead, others)
}

// Clients that answer as they should not: late, never, twice, or not before they have gone.
func TestAnswers(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, insistent)
	url := d.url("one")

	t.Run("at once, and twice", func(t *testing.T) {
		a, b := sit(t, url, `{"room":"twice"}`), sit(t, url, `{"room":"twice"}`)
		for _, s := range []*seat{a, b} {
			go func() {
				if p, err := s.hear(patience); err == nil && len(p) > 3 {
					id := p[2 : 2+strings.IndexByte(p[2:], '[')]
					s.say("43" + id + "[]")
					s.say("43" + id + "[]")
				}
			}()
		}
		if w, _ := waitFor(t, url, "twice", "20s"); w.Acked != 2 || w.Awaited != 2 || w.Recipients != 2 {
			t.Errorf("got %+v", w)
		}
		d.until("nothing is pending", pending(0))
		for _, s := range []*seat{a, b} { // it is not sent again, and who answered twice is still there
			post(t, url+"/in", `{"event":"next","args":[],"room":"twice"}`)
			if p, err := s.hear(patience); err != nil || p != `42["next"]` {
				t.Errorf("got %q, %v", p, err)
			}
			for _, x := range []*seat{a, b} {
				if x != s {
					_, _ = x.hear(patience)
				}
			}
		}
	})
	t.Run("late", func(t *testing.T) {
		s := sit(t, url, `{"room":"late"}`)
		done := make(chan waited, 1)
		go func() { w, _ := waitFor(t, url, "late", "20s"); done <- w }()
		first, text := s.asked()
		second, again := s.asked() // sent again
		if first != second || text != again {
			t.Errorf("sent %s%s, then %s%s", first, text, second, again)
		}
		s.say("43" + first + "[]")
		if w := <-done; w.Acked != 1 || w.Awaited != 1 {
			t.Errorf("got %+v", w)
		}
		d.until("nothing is pending", pending(0))
		post(t, url+"/in", `{"event":"next","args":[],"room":"late"}`)
		for p, err := s.hear(patience); p != `42["next"]`; p, err = s.hear(patience) { // a third send may have been under way
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("never", func(t *testing.T) {
		s := sit(t, url, `{"room":"never"}`)
		w, took := waitFor(t, url, "never", "100ms")
		if w.Acked != 0 || w.Awaited != 1 || took < 100*time.Millisecond {
			t.Errorf("got %+v after %v", w, took)
		}
		waits, dead := letters(d, s.sid)
		want := letter{Seq: w.Seq, Event: "must", Namespace: "/", Client: s.sid, Args: []string{"never"}}
		if len(waits)+len(dead) != 1 { // on a slow machine it has been given up already
			t.Errorf("pending %+v, dead %+v", waits, dead)
		}
		d.until("it is given up", pending(0))
		want.Attempts, want.Reason = 3, "attempts"
		if _, dead = letters(d, s.sid); len(dead) != 1 || !reflect.DeepEqual(dead[0], want) {
			t.Errorf("dead %+v, want %+v", dead, want)
		}
		post(t, url+"/in", `{"event":"next","args":[],"room":"never"}`)
		sends := 0
		for p, err := s.hear(patience); p != `42["next"]`; p, err = s.hear(patience) {
			if err != nil {
				t.Fatal(err)
			}
			sends++
		}
		if sends != 3 {
			t.Errorf("it was sent %d times, want 3", sends)
		}
	})
	t.Run("given up before the wait is over", func(t *testing.T) {
		sit(t, url, `{"room":"silent"}`)
		if w, took := waitFor(t, url, "silent", "50s"); w.Acked != 0 || w.Awaited != 1 || took > 40*time.Second {
			t.Errorf("got %+v after %v", w, took)
		}
	})
	t.Run("gone before it answers", func(t *testing.T) {
		s := sit(t, url, `{"room":"gone"}`)
		go func() {
			_, _ = s.hear(patience)
			_ = s.conn.Close()
		}()
		if w, took := waitFor(t, url, "gone", "50s"); w.Acked != 0 || w.Awaited != 1 || took > 40*time.Second {
			t.Errorf("got %+v after %v", w, took)
		}
		if _, dead := letters(d, s.sid); len(dead) != 1 || dead[0].Reason != "left" || dead[0].Attempts != 1 {
			t.Errorf("dead %+v", dead)
		}
	})
	t.Run("back before it answers", func(t *testing.T) {
		const auth = `{"room":"back","client_id":"back"}`
		s := sit(t, url, auth)
		done := make(chan waited, 1)
		go func() { w, _ := waitFor(t, url, "back", "20s"); done <- w }()
		first, text := s.asked()
		_ = s.conn.Close()
		s = sit(t, url, auth)
		second, again := s.asked()
		if text != again {
			t.Errorf("sent %s, then %s", text, again)
		}
		s.say("43" + second + "[]")
		if w := <-done; w.Acked != 1 || w.Awaited != 1 || first != second {
			t.Errorf("got %+v for %q and %q", w, first, second)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		if w, took := waitFor(t, url, "nobody", "50s"); w.Acked+w.Awaited+w.Recipients != 0 || took > 40*time.Second {
			t.Errorf("got %+v after %v", w, took)
		}
	})
	t.Run("asked badly", func(t *testing.T) {
		for _, query := range []string{"wait=all", "wait=acked&timeout=2", "wait=acked&timeout=-1s"} {
			if resp, body := fetch(t, "POST", url+"/in?"+query, `{"event":"must"}`); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("%s: %d %s", query, resp.StatusCode, body)
			}
		}
	})
}
