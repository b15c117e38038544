package service

import (
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Manager is a service manager.
type Manager string

// The managers. launchd is that of macOS.
const (
	Systemd Manager = "systemd"
	Launchd Manager = "launchd"
)

// NativeManager is the one of the operating system goos, see [runtime.GOOS].
func NativeManager(goos string) Manager {
	if goos == "darwin" {
		return Launchd
	}
	return Systemd
}

// watchdogTime is how long the event loops may be silent before systemd restarts the daemon.
const watchdogTime = 30 * time.Second

// marker begins the first or second line of every file that we write, and only of those.
const marker = "Written by `sockd service install`"

//go:embed systemd.tmpl
var systemdText string

//go:embed launchd.tmpl
var launchdText string

// Unit is a daemon as a service manager is to run it. All paths are absolute.
type Unit struct {
	Name     string   // of the service, without a suffix; see [UnitName]
	Program  string   // the binary
	Config   string   // the file
	StateDir string   // has to exist and to belong to User
	Writable []string // what else the workers may write to; a system service alone cares. One that does not exist is left out
	PerUser  bool     // a service of the user's own manager, else of the machine
	User     string   // of a machine's service; "" = root
	LowPorts bool     // it may bind ports under 1024
}

// Text is the unit or the plist. The error says which field it cannot hold.
func (u Unit) Text(m Manager) (string, error) {
	if err := u.check(); err != nil {
		return "", err
	}
	text := systemdText
	if m == Launchd {
		text = launchdText
	}
	t, err := template.New("").Funcs(template.FuncMap{
		"arg": argument, "word": quoted, "desc": described, "xml": xmlText,
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, unitView{u, marker, int(watchdogTime.Seconds())})
	return b.String(), err
}

// unitView is what the templates see.
type unitView struct {
	Unit
	Marker   string
	Watchdog int // seconds
}

// InTmp reports whether a /tmp of its own would hide something from the daemon, or its control socket from the command line.
func (v unitView) InTmp() bool {
	return slices.ContainsFunc(append([]string{v.Program, v.Config, v.StateDir}, v.Writable...), func(p string) bool {
		return strings.HasPrefix(p, "/tmp/") || strings.HasPrefix(p, "/var/tmp/")
	})
}

func (u Unit) check() error {
	if u.Name == "" || UnitName(u.Name) != u.Name {
		return fmt.Errorf("name of the service %q: only letters, digits and _ . - of ASCII", u.Name)
	}
	if u.User != "" && UnitName(u.User) != u.User {
		return fmt.Errorf("user %q: only letters, digits and _ . - of ASCII", u.User)
	}
	faults := []error{absolute("program", u.Program), absolute("config file", u.Config), absolute("state folder", u.StateDir)}
	for _, p := range u.Writable {
		faults = append(faults, absolute("writable folder", p))
	}
	return errors.Join(faults...)
}

func absolute(what, path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s %q: not an absolute path", what, path)
	}
	return printable(what, path)
}

// Path is where the unit belongs. home is the user's, and configHome the user's XDG_CONFIG_HOME or "".
func (u Unit) Path(m Manager, home, configHome string) string {
	switch {
	case m == Launchd && u.PerUser:
		return filepath.Join(home, "Library/LaunchAgents", u.Label()+".plist")
	case m == Launchd:
		return filepath.Join("/Library/LaunchDaemons", u.Label()+".plist")
	case !u.PerUser:
		return filepath.Join("/etc/systemd/system", u.Name+".service")
	}
	if !filepath.IsAbs(configHome) {
		configHome = filepath.Join(home, ".config")
	}
	return filepath.Join(configHome, "systemd/user", u.Name+".service")
}

// Label is the service's name for launchd.
func (u Unit) Label() string { return "com.github.sockd." + u.Name }

// Enable are the commands that start the service now and at every boot or login. path is that of [Unit.Path], uid that of the user.
func (u Unit) Enable(m Manager, path string, uid int) [][]string {
	if m == Launchd {
		return [][]string{{"launchctl", "bootstrap", u.domain(uid), path}}
	}
	return [][]string{u.systemctl("daemon-reload"), u.systemctl("enable", "--now", u.Name+".service")}
}

// Disable are the commands that stop the service and end that. They come before the file is removed, Forget after it.
func (u Unit) Disable(m Manager, uid int) [][]string {
	if m == Launchd {
		return [][]string{{"launchctl", "bootout", u.domain(uid) + "/" + u.Label()}}
	}
	return [][]string{u.systemctl("disable", "--now", u.Name+".service")}
}

// Forget are the commands by which the manager notices that the file has changed or is gone.
func (u Unit) Forget(m Manager) [][]string {
	if m == Launchd {
		return nil
	}
	return [][]string{u.systemctl("daemon-reload")}
}

func (u Unit) systemctl(words ...string) []string {
	if u.PerUser {
		words = append([]string{"--user"}, words...)
	}
	return append([]string{"systemctl"}, words...)
}

func (u Unit) domain(uid int) string {
	if u.PerUser {
		return fmt.Sprintf("gui/%d", uid)
	}
	return "system"
}
