package interpreter_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

func hash(path string) string {
	sum := sha256.Sum256([]byte(path))
	return base64.URLEncoding.EncodeToString(sum[:])[:8]
}

func TestPythonLayouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(*tree)
		rule string
		path string // in the project, ~ or absolute
		env  string // NAME=path that must be set
	}{
		{"explicit path", func(r *tree) {
			r.python("py/bin/p", "3.12.1")
			r.spec.Interpreter = "py/bin/p"
			r.venv(".venv", "3.9.1")
		}, "1 interpreter", "py/bin/p", ""},
		{"explicit environment", func(r *tree) { r.venv("x", "3.12.1"); r.spec.Interpreter = "x" }, "1 interpreter", "x/bin/python", "VIRTUAL_ENV=x"},
		{"explicit name on PATH", func(r *tree) { r.python(r.path+"/python3.10", "3.10.1"); r.spec.Interpreter = "python3.10" }, "1 interpreter", "$/python3.10", ""},
		{"system although there is an environment", func(r *tree) {
			r.python(r.path+"/python3", "3.12.1")
			r.venv(".venv", "3.12.1")
			r.spec.Interpreter = "system"
		},
			"1 interpreter", "$/python3", ""},
		{"the instance's VIRTUAL_ENV", func(r *tree) {
			r.venv("~/ve", "3.12.1")
			r.venv(".venv", "3.12.1")
			r.spec.Env["VIRTUAL_ENV"] = r.abs("~/ve")
		},
			"2 own variables", "~/ve/bin/python", "VIRTUAL_ENV=~/ve"},
		{"the instance's UV_PROJECT_ENVIRONMENT", func(r *tree) { r.venv("ve", "3.12.1"); r.spec.Env["UV_PROJECT_ENVIRONMENT"] = "ve" },
			"2 own variables", "ve/bin/python", "VIRTUAL_ENV=ve"},
		{".venv", func(r *tree) { r.venv(".venv", "3.12.1"); r.venv("venv", "3.12.1") }, "3 .venv", ".venv/bin/python", "VIRTUAL_ENV=.venv"},
		{".venv as a file with a path", func(r *tree) { r.venv("~/envs/a", "3.12.1"); r.file(".venv", r.abs("~/envs/a")+"\n") }, "3 .venv", "~/envs/a/bin/python", ""},
		{".venv as a file with a name", func(r *tree) { r.venv("~/.local/share/virtualenvs/a", "3.12.1"); r.file(".venv", "a\n") },
			"3 .venv", "~/.local/share/virtualenvs/a/bin/python", ""},
		{"venv", func(r *tree) { r.venv("venv", "3.12.1") }, "4 venv", "venv/bin/python", "VIRTUAL_ENV=venv"},
		{".env", func(r *tree) { r.venv(".env", "3.12.1") }, "4 venv", ".env/bin/python", ""},
		{"a folder of any name", func(r *tree) { r.venv("my env", "3.12.1") }, "4 venv", "my env/bin/python", ""},
		{"pixi", func(r *tree) {
			r.python(".pixi/envs/default/bin/python", "3.12.1")
			r.mkdir(r.abs(".pixi/envs/default/conda-meta"))
		}, "5 conda", ".pixi/envs/default/bin/python", "CONDA_PREFIX=.pixi/envs/default"},
		{"conda in env", func(r *tree) { r.python("env/bin/python", "3.12.1"); r.mkdir(r.abs("env/conda-meta")) }, "5 conda", "env/bin/python", "CONDA_PREFIX=env"},
		{"pdm", func(r *tree) { r.venv("~/pdm/v", "3.12.1"); r.file(".pdm-python", r.abs("~/pdm/v/bin/python")) }, "6 pdm", "~/pdm/v/bin/python", "VIRTUAL_ENV=~/pdm/v"},
		{"__pypackages__", func(r *tree) { r.python(r.path+"/python3.12", "3.12.1"); r.mkdir(r.abs("__pypackages__/3.12/lib")) },
			"6 pdm", "$/python3.12", "PYTHONPATH=__pypackages__/3.12/lib"},
		{"poetry", func(r *tree) {
			r.file("pyproject.toml", "[tool.poetry]\nname = \"My App\"\n[tool.poetry.dependencies]\npython = \"^3.10\"\n")
			base := "~/.cache/pypoetry/virtualenvs/my_app-" + hash(r.project)
			r.venv(base+"-py3.9", "3.9.1")
			r.venv(base+"-py3.11", "3.11.1")
		}, "7 poetry", "~/.cache/pypoetry/virtualenvs/my_app-HASH-py3.11/bin/python", ""},
		{"poetry with envs.toml", func(r *tree) {
			r.file("pyproject.toml", "[project]\nname = 'app'\n")
			r.file("poetry.lock", "")
			base := "app-" + hash(r.project)
			r.spec.System = append(r.spec.System, "POETRY_VIRTUALENVS_PATH="+r.abs("~/pv"))
			r.venv("~/pv/"+base+"-py3.10", "3.10.1")
			r.venv("~/pv/"+base+"-py3.11", "3.11.1")
			r.file("~/pv/envs.toml", "["+base+"]\nminor = \"3.10\"\npatch = \"3.10.1\"\n")
		}, "7 poetry", "~/pv/app-HASH-py3.10/bin/python", ""},
		{"pipenv", func(r *tree) {
			r.file("Pipfile", "")
			r.venv("~/.local/share/virtualenvs/app-"+hash(r.abs("Pipfile")), "3.12.1")
		}, "8 pipenv, hatch", "", ""},
		{"hatch's folder", func(r *tree) {
			r.file("pyproject.toml", "[project]\nname = \"thing\"\n[tool.hatch.envs.default]\n")
			r.venv("~/.local/share/hatch/env/virtual/thing/"+hash(r.project)+"/thing", "3.12.1")
		}, "8 pipenv, hatch", "~/.local/share/hatch/env/virtual/thing/HASH/thing/bin/python", ""},
		{"hatch when asked", func(r *tree) {
			r.file("hatch.toml", "")
			r.venv("~/h", "3.12.1")
			r.program(r.path+"/hatch", "echo '"+r.abs("~/h")+"'\n")
		}, "8 pipenv, hatch", "~/h/bin/python", ""},
		{"workspace above", func(r *tree) { r.file("~/code/uv.lock", ""); r.venv("~/code/.venv", "3.12.1") }, "9 parents", "~/code/.venv/bin/python", "VIRTUAL_ENV=~/code/.venv"},
		{"pyenv", func(r *tree) {
			r.file(".python-version", "3.11\n")
			r.python("~/.pyenv/versions/3.11.9/bin/python", "3.11.9")
			r.python("~/.pyenv/versions/3.11.10/bin/python", "3.11.10")
		},
			"10 pinned version", "~/.pyenv/versions/3.11.10/bin/python", ""},
		{"pyenv's environment", func(r *tree) { r.file(".python-version", "mine\n"); r.venv("~/.pyenv/versions/mine", "3.11.9") },
			"10 pinned version", "~/.pyenv/versions/mine/bin/python", "VIRTUAL_ENV=~/.pyenv/versions/mine"},
		{"mise", func(r *tree) {
			r.file("mise.toml", "[tools]\npython = \"3.12\"\n")
			r.python("~/.local/share/mise/installs/python/3.12.3/bin/python", "3.12.3")
		},
			"10 pinned version", "~/.local/share/mise/installs/python/3.12.3/bin/python", ""},
		{"asdf", func(r *tree) {
			r.file(".tool-versions", "node 20\npython 3.12.3 # x\n")
			r.python("~/.asdf/installs/python/3.12.3/bin/python", "3.12.3")
		},
			"10 pinned version", "~/.asdf/installs/python/3.12.3/bin/python", ""},
		{"uv's own", func(r *tree) {
			r.file(".python-version", "3.13")
			r.python("~/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin/python3", "3.13.1")
		},
			"10 pinned version", "~/.local/share/uv/python/cpython-3.13.1-linux-x86_64-gnu/bin/python3", ""},
		{"system", func(r *tree) { r.python(r.path+"/python3", "3.12.1"); r.python(r.path+"/python", "2.7.1") }, "11 system", "$/python3", ""},
		{"only python", func(r *tree) { r.python(r.path+"/python", "3.12.1") }, "11 system", "$/python", ""},
		{"a version in the command", func(r *tree) {
			r.venv(".venv", "3.9.1")
			r.python(r.path+"/python3.12", "3.12.1")
			r.spec.Command[0] = "python3.12"
		}, "11 system", "$/python3.12", ""},
		{"a version that does not fit", func(r *tree) {
			r.file("pyproject.toml", "[project]\nrequires-python = \">=3.11,<4\"\n")
			r.venv(".venv", "3.9.1")
			r.venv("venv", "3.11.0")
		}, "4 venv", "venv/bin/python", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t)
			c.make(r)
			got, trials, err := r.detect()
			if err != nil {
				t.Fatalf("%v\n%+v", err, trials)
			}
			want := r.abs(strings.Replace(strings.ReplaceAll(c.path, "HASH", hash(r.project)), "$", r.path, 1))
			if c.path == "" {
				want = got.Path
			}
			if got.Rule != c.rule || got.Path != want || got.Argv[0] != want || got.Argv[1] != "w.py" {
				t.Errorf("got %s by %q, want %s by %q\n%+v", got.Path, got.Rule, want, c.rule, trials)
			}
			if name, path, ok := strings.Cut(c.env, "="); ok {
				if got.Env[name] != r.abs(path) {
					t.Errorf("got %v, want %s=%s", got.Env, name, r.abs(path))
				}
				if dir := r.abs(path) + "/bin"; name != "PYTHONPATH" && (len(got.Prepend) == 0 || got.Prepend[0] != dir) {
					t.Errorf("PATH begins with %v, want %s", got.Prepend, dir)
				}
			}
			for i, tr := range trials {
				if tr.Why == "" || tr.Applied != (i == len(trials)-1) {
					t.Errorf("trial %+v: want a reason, and only the last applied", tr)
				}
			}
		})
	}
}

