package main

import (
	"strings"
	"testing"
)

const mountTable = `22 1 0:20 / / rw,relatime shared:1 - overlay overlay rw
23 22 0:21 / /proc rw - proc proc rw
40 22 8:1 /home/ann/sockd.toml /etc/sockd/sockd.toml rw - ext4 /dev/sda1 rw
41 22 8:1 /x /srv/my\040files/a\134b rw - ext4 /dev/sda1 rw
short line
`

func TestMountPoint(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/etc/sockd/sockd.toml": true,
		`/srv/my files/a\b`:     true,
		"/etc/sockd":            false,
		"/home/ann/sockd.toml":  false,
		"":                      false,
	} {
		if got := mountPoint(strings.NewReader(mountTable), path); got != want {
			t.Errorf("%q: got %v, want %v", path, got, want)
		}
	}
	if mountedAlone(t.TempDir()) || mountedAlone("/no/such/file") {
		t.Error("what is no mount point is one")
	}
}

func FuzzUnescapeOctal(f *testing.F) {
	for _, s := range []string{`a\040b`, `\`, `\1`, `\999`, `\\040`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if out := unescapeOctal(s); len(out) > len(s) || !strings.Contains(s, `\`) && out != s {
			t.Errorf("%q becomes %q", s, out)
		}
	})
}
