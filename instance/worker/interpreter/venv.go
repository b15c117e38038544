package interpreter

import (
	"os"
	"path/filepath"
	"strings"
)

// environment makes a candidate of a folder that ought to be a virtual or conda environment.
func (s *search) environment(dir string) candidate {
	if isDir(filepath.Join(dir, "conda-meta")) {
		return condaEnv(dir)
	}
	return venv(dir)
}

// venv examines a virtual environment without running it.
func venv(dir string) candidate {
	c := candidate{path: filepath.Join(dir, "bin", "python"), prefix: dir, variable: "VIRTUAL_ENV"}
	cfg := filepath.Join(dir, "pyvenv.cfg")
	if !isFile(cfg) {
		c.fault = dir + " has no pyvenv.cfg, so it is no virtual environment: " + remake(dir)
		return c
	}
	values := pyvenv(read(cfg))
	if _, err := os.Lstat(c.path); err != nil {
		if three := filepath.Join(dir, "bin", "python3"); isProgram(three) {
			c.path = three
		}
	}
	switch home := values["home"]; {
	case home != "" && !isDir(home):
		c.fault = "the Python that " + dir + " was made with is gone (" + home + "): " + remake(dir)
	case !isProgram(c.path):
		c.fault = c.path + " is missing or leads nowhere: " + remake(dir)
	case values["relocatable"] != "true":
		c.moved = movedFrom(dir, values["command"])
	}
	return c
}

// pyvenv parses the lines "key = value" of a pyvenv.cfg; keys are lower case.
func pyvenv(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(line, "="); ok {
			values[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
		}
	}
	return values
}

// movedFrom returns where an environment was made, if that is not where it is now. Python since 3.11 writes the command that made it into
// pyvenv.cfg, others into the script that activates it.
func movedFrom(dir, command string) string {
	if strings.HasSuffix(command, " "+dir) {
		return ""
	}
	made := ""
	if i := strings.LastIndex(command, " /"); i >= 0 {
		made = command[i+1:]
	} else {
		for line := range strings.Lines(read(filepath.Join(dir, "bin", "activate"))) {
			if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "VIRTUAL_ENV="); ok {
				made = strings.Trim(rest, `'"`)
				break
			}
		}
	}
	if !filepath.IsAbs(made) || filepath.Clean(made) == dir || sameFile(made, dir) {
		return ""
	}
	return made
}

func sameFile(a, b string) bool {
	ai, aerr := os.Stat(a)
	bi, berr := os.Stat(b)
	return aerr == nil && berr == nil && os.SameFile(ai, bi)
}

// remake is the remedy for a broken environment, in the words of the tool that keeps it.
func remake(dir string) string {
	project := filepath.Dir(dir)
	switch {
	case isDir(filepath.Join(dir, "conda-meta")):
		return "make it again with conda or pixi"
	case isFile(filepath.Join(project, "uv.lock")):
		return "make it again with: rm -rf " + dir + " && uv sync"
	case isFile(filepath.Join(project, "poetry.lock")):
		return "make it again with: rm -rf " + dir + " && poetry install"
	case isFile(filepath.Join(project, "pdm.lock")):
		return "make it again with: rm -rf " + dir + " && pdm install"
	}
	return "make it again with: python3 -m venv --clear " + dir
}

// condaEnv examines an environment of conda, mamba or pixi.
func condaEnv(dir string) candidate {
	c := candidate{path: filepath.Join(dir, "bin", "python"), prefix: dir, variable: "CONDA_PREFIX"}
	if !isProgram(c.path) {
		c.fault = dir + " has no bin/python: add python to the environment"
	}
	return c
}
