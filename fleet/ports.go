package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// portsVersion is the version of the file of chosen ports.
const portsVersion = 1

// portStore remembers the ports that were chosen for instances whose file leaves them open, so that clients find them
// again. It belongs to the fleet's goroutine.
type portStore struct {
	path  string // "" = not kept on disk
	log   *slog.Logger
	ports map[string]int
	dirty bool
}

type portsFile struct {
	Version int            `json:"version"`
	Ports   map[string]int `json:"ports"` // by instance
}

// openPorts reads what an earlier process has chosen. A file that is broken is as good as none; one that a newer version
// has written is refused, since it would be overwritten.
func openPorts(dir string, log *slog.Logger) (*portStore, error) {
	s := &portStore{log: log, ports: make(map[string]int)}
	if dir == "" {
		return s, nil
	}
	s.path = filepath.Join(dir, "ports.json")
	data, err := os.ReadFile(s.path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("chosen ports are not known", "err", err)
		}
		return s, nil
	}
	ports, err := parsePorts(data)
	if errors.Is(err, errNewer) {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	if err != nil {
		log.Warn("chosen ports are not known", "err", fmt.Errorf("%s: %w", s.path, err))
		return s, nil
	}
	s.ports = ports
	return s, nil
}

var errNewer = errors.New("written by a newer sockd than this one")

func parsePorts(data []byte) (map[string]int, error) {
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, err
	}
	if version.Version > portsVersion {
		return nil, fmt.Errorf("version %d: %w", version.Version, errNewer)
	}
	if version.Version != portsVersion {
		return nil, fmt.Errorf("version %d: unknown", version.Version)
	}
	var file portsFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	ports := make(map[string]int)
	for name, port := range file.Ports {
		if port > 0 && port < 1<<16 {
			ports[name] = port
		}
	}
	return ports, nil
}

// get returns the port that was chosen for the instance, 0 for none.
func (s *portStore) get(name string) int { return s.ports[name] }

func (s *portStore) set(name string, port int) {
	if s.ports[name] != port {
		s.ports[name], s.dirty = port, true
	}
}

// save writes the file anew if something has changed, by a rename, so that it is whole at any moment. A fault is logged:
// the ports are then only kept as long as the process.
func (s *portStore) save() {
	if !s.dirty || s.path == "" {
		return
	}
	s.dirty = false
	data, err := json.MarshalIndent(portsFile{Version: portsVersion, Ports: s.ports}, "", "  ")
	if err == nil {
		err = replaceFile(s.path, append(data, '\n'))
	}
	if err != nil {
		s.log.Warn("chosen ports are not kept", "err", err)
	}
}

func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".ports-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
