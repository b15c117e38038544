package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	const file = "/srv/shop/sockd.toml"
	long := "/" + strings.Repeat("x", 90)
	for _, tt := range []struct {
		name                string
		env                 map[string]string
		uid                 int
		explicit, file      string
		dir, socket, shared string
	}{
		{name: "XDG_STATE_HOME", env: map[string]string{"XDG_STATE_HOME": "/x", "HOME": "/home/u"}, uid: 7, file: file,
			dir: "/x/sockd/shop-" + shortHash(file)},
		{name: "XDG_STATE_HOME that is not absolute is ignored", env: map[string]string{"XDG_STATE_HOME": "x", "HOME": "/home/u"}, uid: 7, file: file,
			dir: "/home/u/.local/state/sockd/shop-" + shortHash(file)},
		{name: "HOME", env: map[string]string{"HOME": "/home/u"}, uid: 7, file: file,
			dir: "/home/u/.local/state/sockd/shop-" + shortHash(file)},
		{name: "root without HOME", uid: 0, file: file, dir: "/var/lib/sockd/shop-" + shortHash(file)},
		{name: "root with HOME", env: map[string]string{"HOME": "/root-home"}, uid: 0, file: file,
			dir: "/root-home/.local/state/sockd/shop-" + shortHash(file)},
		{name: "neither, with TMPDIR", env: map[string]string{"TMPDIR": "/t"}, uid: 7, file: file,
			dir: "/t/sockd-7/shop-" + shortHash(file), shared: "/t/sockd-7"},
		{name: "neither, without TMPDIR", uid: 7, file: file,
			dir: "/tmp/sockd-7/shop-" + shortHash(file), shared: "/tmp/sockd-7"},
		{name: "explicit replaces all of it", env: map[string]string{"XDG_STATE_HOME": "/x"}, uid: 7, explicit: "/run/mine/", file: file,
			dir: "/run/mine"},
		{name: "explicit needs no file", uid: 7, explicit: "/run/mine", dir: "/run/mine"},
		{name: "a file in the root folder", env: map[string]string{"XDG_STATE_HOME": "/x"}, uid: 7, file: "/sockd.toml",
			dir: "/x/sockd/root-" + shortHash("/sockd.toml")},
		{name: "a long path moves the socket to XDG_RUNTIME_DIR", env: map[string]string{"XDG_STATE_HOME": long, "XDG_RUNTIME_DIR": "/run/user/7"}, uid: 7, explicit: long, file: file,
			dir: long, socket: "/run/user/7/sockd/" + shortHash(long) + ".sock", shared: "/run/user/7/sockd"},
		{name: "a long path moves the socket to TMPDIR", env: map[string]string{"TMPDIR": "/t"}, uid: 7, explicit: long, file: file,
			dir: long, socket: "/t/sockd-7/" + shortHash(long) + ".sock", shared: "/t/sockd-7"},
		{name: "both of them are long", env: map[string]string{"TMPDIR": long, "XDG_RUNTIME_DIR": long}, uid: 7, explicit: long, file: file,
			dir: long, socket: "/tmp/sockd-7/" + shortHash(long) + ".sock", shared: "/tmp/sockd-7"},
		{name: "one hundred bytes are not too long", uid: 7, explicit: "/" + strings.Repeat("x", 86), file: file,
			dir: "/" + strings.Repeat("x", 86)},
		{name: "one hundred and one are", uid: 7, explicit: "/" + strings.Repeat("x", 87), file: file,
			dir: "/" + strings.Repeat("x", 87), socket: "/tmp/sockd-7/" + shortHash("/"+strings.Repeat("x", 87)) + ".sock", shared: "/tmp/sockd-7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := surroundings{env: func(k string) string { return tt.env[k] }, uid: tt.uid}
			p, err := s.locate(tt.explicit, tt.file)
			if err != nil {
				t.Fatal(err)
			}
			if tt.socket == "" {
				tt.socket = tt.dir + "/control.sock"
			}
			if p.dir != tt.dir || p.socket != tt.socket || p.lock != tt.dir+"/lock" || strings.Join(p.shared, " ") != tt.shared {
				t.Errorf("got %+v\nwant %s %s, shared %q", p, tt.dir, tt.socket, tt.shared)
			}
		})
	}
}

// The number is part of the contract: programs besides sockd compute it too.
func TestShortHash(t *testing.T) {
	t.Parallel()
	if got := shortHash("abc"); got != "ba7816bf" {
		t.Errorf("got %s, want the first 8 hex digits of sha256", got)
	}
}

func TestMakePrivate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string // part of the error, "" = made or tightened to 0700
	}{
		{"absent", func(*testing.T, string) {}, ""},
		{"private already", func(t *testing.T, dir string) { mkdir(t, dir, 0o700) }, ""},
		{"open and empty", func(t *testing.T, dir string) { mkdir(t, dir, 0o755) }, ""},
		{"open and used by sockd before", func(t *testing.T, dir string) { mkdir(t, dir, 0o755); touch(t, filepath.Join(dir, lockName)) }, ""},
		{"open and in use by somebody", func(t *testing.T, dir string) { mkdir(t, dir, 0o755); touch(t, filepath.Join(dir, "notes")) }, "others may enter it"},
		{"a file", touch, "not a directory"},
		{"a symbolic link", func(t *testing.T, dir string) { mkdir(t, dir+"-real", 0o700); symlink(t, dir+"-real", dir) }, "not a folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "state")
			tt.make(t, dir)
			err := makePrivate(dir)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got %v, want %q", err, tt.want)
				}
				return
			}
			info, statErr := os.Stat(dir)
			if err != nil || statErr != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("got %v, %v, %v", err, statErr, info)
			}
		})
	}
}

func TestForeignFolderIsNotTrusted(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Log("only root can give a folder away: checked on a folder of root instead")
		if err := checkPrivate("/"); err == nil || !strings.Contains(err.Error(), "belongs to uid 0") {
			t.Errorf("got %v", err)
		}
		return
	}
	dir := filepath.Join(t.TempDir(), "state")
	mkdir(t, dir, 0o700)
	if err := os.Chown(dir, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	p := place{dir: dir, shared: []string{dir}}
	for _, err := range []error{p.trust(), p.create()} {
		if err == nil || !strings.Contains(err.Error(), "belongs to uid 12345") {
			t.Errorf("got %v", err)
		}
	}
}

func mkdir(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	if err := os.Mkdir(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}
