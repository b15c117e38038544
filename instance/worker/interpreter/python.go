package interpreter

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ownVariables are those that the instance sets itself.
func (s *search) ownVariables() ([]candidate, string) {
	for _, name := range []string{"UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"} {
		dir := s.spec.Env[name]
		if dir == "" {
			continue
		}
		if !filepath.IsAbs(dir) {
			dir = s.file(dir)
		}
		return []candidate{s.environment(filepath.Clean(dir))}, ""
	}
	return nil, "the instance sets neither UV_PROJECT_ENVIRONMENT nor VIRTUAL_ENV"
}

func (s *search) dotVenv() ([]candidate, string) {
	if c := s.dotVenvIn(s.spec.Project); c != nil {
		return []candidate{*c}, ""
	}
	return nil, s.file(".venv") + " does not exist"
}

// dotVenvIn looks at .venv of dir: a folder, or a file with the path or the name of an environment.
func (s *search) dotVenvIn(dir string) *candidate {
	path := filepath.Join(dir, ".venv")
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	if !isFile(path) {
		c := venv(path) // also for a link that leads nowhere
		return &c
	}
	name, _, _ := strings.Cut(strings.TrimSpace(read(path)), "\n")
	var c candidate
	switch name = strings.TrimSpace(name); {
	case name == "":
		c = candidate{path: path, fault: path + " is an empty file: write the path of an environment into it, or remove it"}
	case filepath.IsAbs(name):
		c = venv(filepath.Clean(name))
	case strings.HasPrefix(name, "~/"):
		c = venv(s.home(name[2:]))
	case strings.Contains(name, "/"):
		c = venv(filepath.Join(dir, name))
	default:
		c = venv(filepath.Join(s.workonHome(), name))
	}
	return &c
}

// workonHome is where pipenv and virtualenvwrapper keep environments by name.
func (s *search) workonHome() string {
	if dir := s.env["WORKON_HOME"]; filepath.IsAbs(dir) {
		return dir
	}
	if dir := s.home(".virtualenvs"); isDir(dir) && !isDir(s.data("virtualenvs")) {
		return dir
	}
	return s.data("virtualenvs")
}

func (s *search) otherVenv() ([]candidate, string) {
	if c := venvIn(s.spec.Project); c != nil {
		return []candidate{*c}, ""
	}
	found, _ := filepath.Glob(filepath.Join(globQuote(s.spec.Project), "*", "pyvenv.cfg"))
	found = slices.DeleteFunc(found, func(f string) bool { return f == s.file(".venv", "pyvenv.cfg") }) // the rule before has judged it
	switch len(found) {
	case 0:
		return nil, "no folder of the project has a pyvenv.cfg"
	case 1:
		return []candidate{venv(filepath.Dir(found[0]))}, ""
	}
	var names []string
	for _, f := range found {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return nil, "more than one folder is an environment, so none is taken: " + strings.Join(names, ", ") + " (set interpreter)"
}

// venvIn looks for the usual names beside .venv.
func venvIn(dir string) *candidate {
	for _, name := range []string{"venv", "env", ".env"} {
		if path := filepath.Join(dir, name); isFile(filepath.Join(path, "pyvenv.cfg")) {
			c := venv(path)
			return &c
		}
	}
	return nil
}

// globQuote takes the meaning from what [filepath.Glob] would read as a pattern.
func globQuote(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

func (s *search) conda() ([]candidate, string) {
	for _, name := range []string{".pixi/envs/default", ".conda", "env", "envs/default"} {
		if dir := s.file(name); isDir(filepath.Join(dir, "conda-meta")) {
			return []candidate{condaEnv(dir)}, ""
		}
	}
	if isFile(s.file("pixi.toml")) {
		return nil, "pixi.toml is there, but .pixi/envs/default is not: pixi install"
	}
	return nil, "no folder with conda-meta"
}

// pdm reads which interpreter pdm was told to use, and its folder of packages without an environment (PEP 582).
func (s *search) pdm() ([]candidate, string) {
	var found []candidate
	if path := strings.TrimSpace(read(s.file(".pdm-python"))); path != "" {
		if !filepath.IsAbs(path) {
			path = s.file(path)
		}
		found = append(found, s.atPath(path))
	}
	packages, _ := filepath.Glob(filepath.Join(globQuote(s.file("__pypackages__")), "3.*", "lib"))
	if len(packages) == 0 {
		if found == nil {
			return nil, "neither .pdm-python nor __pypackages__"
		}
		return found, ""
	}
	slices.SortFunc(packages, func(a, b string) int { return compare(filepath.Base(filepath.Dir(b)), filepath.Base(filepath.Dir(a))) })
	return s.withPackages(packages[0], found)
}

// withPackages adds lib, __pypackages__/X.Y/lib, to an interpreter of version X.Y.
func (s *search) withPackages(lib string, found []candidate) ([]candidate, string) {
	version := filepath.Base(filepath.Dir(lib))
	if len(found) == 0 {
		found, _ = s.byName("python" + version)
	}
	if len(found) == 0 {
		found, _ = s.systemPython()
	}
	for i := range found {
		a := s.detector.probe(s.ctx, s, found[i])
		if found[i].fault == "" && a.err == "" && !under(a.version, version) {
			found[i].wrong = "version " + a.version + " is not that of " + lib
		}
		found[i].note = ""
		found[i].env = map[string]string{"PYTHONPATH": lib}
		found[i].prepend = existing(filepath.Join(filepath.Dir(lib), "bin"))
	}
	if len(found) == 0 {
		return nil, "python" + version + ", which " + lib + " is for, is not on PATH"
	}
	return found, ""
}

func (s *search) parents() ([]candidate, string) {
	dirs := s.upwards("uv.lock", ".git")
	if len(dirs) == 0 {
		return nil, "the project is its own root, or no folder above has uv.lock or .git"
	}
	var found []candidate
	for _, dir := range dirs {
		if c := s.dotVenvIn(dir); c != nil {
			found = append(found, *c)
		}
		if c := venvIn(dir); c != nil {
			found = append(found, *c)
		}
	}
	if len(found) == 0 {
		return nil, "no environment up to " + dirs[len(dirs)-1]
	}
	return found, ""
}

func (s *search) systemPython() ([]candidate, string) {
	names := []string{"python3", "python"}
	if word := s.spec.Command[0]; pythonName(word) && !slices.Contains(names, word) {
		names = []string{word}
	}
	var found []candidate
	for _, name := range names {
		c, _ := s.byName(name)
		for i := range c {
			c[i].note = "system python"
		}
		found = append(found, c...)
	}
	if len(found) == 0 {
		return nil, strings.Join(names, " and ") + " not on PATH: install Python, or make an environment in " + s.file(".venv")
	}
	return found, ""
}
