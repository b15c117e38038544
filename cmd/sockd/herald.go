package main

import (
	"bytes"
	"encoding/json"
	"os"
	"sync"
	"syscall"

	"github.com/urfave/cli/v2"
)

// heraldFD is where a daemon in the background finds the pipe to its starter: the first descriptor after the standard ones.
const heraldFD = 3

// progress is one line on the pipe from a daemon to who has started it.
type progress struct {
	State string `json:"state"` // one of the constants below
	Code  int    `json:"code,omitempty"`
	Error string `json:"error,omitempty"` // as it would stand on stderr
}

// The states of a [progress]. After ready or ended nothing follows.
const (
	stateUp    = "up"    // the control socket answers, instances are being started
	stateReady = "ready" // every instance is ready or has failed once
	stateEnded = "ended" // before it was ready
)

// heraldFlag is set by `fleet start` alone.
func heraldFlag() cli.Flag {
	return &cli.BoolFlag{Name: "background", Hidden: true, Usage: "report the start on descriptor 3"}
}

// herald tells who has started the daemon what becomes of it. A nil herald, in the foreground, tells nobody.
type herald struct {
	pipe *os.File
	isUp sync.Once // a revision that is applied before the daemon is ready is no news
}

func newHerald(c *cli.Context) (*herald, error) {
	if !c.Bool("background") {
		return nil, nil
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(heraldFD, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, usage("--background is for `sockd fleet start` alone")
	}
	syscall.CloseOnExec(heraldFD) // a worker shall not keep the starter waiting
	return &herald{pipe: os.NewFile(heraldFD, "herald")}, nil
}

func (h *herald) up() {
	if h != nil {
		h.isUp.Do(func() { h.tell(progress{State: stateUp}) })
	}
}

func (h *herald) ready() {
	h.tell(progress{State: stateReady})
	h.close()
}

// ended reports err as main does. After ready it does nothing.
func (h *herald) ended(err error) {
	var text bytes.Buffer
	code := report(&text, err)
	h.tell(progress{State: stateEnded, Code: code, Error: text.String()})
	h.close()
}

// tell does not care whether anybody listens.
func (h *herald) tell(p progress) {
	if h == nil {
		return
	}
	line, err := json.Marshal(p)
	if err == nil {
		_, _ = h.pipe.Write(append(line, '\n'))
	}
}

func (h *herald) close() {
	if h != nil {
		_ = h.pipe.Close()
	}
}
