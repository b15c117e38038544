package interpreter_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

// tree is a home with one project in it, and a PATH of one folder.
type tree struct {
	t                   *testing.T
	home, project, path string
	spec                interpreter.Spec
}

func newTree(t *testing.T) *tree {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := &tree{t: t, home: filepath.Join(top, "home"), project: filepath.Join(top, "home", "code", "app"), path: filepath.Join(top, "bin")}
	for _, dir := range []string{r.project, r.path} {
		r.mkdir(dir)
	}
	r.spec = interpreter.Spec{Project: r.project, Command: []string{"python", "w.py"}, Env: map[string]string{},
		System: []string{"PATH=" + r.path + ":/nowhere", "HOME=" + r.home}}
	return r
}

func (r *tree) mkdir(path string) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// abs takes a path in the project; "~/x" is one in the home.
func (r *tree) abs(path string) string {
	switch {
	case filepath.IsAbs(path):
		return path
	case strings.HasPrefix(path, "~/"):
		return filepath.Join(r.home, path[2:])
	}
	return filepath.Join(r.project, path)
}

func (r *tree) file(path, text string) {
	r.mkdir(filepath.Dir(r.abs(path)))
	if err := os.WriteFile(r.abs(path), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *tree) program(path, script string) {
	r.file(path, "#!/bin/sh\n"+script)
	if err := os.Chmod(r.abs(path), 0o755); err != nil {
		r.t.Fatal(err)
	}
}

// python makes a fake Python that says what the probe asks for.
func (r *tree) python(path, version string) {
	path = r.abs(path)
	r.program(path, "printf '%s\\n' '"+path+"' '"+filepath.Dir(filepath.Dir(path))+"' '"+version+"'\n")
}

// venv makes a fake environment.
func (r *tree) venv(dir, version string) {
	r.python(filepath.Join(r.abs(dir), "bin", "python"), version)
	r.file(filepath.Join(r.abs(dir), "pyvenv.cfg"), "home = /usr/bin\n")
}

func (r *tree) says(path, version string) { r.program(path, "echo "+version+"\n") }

// realVenv makes an environment with the real venv module.
func (r *tree) realVenv(dir string) {
	python, err := exec.LookPath("python3")
	if err != nil {
		r.t.Fatal("the tests need python3: ", err)
	}
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", r.abs(dir)).CombinedOutput(); err != nil {
		r.t.Fatalf("venv: %v\n%s", err, out)
	}
}

func (r *tree) detect() (interpreter.Choice, []interpreter.Trial, error) {
	var d interpreter.Detector
	return d.Detect(context.Background(), r.spec)
}

// trial returns the first trial of the rule with the number.
func trial(trials []interpreter.Trial, number string) interpreter.Trial {
	for _, t := range trials {
		if strings.HasPrefix(t.Rule, number+" ") {
			return t
		}
	}
	return interpreter.Trial{}
}
