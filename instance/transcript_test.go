package instance_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTranscripts plays the conversations of testdata/transcripts, byte by byte. In a file, lines up to "---" are keys of the instance; then each
// block of lines with ">" is sent, and each with "<" is what must come back; "+" opens the connection of that number, which is the one spoken on from
// there. Lines of HTTP end in CRLF. A "\" at the end of a line joins the next one to it without an end. In what is sent, {name} is what was noted; in
// what is awaited, {name} notes a word, and {name} that was noted before must be the same again; {date} is the rest of its line.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/transcripts/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	l := loops(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			keys, script, ok := strings.Cut(string(text), "---\n")
			if !ok {
				t.Fatal("no line ---")
			}
			r := run(t, l, written(t, keys))
			p := &play{t: t, addr: r.addr, noted: map[string]string{"addr": r.addr}, conns: map[string]*talk{}}
			p.run(script)
		})
	}
}

// play is one transcript under way.
type play struct {
	t     *testing.T
	addr  string
	noted map[string]string
	conns map[string]*talk
	on    *talk
}

type talk struct {
	net.Conn
	in *bufio.Reader
}

func (p *play) run(script string) {
	var kind byte
	var block strings.Builder
	flush := func(line int) {
		switch kind {
		case '>':
			p.say(block.String())
		case '<':
			p.await(line, block.String())
		}
		block.Reset()
	}
	lines := strings.Split(script, "\n")
	for i, line := range lines {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != kind {
			flush(i)
		}
		kind = line[0]
		text := strings.TrimPrefix(line[1:], " ")
		switch kind {
		case '+':
			p.open(text)
		case '>', '<':
			if joined, ok := strings.CutSuffix(text, `\`); ok {
				block.WriteString(joined)
			} else {
				block.WriteString(text + "\r\n")
			}
		}
	}
	flush(len(lines))
}

func (p *play) open(name string) {
	if p.on = p.conns[name]; p.on == nil {
		conn := raw(p.t, p.addr)
		p.on = &talk{conn, bufio.NewReader(conn)}
		p.conns[name] = p.on
	}
}

var word = regexp.MustCompile(`\{[a-z]+\}`)

// say sends a block; \x1e and the like are bytes.
func (p *play) say(text string) {
	text = word.ReplaceAllStringFunc(text, func(w string) string {
		if v, ok := p.noted[w[1:len(w)-1]]; ok {
			return v
		}
		return w
	})
	if _, err := io.WriteString(p.on, unescape(text)); err != nil {
		p.t.Fatal(err)
	}
}

// await reads as many bytes as the block has, once its words are known, and compares.
func (p *play) await(line int, text string) {
	_ = p.on.SetReadDeadline(time.Now().Add(patience))
	for rest := unescape(text); rest != ""; {
		at := word.FindStringIndex(rest)
		if at == nil {
			p.exactly(line, rest)
			return
		}
		p.exactly(line, rest[:at[0]])
		name := rest[at[0]+1 : at[1]-1]
		rest = rest[at[1]:]
		switch known, ok := p.noted[name]; {
		case name == "date":
			p.skip()
		case ok:
			p.exactly(line, known)
		default:
			p.noted[name] = p.note()
		}
	}
}

func (p *play) exactly(line int, want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(p.on.in, got)
	if string(got[:n]) != want {
		p.t.Fatalf("before line %d: got %q (%v), want %q", line, got[:n], err, want)
	}
}

// skip reads up to the end of a line.
func (p *play) skip() {
	for {
		next, err := p.on.in.Peek(1)
		if err != nil {
			p.t.Fatal(err)
		}
		if next[0] == '\r' {
			return
		}
		_, _ = p.on.in.Discard(1)
	}
}

// note reads a word of letters, digits, "-" and "_"; what follows stays.
func (p *play) note() string {
	var b strings.Builder
	for {
		next, err := p.on.in.Peek(1)
		if err != nil {
			p.t.Fatal(err)
		}
		if !strings.ContainsAny(string(next), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") {
			return b.String()
		}
		b.WriteByte(next[0])
		_, _ = p.on.in.Discard(1)
	}
}

var escape = regexp.MustCompile(`\\x[0-9a-f]{2}`)

func unescape(s string) string {
	return escape.ReplaceAllStringFunc(s, func(e string) string {
		var b byte
		_, _ = fmt.Sscanf(e, `\x%02x`, &b)
		return string([]byte{b})
	})
}
