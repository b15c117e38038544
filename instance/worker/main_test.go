package worker_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVar makes the test binary play a part instead of running tests.
const roleVar = "WORKER_TEST_ROLE"

var roles = map[string]func(){
	"echo":   func() { play(true) },
	"daemon": playDaemon,
	"mute":   func() { fmt.Fprintln(os.Stderr, "thinking"); block() },
	"crash":  func() { fmt.Fprintln(os.Stderr, "ModuleNotFoundError: No module named 'app'"); os.Exit(3) },
	"deaf":   func() { fmt.Println(`{"ready":true}`); block() },
	"stall":  func() { ignoreTerm(); fmt.Println(`{"ready":true}`); block() },
	"flood":  playFlood,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		roles[role]()
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func block() { <-time.After(time.Hour) }

// play is a worker that obeys what the first argument of an event says.
func play(ready bool) {
	in, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	in.Buffer(nil, 32<<20)
	out.SetEscapeHTML(false)
	if ready {
		fmt.Println(`{"ready":true}`)
	}
	for in.Scan() {
		var m struct {
			Type, SID, Event string
			ID               uint64
			Args             []json.RawMessage
			Ack, Again       bool
			Hello            json.RawMessage
		}
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			fmt.Fprintln(os.Stderr, "bad line:", err)
			os.Exit(9)
		}
		switch {
		case m.Hello != nil:
		case m.Type == "connect" && m.SID == "bad":
			_ = out.Encode(map[string]any{"refuse": m.ID, "message": "no", "data": map[string]int{"code": 7}})
		case m.Type == "connect":
			_ = out.Encode(map[string]any{"accept": m.ID})
		default:
			act(out, m.Event, m.ID, m.Args, m.Again)
		}
	}
}

func act(out *json.Encoder, event string, id uint64, args []json.RawMessage, again bool) {
	switch event {
	case "die":
		os.Exit(3)
	case "die once":
		if !again {
			os.Exit(3)
		}
		_ = out.Encode(map[string]any{"ack": id, "args": []any{"again"}})
	case "env":
		_ = out.Encode(map[string]any{"ack": id, "args": []any{os.Environ()}})
	case "files":
		_ = out.Encode(map[string]any{"ack": id, "args": []any{openFiles()}})
	case "child":
		c := exec.Command("/bin/sh", "-c", "sleep 3600 & sleep 3600")
		c.Stdin = nil
		_ = c.Start()
		_ = out.Encode(map[string]any{"ack": id, "args": []any{c.Process.Pid}})
	case "print":
		var text string
		_ = json.Unmarshal(args[0], &text)
		fmt.Println(text)
	case "silent":
	default:
		_ = out.Encode(map[string]any{"ack": id, "args": args})
	}
}

func openFiles() (kinds []string) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if kind, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.HasPrefix(kind, "/proc/") {
			kinds = append(kinds, e.Name()+" "+kind)
		}
	}
	return kinds
}