func TestRealEnvironment(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.realVenv(".venv")
	got, _, err := r.detect()
	if err != nil || got.Rule != "3 .venv" || got.Version == "" || got.Path != r.abs(".venv/bin/python") {
		t.Fatalf("got %+v, %v", got, err)
	}
	if info, err := os.Lstat(got.Path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("%s is not the link itself: %v", got.Path, err)
	}
	// moved
	if err := os.Rename(r.abs(".venv"), r.abs("venv")); err != nil {
		t.Fatal(err)
	}
	r.python(r.path+"/python3", "3.12.1")
	got, trials, err := r.detect()
	if err != nil || got.Rule != "11 system" || !strings.Contains(got.Broken, "moved") || !strings.Contains(got.Broken, "python3 -m venv --clear") {
		t.Errorf("moved: got %+v, %v\n%+v", got, err, trials)
	}
	if tr := trial(trials, "4"); tr.Applied || tr.Why != got.Broken {
		t.Errorf("moved: got %+v", tr)
	}
	r.spec.Interpreter = "venv/bin/python" // who insists gets it: it runs
	if got, _, err := r.detect(); err != nil || got.Env["VIRTUAL_ENV"] != r.abs("venv") {
		t.Errorf("moved, by path: got %+v, %v", got, err)
	}
}

