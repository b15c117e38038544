package interpreter

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pin is a version that a file of the project asks for.
type pin struct {
	version string // as written: "3.12", "lts/iron", "pypy3.10-7.3"
	file    string
}

// pinFor looks for the first pin in the project, then in the folders above up to its root. files hold nothing but versions; tools are the names in
// mise.toml and .tool-versions.
func (s *search) pinFor(files []string, tools ...string) pin {
	for _, dir := range append([]string{s.spec.Project}, s.upwards("uv.lock", ".git")...) {
		for _, name := range files {
			path := filepath.Join(dir, name)
			if v := firstWord(read(path)); v != "" {
				return pin{v, path}
			}
		}
		if p := toolPin(dir, tools); p.version != "" {
			return p
		}
	}
	return pin{}
}

// firstWord is the first word of the first line that is no comment.
func firstWord(text string) string {
	for line := range strings.Lines(text) {
		if f := strings.Fields(before(line, "#")); len(f) > 0 {
			return f[0]
		}
	}
	return ""
}

func toolPin(dir string, tools []string) pin {
	for _, name := range []string{"mise.toml", ".mise.toml"} {
		t := scanTOML(read(filepath.Join(dir, name)))
		for _, tool := range tools {
			if v := t.get("tools", tool); v != "" {
				return pin{v, filepath.Join(dir, name)}
			}
		}
	}
	path := filepath.Join(dir, ".tool-versions")
	for line := range strings.Lines(read(path)) {
		if f := strings.Fields(before(line, "#")); len(f) >= 2 && slices.Contains(tools, f[0]) {
			return pin{f[1], path}
		}
	}
	return pin{}
}

// install is a folder in which a tool keeps one folder per version.
type install struct {
	dir    string // "" without HOME
	prefix string // of the folders' names, before the version
	bin    string // the program within one
}

// installed returns the programs of the versions that p asks for, newest first within each place.
func installed(p pin, places []install) []candidate {
	var found []candidate
	for _, place := range places {
		for _, name := range place.versions(p.version) {
			if path := filepath.Join(place.dir, name, place.bin); isProgram(path) {
				c := candidate{path: path}
				if cfg := filepath.Join(place.dir, name); isFile(filepath.Join(cfg, "pyvenv.cfg")) { // pyenv-virtualenv
					c = venv(cfg)
				} else {
					c.prepend = []string{filepath.Dir(path)}
				}
				found = append(found, c)
			}
		}
	}
	return found
}

// versions returns the folders of a place for a version: the one of that very name, else those of its line.
func (i install) versions(version string) []string {
	if i.dir == "" || strings.ContainsRune(version, '/') {
		return nil
	}
	for _, name := range []string{i.prefix + version, version} {
		if isDir(filepath.Join(i.dir, name)) {
			return []string{name}
		}
	}
	entries, _ := os.ReadDir(i.dir)
	var names []string
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), i.prefix); ok && under(rest, version) {
			names = append(names, e.Name())
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return compare(strings.TrimPrefix(b, i.prefix), strings.TrimPrefix(a, i.prefix))
	})
	return names
}

func (s *search) miseInstalls(tool, bin string) install {
	dir := s.root("MISE_DATA_DIR")
	if s.env["MISE_DATA_DIR"] == "" {
		dir = s.data("mise")
	}
	return install{dir: below(dir, "installs", tool), bin: bin}
}

func (s *search) asdfInstalls(tool, bin string) install {
	return install{dir: below(s.root("ASDF_DATA_DIR", ".asdf"), "installs", tool), bin: bin}
}

func below(dir string, names ...string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(append([]string{dir}, names...)...)
}

func (s *search) pinnedPython() ([]candidate, string) {
	p := s.pinFor([]string{".python-version", ".python-versions"}, "python")
	if p.version == "" {
		return nil, "no version is pinned"
	}
	p.version = strings.TrimPrefix(strings.TrimPrefix(p.version, "cpython-"), "cpython@")
	found := installed(p, []install{
		{dir: below(s.root("PYENV_ROOT", ".pyenv"), "versions"), bin: "bin/python"},
		s.miseInstalls("python", "bin/python"),
		s.asdfInstalls("python", "bin/python"),
		{dir: s.uvPythons(), prefix: "cpython-", bin: "bin/python3"},
	})
	if len(found) == 0 {
		return nil, p.file + " asks for " + p.version + ", which pyenv, mise, asdf and uv do not have"
	}
	return found, ""
}

func (s *search) uvPythons() string {
	if dir := s.env["UV_PYTHON_INSTALL_DIR"]; filepath.IsAbs(dir) {
		return dir
	}
	return s.data("uv", "python")
}
