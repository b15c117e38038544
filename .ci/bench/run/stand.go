package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/sockd/sockd/cmd/sockd/bench"
)

// stand starts servers and puts them under load, one at a time.
type stand struct {
	settings
	dir    string
	pinned bool
}

// Each server has the first core for itself, and the generator the second.
const (
	serverCore    = "0"
	generatorCore = "1"
)

const startTime = 20 * time.Second

func canPin() bool {
	_, err := exec.LookPath("taskset")
	return err == nil && runtime.NumCPU() > 1
}

// available are the peers of this run, the limit first.
func (b *stand) available() []string {
	peers := []string{"raw", "sockd"}
	if !b.gate {
		peers = append(peers, "node")
		if b.python != "" {
			peers = append(peers, "python")
		}
	}
	return peers
}

func (b *stand) command(ctx context.Context, core, name string, args ...string) *exec.Cmd {
	if b.pinned {
		args = append([]string{"-c", core, name}, args...)
		name = "taskset"
	}
	return exec.CommandContext(ctx, name, args...)
}

// server is the command of a peer.
func (b *stand) server(ctx context.Context, peer, role string, port int) (*exec.Cmd, error) {
	at := strconv.Itoa(port)
	switch peer {
	case "raw":
		return b.command(ctx, serverCore, b.raw, at), nil
	case "node":
		return b.command(ctx, serverCore, "node", filepath.Join(b.peers, "node.mjs"), at, role), nil
	case "python":
		return b.command(ctx, serverCore, b.python, filepath.Join(b.peers, "python.py"), at, role), nil
	}
	file := filepath.Join(b.dir, "sockd.toml")
	if err := os.WriteFile(file, []byte(configuration(role, port)), 0o600); err != nil {
		return nil, err
	}
	return b.command(ctx, serverCore, b.sockd, "fleet", "run", "--quiet", "--config", file, "--state-dir", filepath.Join(b.dir, "state")), nil
}

// configuration is the server of a role in the file of sockd.
func configuration(role string, port int) string {
	head := "[admin]\nlisten = \"off\"\n[fleet]\nwatch = \"off\"\ndrain = \"0s\"\n[instance.bench]\nport = " + strconv.Itoa(port) +
		"\nlimits = { clients = 20000 }\n"
	if role == "ack" {
		return head + "[instance.bench.on.bench]\nto = \"none\"\nack = true\n"
	}
	return head + "[instance.bench.ingest]\npath = \"/ingest\"\n"
}

// load starts a peer, runs the generator against it, and ends it.
func (b *stand) load(ctx context.Context, peer string, r row) (*bench.Report, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(ctx)
	cmd, err := b.server(serving, peer, r.role, port)
	if err != nil {
		stop()
		return nil, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = startTime
	if err := cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	defer func() { stop(); _ = cmd.Wait() }()
	if err := listening(serving, port); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	return b.generate(ctx, port, cmd.Process.Pid, r)
}

func (b *stand) generate(ctx context.Context, port, pid int, r row) (*bench.Report, error) {
	duration := b.duration
	if duration == 0 {
		duration = time.Second
		if b.full {
			duration = 5 * time.Second
		}
	}
	args := append([]string{"bench", "http://127.0.0.1:" + strconv.Itoa(port), "--json", "--pid=" + strconv.Itoa(pid), "--duration=" + duration.String()}, r.args...)
	cmd := b.command(ctx, generatorCore, b.sockd, args...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return nil, fmt.Errorf("%w: %s", err, failed.Stderr)
	}
	if err != nil {
		return nil, err
	}
	rep := new(bench.Report)
	if err := json.Unmarshal(out, rep); err != nil {
		return nil, err
	}
	return rep, nil
}

// freePort is below the range from which the kernel takes the clients' ports.
func freePort() (int, error) {
	for port := 21000; port < 30000; port++ {
		if ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, ln.Close()
		}
	}
	return 0, errors.New("no free port")
}

func listening(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.New("the server does not listen")
		}
	}
}
