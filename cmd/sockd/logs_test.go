package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockd/sockd/config"
)

func TestLogFileTurns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), logName)
	f, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.limit(100, 0)
	write := func(n int) {
		t.Helper()
		for i := range n {
			if _, err := fmt.Fprintf(f, "%039d\n", i); err != nil {
				t.Fatal(err)
			}
			<-time.After(5 * time.Millisecond) // the names of old files count milliseconds
		}
	}
	write(7)
	if files := logFiles(path); len(files) != 4 {
		t.Errorf("7 records of 40 bytes in files of 100: %v", files)
	}
	for _, name := range logFiles(path) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() > 100 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}

	// The limits change while it is written, and a record that is larger than a file is kept whole.
	f.limit(1000, 1)
	write(1)
	if _, err := f.Write(bytes.Repeat([]byte("x"), 5000)); err != nil {
		t.Error(err)
	}
	f.limit(40, 1)
	write(3)
	for end := time.Now().Add(10 * time.Second); len(logFiles(path)) != 2; <-time.After(10 * time.Millisecond) { // old files go in the background
		if time.Now().After(end) {
			t.Fatalf("one old file is to be kept: %v", logFiles(path))
		}
	}
}

// Files that fill up within one millisecond do not replace each other.
func TestLogFileLosesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), logName)
	f, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.limit(1, 0)
	const records = 500
	for i := range records {
		fmt.Fprintln(f, i)
	}
	var all []byte
	for _, name := range logFiles(path) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data...)
	}
	if n := bytes.Count(all, []byte("\n")); n != records {
		t.Errorf("%d of %d records are left", n, records)
	}
}

func TestLogFileGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), logName)
	for range 2 {
		f, err := openLog(path)
		if err != nil {
			t.Fatal(err)
		}
		l := newLog(nil, false, f, nil)
		l.apply(config.Log{Level: "info", Format: "text", MaxSize: 1 << 20, Keep: 5})
		l.With("instance", "chat").Info("instance ready", "took", time.Second)
		f.Close()
	}
	data, err := os.ReadFile(path)
	if lines := strings.Split(strings.TrimSpace(string(data)), "\n"); err != nil || len(lines) != 2 || !strings.HasPrefix(lines[1], `{"time":`) {
		t.Errorf("got %q, %v", data, err)
	}
}

// syncedBuffer is written by one goroutine and read by another.
type syncedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncedBuffer) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.b.String(), "\n"), "\n")
}

func TestFollowOverManyFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), logName)
	var out syncedBuffer
	show := &logView{out: bufio.NewWriter(&out), names: []string{"ch*"}, raw: true}
	r := &logReader{path: path}
	defer r.close()
	if found, err := r.last(show, 10); found || err != nil {
		t.Fatalf("last without a log: %v, %v", found, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.follow(ctx, show) }()

	f, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := newLog(nil, false, f, nil)
	l.apply(config.Log{Level: "info", MaxSize: 500, Keep: 0})
	const records = 60
	for i := range records {
		l.Info("event", "instance", "chat", "n", i)
		l.Info("event", "instance", "news", "n", i)
		<-time.After(5 * time.Millisecond)
	}
	for end := time.Now().Add(10 * time.Second); len(out.lines()) < records; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d records", len(out.lines()), records)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for i, line := range out.lines() {
		if !strings.Contains(line, fmt.Sprintf(`"instance":"chat","n":%d}`, i)) {
			t.Fatalf("line %d: %s", i, line)
		}
	}
	if n := len(logFiles(path)); n < 10 {
		t.Errorf("only %d files", n)
	}
}

func TestLastLines(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(age time.Duration, text string) string {
		return fmt.Sprintf(`{"time":%q,"level":"INFO","msg":%q,"instance":"chat"}`, time.Now().Add(-age).Format(time.RFC3339Nano), text)
	}
	old := at(time.Hour, "one") + "\n" + at(time.Hour, "two") + "\n"
	now := at(time.Second, "three") + "\npanic: at the disco\n" + at(time.Second, "four") + "\nhalf a li"
	for name, text := range map[string]string{"sockd-2026-01-02T03-04-05.000.log": old, logName: now, "sockd.log.bak": "no\n", "other-1.log": "no\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name  string
		view  logView
		limit int
		want  string
	}{
		{"over two files", logView{}, 4, "two three panic: four"},
		{"all of them", logView{}, -1, "one two three panic: four"},
		{"none", logView{}, 0, ""},
		{"more than there are", logView{}, 100, "one two three panic: four"},
		{"by age", logView{since: time.Now().Add(-time.Minute)}, -1, "three panic: four"},
		{"by name", logView{names: []string{"chat"}}, 2, "three four"},
		{"by another name", logView{names: []string{"news"}}, 2, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			tt.view.out = bufio.NewWriter(&out)
			r := &logReader{path: filepath.Join(dir, logName)}
			defer r.close()
			found, err := r.last(&tt.view, tt.limit)
			if !found || err != nil {
				t.Fatalf("found %v, %v", found, err)
			}
			var got []string
			for line := range strings.Lines(out.String()) {
				for _, word := range strings.Fields(line) {
					if strings.Contains("one two three four panic:", word) {
						got = append(got, word)
					}
				}
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("got %q, want %q", g, tt.want)
			}
		})
	}
}

func TestReadable(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Time(slog.TimeKey, time.Date(2026, 1, 31, 12, 0, 0, 5e6, time.Local))
		}
		return a
	}}))
	for _, tt := range []struct {
		name string
		log  func()
		want string
	}{
		{"plain", func() { l.Info("instance ready", "instance", "chat") }, "2026-01-31 12:00:00.005 INFO  instance ready instance=chat"},
		{"values", func() { l.Error("x", "n", 3, "took", 1500*time.Microsecond, "err", "a b", "e", "") }, `2026-01-31 12:00:00.005 ERROR x n=3 took=1.5ms err="a b" e=""`},
		{"steering", func() { l.Warn("a\x1b[2Jb") }, "2026-01-31 12:00:00.005 WARN  a?[2Jb"},
		{"no record", func() { b.WriteString("goroutine 1 [running]:\a\n") }, "goroutine 1 [running]:?"},
		{"half a record", func() { b.WriteString(`{"time":` + "\n") }, `{"time":`},
		{"no object", func() { b.WriteString("[1]\n") }, "[1]"},
	} {
		b.Reset()
		tt.log()
		if got := string(readable(bytes.TrimSuffix(b.Bytes(), []byte("\n")))); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func FuzzReadable(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-31T12:00:00Z","level":"INFO","msg":"m","instance":"chat","took":5,"o":{"a":[1]}}`))
	f.Add([]byte(`{"":`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if out := readable(line); bytes.ContainsAny(out, "\x1b\r\n") {
			t.Errorf("%q becomes %q", line, out)
		}
	})
}
