package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// double answers as a daemon does.
type double struct {
	control.Backend
	emitted []control.EmitRequest // by one caller
	refuse  []error               // the next answers to an emit; nil = accepted
	acked   int
	tail    func(ctx context.Context, send func(control.TailLine) error) error
}

func (d *double) Status() control.Status {
	return control.Status{Schema: 1, Instances: []control.InstanceStatus{{Name: "chat", State: "ready"}}}
}

func (d *double) Emit(_ context.Context, e control.EmitRequest) (control.Emitted, error) {
	if len(d.refuse) > 0 {
		err := d.refuse[0]
		d.refuse = d.refuse[1:]
		if err != nil {
			return control.Emitted{}, err
		}
	}
	d.emitted = append(d.emitted, e)
	return control.Emitted{ID: "abcdefgh-1", Seq: 1, Namespace: "/", Recipients: 1, Acked: d.acked, Awaited: 2}, nil
}

func (d *double) Tail(ctx context.Context, _ control.TailRequest, send func(control.TailLine) error) error {
	return d.tail(ctx, send)
}

// play runs a command against d and returns its exit code and what it printed. It is not for parallel tests: the cli package has one help flag for
// all apps.
func (d *double) play(t *testing.T, words ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, messages safeBuffer
	code = d.playTo(t, &out, &messages, words...)
	return code, out.String(), messages.String()
}

func (d *double) playTo(t *testing.T, out, messages io.Writer, words ...string) (code int) {
	t.Helper()
	dir := t.TempDir()
	ln, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, ln, d) }()
	code = run(t.Context(), append([]string{"--state-dir", dir}, words...), out, messages)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return code
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestTailIsForReaders(t *testing.T) {
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.Local)
	lines := []control.TailLine{
		{Time: at, Instance: "chat", Dir: control.In, Namespace: "/n", Event: "e\x1b[2J", Args: json.RawMessage(`[1,"a\u001b"]`), From: "client", SID: "s", Rule: "e*"},
		{Time: at, Instance: "chat", Dir: control.Out, Namespace: "/", Event: "f", Args: json.RawMessage(`[]`), Rooms: []string{"r", "q"}, ID: "abcdefgh-1", Lost: 7},
		{Time: at, Lost: 2},
	}
	var calls int
	d := &double{}
	d.tail = func(_ context.Context, send func(control.TailLine) error) error {
		calls++
		if calls > 1 {
			return send(control.TailLine{Time: at, Instance: "chat", Dir: control.In, Event: "back"})
		}
		for _, l := range lines {
			if err := send(l); err != nil {
				return err
			}
		}
		return errors.New("the fleet has ended")
	}
	// The command ends when its output does: the pipe breaks after the event that comes when the daemon is back.
	out := &closing{after: "back"}
	var messages safeBuffer
	code := d.playTo(t, out, &messages, "tail", "chat")
	want := "12:00:00.000 chat in  e?[2J 1,\"a\\u001b\" namespace=n sid=s rule=e*\n12:00:00.000 chat out f  rooms=r,q id=abcdefgh-1\n12:00:00.000 chat in  back \n"
	if got := out.String(); code != exitFailed || got != want {
		t.Errorf("code %d, got\n%q\nwant\n%q", code, got, want)
	}
	for _, want := range []string{"too slow, 7 events not shown", "too slow, 2 events not shown", "the daemon has gone", "the daemon is back", "pipe is closed"} {
		if !strings.Contains(messages.String(), want) {
			t.Errorf("not said: %s\n%s", want, messages.String())
		}
	}
}

// closing is an output that breaks when it has been given a word.
type closing struct {
	safeBuffer
	after string
}

func (c *closing) Write(p []byte) (int, error) {
	n, err := c.safeBuffer.Write(p)
	if strings.Contains(string(p), c.after) {
		err = errors.New("pipe is closed")
	}
	return n, err
}

func TestTailWaitsForADaemonInVain(t *testing.T) {
	t.Parallel()
	var messages safeBuffer
	c := cli.NewContext(newApp(io.Discard, &messages), flag.NewFlagSet("", flag.ContinueOnError), nil)
	c.Context = t.Context()
	f := &follower{c: c, client: control.Dial("nowhere"), gone: time.Now().Add(-returnTime - time.Second)}
	if code := report(&messages, f.follow(control.TailRequest{})); code != exitUnreachable || !strings.Contains(messages.String(), "has not come back within 30s") {
		t.Errorf("code %d: %s", code, messages.String())
	}
}

func TestEmitWaitsForAcknowledgements(t *testing.T) {
	for acked, want := range map[int]int{2: exitOK, 1: exitTimeout} {
		d := &double{acked: acked}
		code, stdout, stderr := d.play(t, "emit", "chat", "msg", "1", "--ack", "--timeout", "2s", "--room", "a", "--room", "b,c", "--except", "c", "--namespace", "n")
		if code != want || !strings.Contains(stdout, "acknowledged by") {
			t.Errorf("%d of 2: code %d, %s%s", acked, code, stdout, stderr)
		}
		e := d.emitted[0]
		if !e.Ack || e.WaitMS != 2000 || len(e.Rooms) != 2 || e.Except[0] != "c" || e.Namespace != "/n" || string(e.Args) != "[1]" {
			t.Errorf("asked for %+v", e)
		}
	}
	d := &double{refuse: []error{control.ErrNotServing}}
	if code, _, stderr := d.play(t, "emit", "chat", "msg"); code != exitNotReady || !strings.Contains(stderr, "does not serve") {
		t.Errorf("code %d: %s", code, stderr)
	}
}

func TestReplayTriesAgain(t *testing.T) {
	tape := filepath.Join(t.TempDir(), "tape")
	if err := os.WriteFile(tape, []byte("{\"sockd\":1}\n{\"t\":1,\"event\":\"a\"}\n{\"t\":1,\"event\":\"b\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &double{refuse: []error{control.ErrBusy, control.ErrNotServing, nil, errors.New("event is bad")}}
	code, stdout, stderr := d.play(t, "replay", "chat", tape, "--speed", "max", "--json")
	var sum replayed
	if err := json.Unmarshal([]byte(stdout), &sum); err != nil {
		t.Fatalf("%v: %s", err, stdout)
	}
	sum.TookS = 0
	if code != exitFailed || sum.Events != 2 || sum.Emitted != 1 || sum.Failed != 1 || sum.Retried != 2 || !sum.Ended || !strings.Contains(stderr, `event "b": event is bad`) {
		t.Errorf("code %d, %+v, %s", code, sum, stderr)
	}
	busy := make([]error, 100)
	for i := range busy {
		busy[i] = control.ErrBusy
	}
	d = &double{refuse: busy}
	code, stdout, stderr = d.play(t, "replay", "chat", tape, "--timeout", "150ms")
	if code != exitTimeout || !strings.Contains(stdout, "0 of 2 events emitted, 0 dropped, 1 failed") || !strings.Contains(stderr, "not accepted within 150ms") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
}