func TestBrokenEnvironments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		make func(*tree)
		want []string // in the sentence
	}{
		{"base interpreter gone", func(r *tree) { r.venv(".venv", "3.12.1"); r.file(".venv/pyvenv.cfg", "home = "+r.home+"/gone/bin\n") }, []string{"/gone/bin", "is gone", "--clear"}},
		{"uv says how to mend it", func(r *tree) {
			r.venv(".venv", "3.12.1")
			r.file("uv.lock", "")
			r.file(".venv/pyvenv.cfg", "home = /gone/bin\nuv = 0.5\n")
		}, []string{"uv sync"}},
		{"link that leads nowhere", func(r *tree) {
			r.venv(".venv", "3.12.1")
			_ = os.Remove(r.abs(".venv/bin/python"))
			_ = os.Symlink("/gone/python", r.abs(".venv/bin/python"))
		}, []string{".venv/bin/python", "leads nowhere"}},
		{"no pyvenv.cfg", func(r *tree) { r.python(".venv/bin/python", "3.12.1") }, []string{"no pyvenv.cfg"}},
		{"does not run", func(r *tree) { r.venv(".venv", "3"); r.program(".venv/bin/python", "echo oops >&2; exit 1\n") }, []string{"does not run", "oops"}},
		{"says something else", func(r *tree) { r.venv(".venv", "3"); r.says(".venv/bin/python", "hello") }, []string{"not that of a Python"}},
		{"another environment's", func(r *tree) {
			r.venv(".venv", "3")
			r.program(".venv/bin/python", "printf '/x\\n/other\\n3.12.1\\n'\n")
		}, []string{"/other"}},
		{"link to a folder that is gone", func(r *tree) { _ = os.Symlink("/gone", r.abs(".venv")) }, []string{".venv"}},
		{"an empty file", func(r *tree) { r.file(".venv", "") }, []string{"empty file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t)
			c.make(r)
			_, _, err := r.detect()
			if !errors.Is(err, interpreter.ErrNone) {
				t.Errorf("with no other: got %v, want %v", err, interpreter.ErrNone)
			}
			r.python(r.path+"/python3", "3.12.1")
			got, _, err := r.detect()
			if err != nil || got.Rule != "11 system" || got.Note != "system python" {
				t.Fatalf("with another: got %+v, %v", got, err)
			}
			for _, want := range c.want {
				if !strings.Contains(got.Broken, want) || strings.Contains(got.Broken, "\n") {
					t.Errorf("got %q, want one line with %q", got.Broken, want)
				}
			}
			r.spec.Interpreter = ".venv/bin/python"
			if c.name == "no pyvenv.cfg" || c.name == "link to a folder that is gone" || c.name == "an empty file" {
				return
			}
			_, trials, err := r.detect()
			if !errors.Is(err, interpreter.ErrExplicit) || len(trials) != 1 || !strings.Contains(err.Error(), ".venv/bin/python") {
				t.Errorf("by path: got %v, %+v; want it to be fatal", err, trials)
			}
		})
	}
}

