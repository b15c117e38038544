package interpreter

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

// hashed is the eight characters that poetry, pipenv and hatch make of a path.
func hashed(path string) string {
	sum := sha256.Sum256([]byte(path))
	return base64.URLEncoding.EncodeToString(sum[:])[:8]
}

// resolved is the path that those tools hash.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

func cut(name string) string {
	if r := []rune(name); len(r) > 42 {
		return string(r[:42])
	}
	return name
}

var (
	notInPoetry = regexp.MustCompile("[ $`!*@\"\\\\\r\n\t]")
	notInPipenv = regexp.MustCompile("[ &$`!*@\"()\\[\\]\\\\\r\n\t]")
)

// poetry computes where poetry keeps the project's environments.
func (s *search) poetry() ([]candidate, string) {
	project := scanTOML(read(s.file("pyproject.toml")))
	if !isFile(s.file("poetry.lock")) && !project.has("tool.poetry") {
		return nil, "no poetry project"
	}
	name := strings.ToLower(cmp.Or(project.get("tool.poetry", "name"), project.get("project", "name"), filepath.Base(s.spec.Project)))
	name = cut(notInPoetry.ReplaceAllString(name, "_")) + "-" + hashed(resolved(s.spec.Project))
	dir := s.poetryDir()
	if dir == "" {
		return nil, "HOME is not set"
	}
	if minor := scanTOML(read(filepath.Join(dir, "envs.toml"))).get(name, "minor"); minor != "" {
		return []candidate{venv(filepath.Join(dir, name+"-py"+minor))}, ""
	}
	found, _ := filepath.Glob(filepath.Join(globQuote(dir), globQuote(name)+"-py*"))
	if len(found) == 0 {
		return nil, "poetry has no environment " + filepath.Join(dir, name) + "-py*: poetry install"
	}
	version := func(path string) string { return path[strings.LastIndex(path, "-py")+3:] }
	slices.SortFunc(found, func(a, b string) int { return compare(version(b), version(a)) })
	var all []candidate
	for _, f := range found {
		all = append(all, venv(f))
	}
	return all, ""
}

func (s *search) poetryDir() string {
	cache := s.env["POETRY_CACHE_DIR"]
	if cache == "" {
		if cache = s.root("XDG_CACHE_HOME", ".cache"); runtime.GOOS == "darwin" {
			cache = s.home("Library", "Caches")
		}
		if cache != "" {
			cache = filepath.Join(cache, "pypoetry")
		}
	}
	if dir := s.env["POETRY_VIRTUALENVS_PATH"]; dir != "" {
		return strings.ReplaceAll(dir, "{cache-dir}", cache)
	}
	if cache == "" {
		return ""
	}
	return filepath.Join(cache, "virtualenvs")
}

func (s *search) pipenvOrHatch() ([]candidate, string) {
	if isFile(s.file("Pipfile")) {
		return s.pipenv()
	}
	if isFile(s.file("hatch.toml")) || scanTOML(read(s.file("pyproject.toml"))).has("tool.hatch") {
		return s.hatch()
	}
	return nil, "neither Pipfile nor hatch.toml nor [tool.hatch]"
}

func (s *search) pipenv() ([]candidate, string) {
	name := s.env["PIPENV_CUSTOM_VENV_NAME"]
	if name == "" {
		name = cut(notInPipenv.ReplaceAllString(filepath.Base(s.spec.Project), "_")) + "-" + hashed(resolved(s.file("Pipfile")))
	}
	dir := filepath.Join(s.workonHome(), name)
	if !isDir(dir) {
		return nil, "pipenv has no environment " + dir + ": pipenv install"
	}
	return []candidate{venv(dir)}, ""
}

// hatch looks for the default environment in hatch's nested folder, then asks hatch itself.
func (s *search) hatch() ([]candidate, string) {
	project := scanTOML(read(s.file("pyproject.toml")))
	name := strings.ToLower(cmp.Or(project.get("project", "name"), filepath.Base(s.spec.Project)))
	base := s.env["HATCH_ENV_TYPE_VIRTUAL_PATH"]
	if base == "" {
		data := s.env["HATCH_DATA_DIR"]
		if data == "" {
			if data = s.data("hatch"); runtime.GOOS == "darwin" {
				data = s.home("Library", "Application Support", "hatch")
			}
		}
		base = filepath.Join(data, "env", "virtual")
	} else if !filepath.IsAbs(base) {
		base = s.file(base)
	}
	for _, dir := range []string{filepath.Join(base, name, hashed(s.spec.Project), name), filepath.Join(base, name)} {
		if isFile(filepath.Join(dir, "pyvenv.cfg")) {
			return []candidate{venv(dir)}, ""
		}
	}
	program, _ := s.byName("hatch")
	if len(program) == 0 {
		return nil, "hatch has no environment in " + base + ": hatch env create"
	}
	ctx, cancel := context.WithTimeout(s.ctx, hatchTimeout)
	defer cancel()
	out, err := run(ctx, s, nil, program[0].path, "env", "find")
	if dir := strings.TrimSpace(out); err == "" && filepath.IsAbs(dir) && isDir(dir) {
		return []candidate{venv(dir)}, ""
	}
	return nil, "hatch knows no environment: hatch env create"
}

const hatchTimeout = 2 * time.Second
