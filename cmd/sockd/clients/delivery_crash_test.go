package clients_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crashes is how often TestCrash kills the daemon; SOCKD_CRASHES may ask for more.
const crashes = 15

// durable is an instance that is to lose nothing.
const durable = `[admin]
listen = "off"

[instance.one]
port = %d
recovery = { window = "10m" }
history = { size = 1000000, max_bytes = "512MiB" }
retry = { attempts = 1000, initial = "200ms", max = "1s", max_age = "10m", ack_timeout = "2s", capacity = 1000000 }
journal = { enabled = true }

[instance.one.ingest]
path = "/in"

[instance.one.on.join]
join = "{0}"
to = "none"
ack = true

[instance.one.on.acked]
delivery = "acked"
to = "all"

[instance.one.on.said]
to = "all"
ack = true
`

// TestCrash kills the daemon again and again under load, now and then while it is still starting, and afterwards compares what producers were answered,
// what the history says, and what the applications of official clients were told.
func TestCrash(t *testing.T) {
	t.Parallel()
	n := crashes
	if s := os.Getenv("SOCKD_CRASHES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	port := freePorts(t, 1)[0]
	d := newDaemon(t, fmt.Sprintf(durable, port))
	url := fmt.Sprintf("http://127.0.0.1:%d", port)
	crowd := converse(t, map[string]string{"URL": url}, "node", "testdata/delivery_crowd.mjs")
	crowd.ask("crowd")
	crowd.ask("load")

	l := newLoad(t, url+"/in")
	for k := range n {
		<-time.After(time.Duration(20+random.IntN(700)) * time.Millisecond)
		d.end(syscall.SIGKILL)
		l.gate.Lock() // what was under way has failed: the first event of the next run is the mark
		if k%4 == 3 {
			stillborn(d, time.Duration(10+random.IntN(200))*time.Millisecond)
		}
		d.run()
		l.mark(k + 1)
		l.gate.Unlock()
	}
	<-time.After(300 * time.Millisecond)
	l.end()
	crowd.ask("rest")
	v := &verdict{t: t, load: l, history: readHistory(t, url+"/in")}
	crowd.ask("until %s", v.owed())
	report := filepath.Join(t.TempDir(), "report")
	crowd.ask("report %s", report)
	v.read(report)
	v.check()
	t.Logf("seed %d, %d kills: %s", seed, n, v)
}

// stillborn starts the process and kills it before it can be ready.
func stillborn(d *daemon, after time.Duration) {
	d.t.Helper()
	cmd := exec.Command(binary, "fleet", "run", "-c", d.file, "--state-dir", d.state)
	cmd.SysProcAttr = notAfterUs
	cmd.Stdout, cmd.Stderr = d.log, d.log
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	<-time.After(after)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// load is four producers, and what they were answered.
type load struct {
	t    *testing.T
	url  string
	http *http.Client
	gate sync.RWMutex // held by a producer while a request is under way
	stop context.CancelFunc
	all  sync.WaitGroup

	mu       sync.Mutex
	accepted map[string]answer // by key
	refused  map[string]bool   // answered, but not 202
	unknown  int               // events that were under way when the daemon was killed
	marks    []uint64          // by run: the number of its first event
}

type answer struct {
	ID  string
	Seq uint64
}

func newLoad(t *testing.T, url string) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{
		t: t, url: url, stop: cancel, http: &http.Client{Timeout: patience, Transport: &http.Transport{}},
		accepted: map[string]answer{}, refused: map[string]bool{},
	}
	l.mark(0)
	for p := range 4 {
		l.all.Go(func() { l.produce(ctx, p) })
	}
	t.Cleanup(l.end)
	return l
}

func (l *load) end() {
	l.stop()
	l.all.Wait()
	l.http.CloseIdleConnections()
}

// mark posts the event that every run begins with.
func (l *load) mark(run int) {
	key := fmt.Sprintf("mark-%d", run)
	l.post([]string{key}, "once", "")
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accepted[key].Seq == 0 {
		l.t.Errorf("%s was not accepted", key)
	}
	l.marks = append(l.marks, l.accepted[key].Seq)
}

// produce posts events of all kinds, a few hundred in a second.
func (l *load) produce(ctx context.Context, p int) {
	pace := time.NewTicker(8 * time.Millisecond)
	defer pace.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
		key := fmt.Sprintf("p%d-%d", p, i)
		l.gate.RLock()
		switch i % 8 {
		case 0:
			l.post([]string{key + "a", key + "b", key + "c"}, "once", "")
		case 3:
			l.post([]string{key}, "some", "some")
		case 2, 5:
			l.post([]string{key}, "acked", "")
		default:
			l.post([]string{key}, "once", "")
		}
		l.gate.RUnlock()
	}
}

// post sends one event, or several as an array, and notes the answer.
func (l *load) post(keys []string, event, room string) {
	var all []map[string]any
	for _, k := range keys {
		e := map[string]any{"event": event, "args": []string{k}}
		if room != "" {
			e["room"] = room
		}
		all = append(all, e)
	}
	body, _ := json.Marshal(all)
	if len(all) == 1 {
		body = body[1 : len(body)-1]
	}
	resp, err := l.http.Post(l.url, "application/json", bytes.NewReader(body))
	var text []byte
	if err == nil {
		text, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
		l.unknown += len(keys)
	case resp.StatusCode != http.StatusAccepted:
		for _, k := range keys {
			l.refused[k] = true
		}
	default:
		l.note(keys, text)
	}
}

func (l *load) note(keys []string, text []byte) {
	if len(keys) == 1 {
		text = append(append([]byte{'['}, text...), ']')
	}
	var answers []answer
	if err := json.Unmarshal(text, &answers); err != nil || len(answers) != len(keys) {
		l.t.Errorf("202 with %s", text)
		return
	}
	for i, a := range answers {
		if a.Seq == 0 {
			l.refused[keys[i]] = true
			continue
		}
		l.accepted[keys[i]] = a
	}
}

// past is an event of the history.
type past struct {
	ID    string
	Seq   uint64
	Event string
	Args  []json.RawMessage
	Room  []string
}

func (p *past) key() string {
	var s string
	if len(p.Args) > 0 {
		_ = json.Unmarshal(p.Args[0], &s)
	}
	return s
}

// readHistory reads all that GET ?since=0 gives.
func readHistory(t *testing.T, url string) (all []past) {
	t.Helper()
	for since := "0"; ; {
		_, body := fetch(t, "GET", url+"?limit=1000&since="+since, "")
		var page struct {
			Events []past
			Gap    any
			Last   string
		}
		if err := json.Unmarshal(body, &page); err != nil || page.Gap != nil {
			t.Fatalf("since=%s: %v, gap %v: %.200s", since, err, page.Gap, body)
		}
		if len(page.Events) == 0 {
			return all
		}
		all, since = append(all, page.Events...), page.Last
	}
}
