package watch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/sockd/sockd/config/watch"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	quiet    = 40 * time.Millisecond
	deadline = 10 * time.Second
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o600))
}

// start runs a watcher that has no net of polling, so that only events count, and returns when it is armed.
func start(t *testing.T, prepare func(*watch.Watcher), files ...string) *watch.Watcher {
	t.Helper()
	w, err := watch.New(quiet)
	must(t, err)
	w.Every(time.Hour)
	if prepare != nil {
		prepare(w)
	}
	must(t, w.Set(files))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	w.Armed()
	return w
}

func wait(t *testing.T, w *watch.Watcher, what string) {
	t.Helper()
	select {
	case <-w.C():
	case <-time.After(deadline):
		t.Fatalf("no signal after %s", what)
	}
}

func drain(w *watch.Watcher) {
	select {
	case <-w.C():
	default:
	}
}

func TestStylesOfSaving(t *testing.T) {
	t.Parallel()
	styles := map[string]func(t *testing.T, path, text string){
		"in place": write,
		"rename": func(t *testing.T, path, text string) {
			write(t, path+".tmp", text)
			must(t, os.Rename(path+".tmp", path))
		},
		"backup and new file": func(t *testing.T, path, text string) {
			must(t, os.Rename(path, path+"~"))
			write(t, path, text)
		},
		"remove and create": func(t *testing.T, path, text string) {
			must(t, os.Remove(path))
			write(t, path, text)
		},
		"two chunks": func(t *testing.T, path, text string) {
			f, err := os.Create(path)
			must(t, err)
			_, err = f.WriteString(text[:1])
			must(t, err)
			_, err = f.WriteString(text[1:])
			must(t, err)
			must(t, f.Close())
		},
	}
	for name, save := range styles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sockd.toml")
			write(t, path, "first")
			w := start(t, nil, path)
			for _, text := range []string{"other", "third", "again"} { // same length: size alone tells nothing
				drain(w)
				save(t, path, text)
				wait(t, w, name+" of "+text)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	t.Run("the file behind a link is edited, and the link is turned", func(t *testing.T) {
		t.Parallel()
		dir, real := t.TempDir(), t.TempDir()
		target, path := filepath.Join(real, "dotfile"), filepath.Join(dir, "sockd.toml")
		write(t, target, "first")
		must(t, os.Symlink(target, path))
		w := start(t, nil, path)
		for _, text := range []string{"other", "third"} {
			drain(w)
			write(t, target, text)
			wait(t, w, "an edit behind the link")
		}
		second := filepath.Join(t.TempDir(), "elsewhere")
		write(t, second, "first")
		drain(w)
		must(t, os.Symlink(second, path+".new"))
		must(t, os.Rename(path+".new", path))
		wait(t, w, "turning the link")
		w.Armed()
		drain(w)
		write(t, second, "other")
		wait(t, w, "an edit behind the turned link")
	})
	t.Run("a link in the middle of a chain is turned", func(t *testing.T) {
		t.Parallel()
		dir, middle, end := t.TempDir(), t.TempDir(), t.TempDir()
		write(t, filepath.Join(end, "a"), "a")
		write(t, filepath.Join(end, "b"), "b")
		must(t, os.Symlink(filepath.Join(end, "a"), filepath.Join(middle, "link")))
		must(t, os.Symlink(filepath.Join(middle, "link"), filepath.Join(dir, "sockd.toml")))
		w := start(t, nil, filepath.Join(dir, "sockd.toml"))
		must(t, os.Symlink(filepath.Join(end, "b"), filepath.Join(middle, "new")))
		must(t, os.Rename(filepath.Join(middle, "new"), filepath.Join(middle, "link")))
		wait(t, w, "turning the link")
	})
	t.Run("the folder of a mounted ConfigMap is swapped", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		publish := func(version, text string) {
			must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
			write(t, filepath.Join(dir, version, "sockd.toml"), text)
			must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
			must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
		}
		publish("..v1", "first")
		path := filepath.Join(dir, "sockd.toml")
		must(t, os.Symlink(filepath.Join("..data", "sockd.toml"), path))
		w := start(t, nil, path)
		for _, v := range []string{"..v2", "..v3", "..v4"} {
			drain(w)
			publish(v, "other")
			wait(t, w, "the swap to "+v)
		}
	})
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf.d")
	must(t, os.Mkdir(conf, 0o700))
	w := start(t, nil, filepath.Join(dir, "sockd.toml"), filepath.Join(conf, "*.toml"))
	steps := []struct {
		what string
		do   func() error
	}{
		{"a new fragment", func() error { return os.WriteFile(filepath.Join(conf, "a.toml"), []byte("a"), 0o600) }},
		{"its edit", func() error { return os.WriteFile(filepath.Join(conf, "a.toml"), []byte("b"), 0o600) }},
		{"its new name", func() error { return os.Rename(filepath.Join(conf, "a.toml"), filepath.Join(conf, "b.toml")) }},
		{"its removal", func() error { return os.Remove(filepath.Join(conf, "b.toml")) }},
		{"the missing main file", func() error { return os.WriteFile(filepath.Join(dir, "sockd.toml"), []byte("a"), 0o600) }},
	}
	for _, s := range steps {
		drain(w)
		must(t, s.do())
		wait(t, w, s.what)
	}
}

