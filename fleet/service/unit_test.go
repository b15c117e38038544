package service_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/service"
)

var update = flag.Bool("update", false, "write the golden files anew")

var plainUnit = service.Unit{
	Name: "sockd-shop-1a2b3c4d", Program: "/usr/local/bin/sockd", Config: "/home/ann/shop/sockd.toml",
	StateDir: "/home/ann/.local/state/sockd/shop-1a2b3c4d", User: "ann",
}

func TestUnitFiles(t *testing.T) {
	odd := plainUnit
	odd.Program = `/opt/my tools/so$ckd`
	odd.Config = `/home/ann/100% "mine"/it's\$HOME & <co>/sockd.toml`
	odd.StateDir = `/home/ann/100% state`
	odd.Writable = []string{"/home/ann/a b", "/home/ann/plain"}
	odd.LowPorts = true
	user := plainUnit
	user.PerUser, user.User = true, ""
	root := plainUnit
	root.User, root.Config = "", "/tmp/try/sockd.toml"
	for _, c := range []struct {
		golden string
		unit   service.Unit
		on     service.Manager
	}{
		{"machine.service", plainUnit, service.Systemd},
		{"odd-paths.service", odd, service.Systemd},
		{"user.service", user, service.Systemd},
		{"root-in-tmp.service", root, service.Systemd},
		{"odd-paths.plist", odd, service.Launchd},
		{"user.plist", user, service.Launchd},
	} {
		t.Run(c.golden, func(t *testing.T) {
			got, err := c.unit.Text(c.on)
			must(t, err)
			path := filepath.Join("testdata", c.golden)
			if *update {
				must(t, os.MkdirAll("testdata", 0o755))
				must(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			must(t, err)
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestUnitsThatCannotBeWritten(t *testing.T) {
	for name, spoil := range map[string]func(*service.Unit){
		"a line break in a path":   func(u *service.Unit) { u.Config = "/a\nExecStartPre=/bin/evil" },
		"bytes that are not UTF-8": func(u *service.Unit) { u.StateDir = "/a\xff" },
		"a relative path":          func(u *service.Unit) { u.Program = "sockd" },
		"a name with a slash":      func(u *service.Unit) { u.Name = "a/b" },
		"no name":                  func(u *service.Unit) { u.Name = "" },
		"a user with a line break": func(u *service.Unit) { u.User = "ann\nUser=root" },
		"a relative folder":        func(u *service.Unit) { u.Writable = []string{"x"} },
	} {
		t.Run(name, func(t *testing.T) {
			u := plainUnit
			spoil(&u)
			for _, m := range []service.Manager{service.Systemd, service.Launchd} {
				if text, err := u.Text(m); err == nil {
					t.Errorf("%s: got\n%s\nwant an error", m, text)
				}
			}
		})
	}
}

func TestPathsAndCommands(t *testing.T) {
	user := plainUnit
	user.PerUser = true
	for _, c := range []struct {
		name, got, want string
	}{
		{"systemd", plainUnit.Path(service.Systemd, "/home/ann", ""), "/etc/systemd/system/sockd-shop-1a2b3c4d.service"},
		{"systemd of a user", user.Path(service.Systemd, "/home/ann", ""), "/home/ann/.config/systemd/user/sockd-shop-1a2b3c4d.service"},
		{"systemd of a user elsewhere", user.Path(service.Systemd, "/home/ann", "/c"), "/c/systemd/user/sockd-shop-1a2b3c4d.service"},
		{"launchd", plainUnit.Path(service.Launchd, "/Users/ann", ""), "/Library/LaunchDaemons/com.github.sockd.sockd-shop-1a2b3c4d.plist"},
		{"launchd of a user", user.Path(service.Launchd, "/Users/ann", ""), "/Users/ann/Library/LaunchAgents/com.github.sockd.sockd-shop-1a2b3c4d.plist"},
		{"enable", lines(user.Enable(service.Systemd, "p", 7)), "systemctl --user daemon-reload\nsystemctl --user enable --now sockd-shop-1a2b3c4d.service"},
		{"disable", lines(plainUnit.Disable(service.Systemd, 0)), "systemctl disable --now sockd-shop-1a2b3c4d.service"},
		{"forget", lines(plainUnit.Forget(service.Systemd)), "systemctl daemon-reload"},
		{"bootstrap", lines(user.Enable(service.Launchd, "p", 7)), "launchctl bootstrap gui/7 p"},
		{"bootout", lines(plainUnit.Disable(service.Launchd, 0)), "launchctl bootout system/com.github.sockd.sockd-shop-1a2b3c4d"},
		{"manager of linux", string(service.NativeManager("linux")), "systemd"},
		{"manager of darwin", string(service.NativeManager("darwin")), "launchd"},
		{"name", service.UnitName("my shop/ä%-1_b.c"), "my_shop___-1_b.c"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func lines(commands [][]string) string {
	var list []string
	for _, c := range commands {
		list = append(list, strings.Join(c, " "))
	}
	return strings.Join(list, "\n")
}

func TestInstallTouchesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	for _, m := range []service.Manager{service.Systemd, service.Launchd} {
		text, err := plainUnit.Text(m)
		must(t, err)
		path := filepath.Join(dir, string(m), "deep", "sockd.service")
		must(t, service.Install(path, text, false))
		must(t, service.Install(path, text+"\n", false)) // again
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Mode().Perm(); got != 0o644 {
			t.Errorf("mode: got %o, want 644", got)
		}
		must(t, service.Uninstall(path))
		if err := service.Uninstall(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("uninstall twice: got %v, want that it is not there", err)
		}
		left, err := os.ReadDir(filepath.Dir(path))
		must(t, err)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestInstallSparesOthers(t *testing.T) {
	dir := t.TempDir()
	text, err := plainUnit.Text(service.Systemd)
	must(t, err)
	file, link, empty := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "empty")
	must(t, os.WriteFile(file, []byte("[Unit]\n# a\n# Written by `sockd service install`\n"), 0o644))
	must(t, os.Symlink("/dev/null", link)) // a masked unit
	must(t, os.WriteFile(empty, nil, 0o644))
	for _, path := range []string{file, link, empty} {
		if err := service.Install(path, text, false); !errors.Is(err, service.ErrForeign) {
			t.Errorf("install over %s: got %v, want %v", path, err, service.ErrForeign)
		}
		if err := service.Uninstall(path); !errors.Is(err, service.ErrForeign) {
			t.Errorf("uninstall %s: got %v, want %v", path, err, service.ErrForeign)
		}
		must(t, service.Install(path, text, true))
		must(t, service.Installed(path))
	}
	if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
		t.Errorf("forced over a link: got %v, %v, want a file in its place", info, err)
	}
}
