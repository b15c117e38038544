package clients_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const examples = "../../../examples"

// Every file that is shown to people is a good one.
func TestFilesForPeople(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(examples + "/*/sockd.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range append(files, "../../../sockd.toml") {
		if out, err := exec.Command(binary, "config", "check", "-c", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}

// The annotated file at the root starts as it is, but for the ports.
func TestFileAtTheRoot(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, anyPorts(t, "../../../sockd.toml"))
	d.url("chat")
	d.url("news")
}

// The clients of the hub talk to each other, whatever they are written in.
func TestHubExample(t *testing.T) {
	t.Parallel()
	d := newDaemon(t, anyPorts(t, examples+"/hub/sockd.toml"))
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(examples+"/hub")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(modules, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	js := terminal(t, "node", filepath.Join(dir, "client.mjs"), d.url("hub"))
	py := terminal(t, "/usr/bin/python3", filepath.Join(dir, "client.py"), d.url("hub"))
	js.expect("connected")
	py.expect("connected")
	js.enter("hello Python")
	py.expect("> hello Python")
	py.enter("hello Node")
	js.expect("> hello Node")
}

// anyPorts is a file for people in which every port is free for sure.
func anyPorts(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, "port = ") {
			lines[i] = `port = "auto"`
		}
	}
	return strings.Join(lines, "\n")
}

// person is a program with a terminal.
type person struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func terminal(t *testing.T, words ...string) *person {
	t.Helper()
	_, in, out := begin(t, nil, words...)
	return &person{t: t, in: in, out: bufio.NewScanner(out)}
}

func (p *person) enter(line string) { fmt.Fprintln(p.in, line) }

func (p *person) expect(line string) {
	p.t.Helper()
	if !p.out.Scan() || p.out.Text() != line {
		p.t.Fatalf("got %q (%v), want %q", p.out.Text(), p.out.Err(), line)
	}
}
