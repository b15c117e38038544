package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
)

// maxSocketPath keeps the control socket clear of the kernel's limit (108 bytes on Linux, 104 on the BSDs).
const maxSocketPath = 100

// place is where a daemon keeps its state. Computing it touches nothing on disk.
type place struct {
	dir    string   // the state folder
	lock   string   // in dir
	log    string   // in dir, of the daemon
	socket string   // in dir, unless the path would be too long
	shared []string // folders under a temporary folder that have to be ours alone before anything in them is trusted
}

// surroundings are what the place depends on besides the file's path.
type surroundings struct {
	env func(string) string
	uid int
}

func here() surroundings { return surroundings{env: os.Getenv, uid: os.Geteuid()} }

// locate returns the place of the daemon of file, an absolute, cleaned path whose symbolic links are not resolved.
// explicit replaces the whole folder; "" means none was given.
func (s surroundings) locate(explicit, file string) (place, error) {
	var p place
	if explicit != "" {
		abs, err := filepath.Abs(explicit)
		if err != nil {
			return place{}, err
		}
		p.dir = abs
	} else {
		base, shared := s.stateBase()
		p.dir = filepath.Join(base, folderName(file))
		p.shared = shared
	}
	p.lock = filepath.Join(p.dir, lockName)
	p.log = filepath.Join(p.dir, logName)
	p.socket = filepath.Join(p.dir, "control.sock")
	if len(p.socket) > maxSocketPath {
		var folder string
		p.socket, folder = s.shortSocket(p.dir)
		p.shared = append(p.shared, folder)
	}
	return p, nil
}

// stateBase is the folder of all state folders, and the part of it that somebody else could have made before us.
func (s surroundings) stateBase() (base string, shared []string) {
	if xdg := s.env("XDG_STATE_HOME"); filepath.IsAbs(xdg) { // the XDG specification has relative paths ignored
		return filepath.Join(xdg, "sockd"), nil
	}
	if home := s.env("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "sockd"), nil
	}
	if s.uid == 0 {
		return "/var/lib/sockd", nil
	}
	tmp := s.tempFolder()
	return tmp, []string{tmp}
}

// shortSocket is where the socket of the state folder dir moves to, and the folder that it is in.
func (s surroundings) shortSocket(dir string) (socket, folder string) {
	name := shortHash(dir) + ".sock"
	candidates := []string{s.tempFolder(), "/tmp/sockd-" + strconv.Itoa(s.uid)}
	if xdg := s.env("XDG_RUNTIME_DIR"); filepath.IsAbs(xdg) {
		candidates = append([]string{filepath.Join(xdg, "sockd")}, candidates...)
	}
	for _, folder = range candidates {
		if socket = filepath.Join(folder, name); len(socket) <= maxSocketPath {
			break
		}
	}
	return socket, folder
}

func (s surroundings) tempFolder() string {
	tmp := s.env("TMPDIR")
	if !filepath.IsAbs(tmp) {
		tmp = "/tmp"
	}
	return filepath.Join(tmp, "sockd-"+strconv.Itoa(s.uid))
}

// folderName tells people which project a state folder belongs to, and tells apart those of one name.
func folderName(file string) string {
	name := filepath.Base(filepath.Dir(file))
	if name == string(filepath.Separator) {
		name = "root"
	}
	return name + "-" + shortHash(file)
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:4])
}
