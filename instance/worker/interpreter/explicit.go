package interpreter

import (
	"path/filepath"
	"strings"
)

// explicit is the interpreter that the configuration names.
func (s *search) explicit() ([]candidate, string) {
	name := s.spec.Interpreter
	switch name {
	case "", "auto":
		return nil, "interpreter is not set"
	case "system":
		c, why := s.byName(s.spec.Command[0])
		if s.kind == Python {
			c, why = s.systemPython()
		}
		if len(c) == 0 {
			c = []candidate{{path: s.spec.Command[0], fault: why}}
		}
		return c, why
	}
	if rest, ok := strings.CutPrefix(name, "~/"); ok && s.env["HOME"] != "" {
		name = s.home(rest)
	}
	path := name
	if !filepath.IsAbs(path) {
		path = s.file(name)
	}
	if found, _ := s.byName(name); !strings.Contains(name, "/") && len(found) > 0 && !isProgram(path) && !isDir(path) {
		return found, ""
	}
	return []candidate{s.atPath(path)}, ""
}

// atPath makes a candidate of a path that a person has written: an interpreter, or the folder of an environment.
func (s *search) atPath(path string) candidate {
	if isDir(path) {
		return s.environment(path)
	}
	if s.kind == Python || s.kind == Plain {
		if prefix := filepath.Dir(filepath.Dir(path)); isFile(filepath.Join(prefix, "pyvenv.cfg")) {
			c := venv(prefix)
			c.path = path
			if c.fault == "" && !isProgram(path) {
				c.fault = missing(path)
			}
			return c
		}
	}
	c := candidate{path: path}
	if !isProgram(path) {
		c.fault = missing(path)
		if bin := filepath.Dir(path); s.kind == Python && filepath.Base(bin) == "bin" && pythonName(filepath.Base(path)) {
			c.fault += ": make it with: python3 -m venv " + filepath.Dir(bin)
		}
	}
	return c
}

func missing(path string) string {
	switch {
	case isDir(path):
		return path + " is a folder"
	case isFile(path):
		return path + " is not executable: chmod +x it"
	}
	return path + " does not exist"
}

// byName looks for a program on PATH.
func (s *search) byName(name string) ([]candidate, string) {
	for _, dir := range s.path {
		if path := filepath.Join(dir, name); isProgram(path) {
			return []candidate{{path: path}}, ""
		}
	}
	return nil, name + " is not on PATH"
}

func (s *search) onPath() ([]candidate, string) { return s.byName(s.spec.Command[0]) }

// programPath is a command whose first word is a path.
func (s *search) programPath() ([]candidate, string) {
	word := s.spec.Command[0]
	if !strings.Contains(word, "/") {
		return nil, "the first word of command is no path"
	}
	if rest, ok := strings.CutPrefix(word, "~/"); ok && s.env["HOME"] != "" {
		word = s.home(rest)
	}
	if !filepath.IsAbs(word) {
		word = s.file(word)
	}
	if !isProgram(word) {
		return []candidate{{path: word, fault: missing(word)}}, ""
	}
	return []candidate{{path: word}}, ""
}

// ownProgram is a program that the project itself has installed.
func (s *search) ownProgram() ([]candidate, string) {
	word := s.spec.Command[0]
	if strings.Contains(word, "/") {
		return nil, "the first word of command is a path"
	}
	for _, dir := range []string{".venv", "venv"} {
		if path := s.file(dir, "bin", word); isProgram(path) {
			c := venv(s.file(dir))
			c.path = path
			return []candidate{c}, ""
		}
	}
	for _, dir := range []string{"node_modules/.bin", "vendor/bin"} {
		if path := s.file(dir, word); isProgram(path) {
			return []candidate{{path: path, prepend: []string{s.file(dir)}}}, ""
		}
	}
	return nil, "the project has no program " + word
}