func TestDaemonsOwnEnvironmentIsNotUsed(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.venv("~/daemon", "3.9.1")
	r.python("~/daemon/bin/python3", "3.9.1")
	r.python(r.path+"/python3", "3.12.1")
	r.spec.System = []string{"PATH=" + r.abs("~/daemon/bin/") + ":" + r.path, "HOME=" + r.home, "VIRTUAL_ENV=" + r.abs("~/daemon"), "UV_PROJECT_ENVIRONMENT=" + r.abs("~/daemon")}
	got, trials, err := r.detect()
	if err != nil || got.Path != filepath.Join(r.path, "python3") || len(got.Env) != 0 {
		t.Errorf("got %+v, %v\n%+v", got, err, trials)
	}
}

func TestTwoEnvironmentsOfOtherNames(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.venv("a", "3.12.1")
	r.venv("b", "3.12.1")
	_, trials, err := r.detect()
	if why := trial(trials, "4").Why; err == nil || !strings.Contains(why, "a, b") {
		t.Errorf("got %q, %v; want both named and none taken", why, err)
	}
}

func TestProbeRunsOnce(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	log := filepath.Join(r.home, "log")
	r.venv(".venv", "3.12.1")
	r.program(".venv/bin/python", "echo x >> "+log+"; printf '%s\\n' /p '"+r.abs(".venv")+"' 3.12.1\n")
	var d interpreter.Detector
	ask := func() int {
		if _, _, err := d.Detect(context.Background(), r.spec); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(log)
		return strings.Count(string(text), "x")
	}
	if ask(); ask() != 1 {
		t.Error("an unchanged interpreter was run again")
	}
	r.file(".venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.12.1\n")
	if n := ask(); n != 2 {
		t.Errorf("after pyvenv.cfg changed: run %d times, want 2", n)
	}
}

func TestProbeThatHangs(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	r.venv(".venv", "3.12.1")
	r.program(".venv/bin/python", "/bin/sleep 600 & /bin/sleep 600\n")
	_, trials, err := r.detect()
	if !errors.Is(err, interpreter.ErrNone) || !strings.Contains(trial(trials, "3").Why, "no answer in time") {
		t.Errorf("got %v, %+v", err, trials)
	}
}
