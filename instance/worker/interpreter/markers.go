package interpreter

import (
	"path/filepath"
	"strings"
)

// Markers returns the files of a project whose change may lead [Detector.Detect] to another answer. They need not exist.
func Markers(spec Spec) []string {
	names := []string{"pyproject.toml", ".venv", ".venv/pyvenv.cfg", ".venv/bin/python", "venv/pyvenv.cfg", "env/pyvenv.cfg", ".python-version",
		"uv.lock", "poetry.lock", "pdm.lock", ".pdm-python", "Pipfile", "Pipfile.lock", "mise.toml", ".tool-versions"}
	switch kindOf(spec.Command[0]) {
	case Node:
		names = []string{"package.json", ".nvmrc", ".node-version", "node_modules", "deno.json", "bun.lock", "mise.toml", ".tool-versions"}
	case Ruby:
		names = []string{"Gemfile", "Gemfile.lock", ".ruby-version", "mise.toml", ".tool-versions"}
	case PHP:
		names = nil
	case Plain:
		names = nil
		if word := spec.Command[0]; strings.Contains(word, "/") && !filepath.IsAbs(word) {
			names = []string{word}
		}
	}
	var paths []string
	for _, n := range names {
		paths = append(paths, filepath.Join(spec.Project, n))
	}
	if i := spec.Interpreter; i != "" && i != "auto" && i != "system" {
		if !filepath.IsAbs(i) {
			i = filepath.Join(spec.Project, i)
		}
		paths = append(paths, i)
	}
	return paths
}