func TestFolderIsReplaced(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "etc")
	must(t, os.Mkdir(dir, 0o700))
	path := filepath.Join(dir, "sockd.toml")
	write(t, path, "first")
	w := start(t, func(w *watch.Watcher) { w.Every(10 * time.Millisecond) }, path)
	must(t, os.RemoveAll(dir))
	wait(t, w, "the removal of the folder")
	must(t, os.Mkdir(dir, 0o700))
	write(t, path, "other")
	wait(t, w, "the new folder")
	drain(w)
	write(t, path, "third")
	wait(t, w, "an edit in the new folder")
}

func TestNothingMissedBetweenSetAndRun(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sockd.toml")
	w := start(t, func(w *watch.Watcher) {
		must(t, w.Set([]string{path}))
		write(t, path, "meanwhile")
	}, path) // Set once more: the entry keeps what was known of it
	wait(t, w, "an edit before Run")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "sockd.toml")
	write(t, path, "x")
	w, err := watch.New(0)
	must(t, err)
	must(t, w.Set([]string{path, filepath.Join(dir, "key.tmp"), filepath.Join(dir, "conf.d", "*.toml")}))
	tests := []struct {
		name         string
		file         string
		op           fsnotify.Op
		touched, hit bool
	}{
		{"a write", "sockd.toml", fsnotify.Write, true, true},
		{"only its mode", "sockd.toml", fsnotify.Chmod, false, false},
		{"its mode and content", "sockd.toml", fsnotify.Chmod | fsnotify.Write, true, true},
		{"a fragment", "new.toml", fsnotify.Create, true, true},
		{"another file is written", "access.log", fsnotify.Write, false, false},
		{"another file appears, perhaps a link", "..data", fsnotify.Create, true, false},
		{"vim's probe", "4913", fsnotify.Create, false, false},
		{"vim's swap file", ".sockd.toml.swp", fsnotify.Create, false, false},
		{"a backup", "sockd.toml~", fsnotify.Create, false, false},
		{"a file on its way", "sockd.toml.tmp", fsnotify.Create, false, false},
		{"a watched file with such a name", "key.tmp", fsnotify.Write, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			touched, hit := w.Judge(filepath.Join(dir, tt.file), tt.op)
			if touched != tt.touched || hit != tt.hit {
				t.Errorf("touched, hit = %v, %v, want %v, %v", touched, hit, tt.touched, tt.hit)
			}
		})
	}
}

func TestNoWatchesLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sockd.toml")
	w := start(t, func(w *watch.Watcher) {
		w.NoEvents(syscall.EMFILE)
		w.Every(10 * time.Millisecond)
	}, path)
	write(t, path, "x")
	wait(t, w, "a change that only a stat can see")
	trouble := func(when string, want error) {
		t.Helper()
		w.Armed()
		select {
		case err := <-w.Trouble():
			if want == nil || !errors.Is(err, want) {
				t.Errorf("%s: told %v, want %v", when, err, want)
			}
		default:
			if want != nil {
				t.Errorf("%s: told nothing, want %v", when, want)
			}
		}
	}
	trouble("at the start", syscall.EMFILE)
	write(t, path, "xx")
	wait(t, w, "another change")
	trouble("the same again", nil)
	w.SetMode(watch.Poll)
	trouble("in mode poll", nil)
	w.SetMode(watch.Auto)
	trouble("in mode auto again", syscall.EMFILE)
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode string
		want bool
	}{{watch.Poll, true}, {watch.Off, false}} {
		t.Run(tt.mode, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "sockd.toml")
			synctest.Test(t, func(t *testing.T) {
				w, err := watch.New(0)
				must(t, err)
				w.SetMode(tt.mode)
				must(t, w.Set([]string{path}))
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- w.Run(ctx) }()
				synctest.Wait()
				begin := time.Now()
				write(t, path, "x")
				select {
				case <-w.C():
					if took := time.Since(begin); !tt.want || took > 2*time.Second+150*time.Millisecond {
						t.Errorf("signal after %v", took)
					}
				case <-time.After(time.Minute):
					if tt.want {
						t.Error("no signal in a minute")
					}
				}
				cancel()
				must(t, <-done)
			})
		})
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	if _, err := watch.New(-1); err == nil {
		t.Error("a negative quiet period was taken")
	}
	w, err := watch.New(0)
	must(t, err)
	if err := w.Set([]string{""}); err == nil {
		t.Error("an empty path was taken")
	}
	must(t, w.Set([]string{"/nowhere/at/all", "[", filepath.Join(t.TempDir(), "no", "*", "[a")}))
}

// Where there are no events, a save in pieces is waited for by looking twice.
func TestAPollWaitsForTheEndOfASave(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "sockd.toml")
	write(t, path, "one")
	w, err := watch.New(time.Second)
	must(t, err)
	w.SetMode(watch.Poll)
	must(t, w.Set([]string{path}))
	signalled := func() bool {
		select {
		case <-w.C():
			return true
		default:
			return false
		}
	}
	p := watch.NewPolled(w)
	p.Poll()
	if p.Open() {
		t.Fatal("a burst without a change")
	}
	write(t, path, "half")
	p.Poll()
	write(t, path, "half and the other")
	p.Over()
	if signalled() || !p.Open() {
		t.Fatal("signalled in the middle of a save")
	}
	p.Over()
	if !signalled() || p.Open() {
		t.Fatal("not signalled after a save")
	}
	p.Poll()
	if p.Open() {
		t.Fatal("a burst after the end of a save")
	}
}
