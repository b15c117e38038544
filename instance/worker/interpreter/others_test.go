package interpreter_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

func TestOtherLayouts(t *testing.T) {
	t.Parallel()
	node := func(r *tree, command ...string) { r.spec.Command = append(command, "w.mjs") }
	for _, c := range []struct {
		name string
		make func(*tree)
		rule string
		argv string // ~ for the home, $ for PATH's folder, . for the project
		path string // folders in front of PATH
		note string
	}{
		{"node on PATH", func(r *tree) { node(r, "node"); r.says(r.path+"/node", "v20.1.0") }, "5 system", "$/node w.mjs", "", ""},
		{"volta", func(r *tree) {
			node(r, "node")
			r.file("package.json", `{"volta":{"node":"20.1.0"}}`)
			r.says("~/.volta/tools/image/node/20.1.0/bin/node", "v20.1.0")
		}, "3 volta", "~/.volta/tools/image/node/20.1.0/bin/node w.mjs", "~/.volta/tools/image/node/20.1.0/bin", ""},
		{"nvm by .nvmrc", func(r *tree) {
			node(r, "node")
			r.file(".nvmrc", "v18\n")
			r.says("~/.nvm/versions/node/v18.9.1/bin/node", "v18.9.1")
		},
			"4 pinned version", "~/.nvm/versions/node/v18.9.1/bin/node w.mjs", "~/.nvm/versions/node/v18.9.1/bin", ""},
		{"nvm by alias", func(r *tree) {
			node(r, "node")
			r.file(".nvmrc", "lts/*\n")
			r.file("~/.nvm/alias/lts/*", "lts/iron\n")
			r.file("~/.nvm/alias/lts/iron", "v20.2.0\n")
			r.says("~/.nvm/versions/node/v20.2.0/bin/node", "v20.2.0")
		}, "4 pinned version", "~/.nvm/versions/node/v20.2.0/bin/node w.mjs", "~/.nvm/versions/node/v20.2.0/bin", ""},
		{"fnm by .node-version", func(r *tree) {
			node(r, "node")
			r.file(".node-version", "20.2.0")
			r.says("~/.local/share/fnm/node-versions/v20.2.0/installation/bin/node", "v20.2.0")
		}, "4 pinned version", "~/.local/share/fnm/node-versions/v20.2.0/installation/bin/node w.mjs", "~/.local/share/fnm/node-versions/v20.2.0/installation/bin", ""},
		{"mise", func(r *tree) {
			node(r, "node")
			r.file("mise.toml", "[tools]\nnode = '20'\n")
			r.says("~/.local/share/mise/installs/node/20.2.0/bin/node", "v20.2.0")
		}, "4 pinned version", "~/.local/share/mise/installs/node/20.2.0/bin/node w.mjs", "~/.local/share/mise/installs/node/20.2.0/bin", ""},
		{"node_modules of the project and its workspace", func(r *tree) {
			node(r, "node")
			r.mkdir(r.abs("~/code/.git"))
			r.mkdir(r.abs("~/code/node_modules/.bin"))
			r.mkdir(r.abs("node_modules/.bin"))
			r.says(r.path+"/node", "v20.1.0")
		}, "5 system", "$/node w.mjs", "./node_modules/.bin ~/code/node_modules/.bin", ""},
		{"engines only warn", func(r *tree) {
			node(r, "node")
			r.file("package.json", `{"engines":{"node":">=22"}}`)
			r.says(r.path+"/node", "v20.1.0")
		},
			"5 system", "$/node w.mjs", "", "engines.node"},
		{"bun by its lock", func(r *tree) {
			node(r, "node")
			r.file("bun.lock", "")
			r.says(r.path+"/bun", "1.1.0")
			r.says(r.path+"/node", "v20.1.0")
		},
			"2 other runtime", "$/bun w.mjs", "", "bun"},
		{"deno", func(r *tree) { node(r, "node"); r.file("deno.json", "{}"); r.says(r.path+"/deno", "deno 2.1.4") }, "2 other runtime", "$/deno run -A w.mjs", "", "deno"},
		{"bun that is not there", func(r *tree) {
			node(r, "node")
			r.file("package.json", `{"packageManager":"bun@1"}`)
			r.says(r.path+"/node", "v20.1.0")
		},
			"5 system", "$/node w.mjs", "", ""},
		{"TypeScript on a new node", func(r *tree) { r.spec.Command = []string{"node", "w.ts"}; r.says(r.path+"/node", "v22.18.0") }, "5 system", "$/node w.ts", "", ""},
		{"TypeScript on an older one", func(r *tree) { r.spec.Command = []string{"node", "w.ts"}; r.says(r.path+"/node", "v22.7.0") },
			"5 system", "$/node --experimental-strip-types w.ts", "", ""},
		{"TypeScript by tsx", func(r *tree) {
			r.spec.Command = []string{"node", "w.ts"}
			r.says(r.path+"/node", "v20.1.0")
			r.program("node_modules/.bin/tsx", "")
		}, "5 system", "./node_modules/.bin/tsx w.ts", "./node_modules/.bin $", ""},
		{"ruby of rbenv", func(r *tree) {
			r.spec.Command = []string{"ruby", "w.rb"}
			r.file(".ruby-version", "3.2.2\n")
			r.says("~/.rbenv/versions/3.2.2/bin/ruby", "'ruby 3.2.2 (x)'")
		},
			"2 pinned version", "~/.rbenv/versions/3.2.2/bin/ruby w.rb", "~/.rbenv/versions/3.2.2/bin", ""},
		{"ruby of chruby by Gemfile, with bundler", func(r *tree) {
			r.spec.Command = []string{"ruby", "w.rb"}
			r.file("Gemfile", "source 'x'\nruby '3.2.2'\n")
			r.says("~/.rubies/ruby-3.2.2/bin/ruby", "'ruby 3.2.2'")
			r.program("~/.rubies/ruby-3.2.2/bin/bundle", "")
		}, "2 pinned version", "~/.rubies/ruby-3.2.2/bin/bundle exec ~/.rubies/ruby-3.2.2/bin/ruby w.rb", "~/.rubies/ruby-3.2.2/bin", ""},
		{"ruby on PATH", func(r *tree) { r.spec.Command = []string{"ruby", "w.rb"}; r.says(r.path+"/ruby", "'ruby 3.2.2'") }, "3 system", "$/ruby w.rb", "", ""},
		{"php with vendor/bin", func(r *tree) {
			r.spec.Command = []string{"php", "w.php"}
			r.says(r.path+"/php", "'PHP 8.2.1'")
			r.mkdir(r.abs("vendor/bin"))
		},
			"2 system", "$/php w.php", "./vendor/bin", ""},
		{"a path", func(r *tree) { r.spec.Command = []string{"./w", "x"}; r.program("w", "") }, "2 path", "./w x", "", ""},
		{"a program on PATH", func(r *tree) { r.spec.Command = []string{"w"}; r.program(r.path+"/w", "") }, "4 system", "$/w", "", ""},
		{"a program of the environment", func(r *tree) {
			r.spec.Command = []string{"uvicorn", "app"}
			r.venv(".venv", "3.12.1")
			r.program(".venv/bin/uvicorn", "")
		},
			"3 project's programs", "./.venv/bin/uvicorn app", "./.venv/bin", ""},
		{"a program of node_modules", func(r *tree) { r.spec.Command = []string{"tsx", "w.ts"}; r.program("node_modules/.bin/tsx", "") },
			"3 project's programs", "./node_modules/.bin/tsx w.ts", "./node_modules/.bin", ""},
		{"an interpreter for a script", func(r *tree) {
			r.spec.Command = []string{"w.awk"}
			r.spec.Interpreter = "run"
			r.program(r.path+"/run", "")
		},
			"1 interpreter", "$/run w.awk", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newTree(t)
			c.make(r)
			got, trials, err := r.detect()
			if err != nil {
				t.Fatalf("%v\n%+v", err, trials)
			}
			full := func(list string) string {
				words := strings.Fields(list)
				for i, w := range words {
					w = strings.Replace(w, "./", r.project+"/", 1)
					if strings.HasPrefix(w, r.project) && strings.Contains(words[i], "./") && !strings.HasPrefix(words[i], "./") {
						w = words[i]
					}
					w = strings.Replace(w, "$", r.path, 1)
					words[i] = strings.Replace(w, "~", r.home, 1)
				}
				return strings.Join(words, " ")
			}
			if argv := strings.Join(got.Argv, " "); got.Rule != c.rule || argv != full(c.argv) {
				t.Errorf("got %q by %q, want %q by %q\n%+v", argv, got.Rule, full(c.argv), c.rule, trials)
			}
			if path := strings.Join(got.Prepend, " "); path != full(c.path) {
				t.Errorf("PATH begins with %q, want %q", path, full(c.path))
			}
			if !strings.Contains(got.Note, c.note) || c.note == "" && got.Note != "" {
				t.Errorf("note is %q, want %q in it", got.Note, c.note)
			}
		})
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := newTree(t)
	for _, word := range []string{"nothing", "./nothing", "ruby", "node", "python"} {
		r.spec.Command = []string{word}
		if _, trials, err := r.detect(); !errors.Is(err, interpreter.ErrNone) || !strings.Contains(err.Error(), strings.TrimPrefix(word, ".")) || len(trials) < 2 {
			t.Errorf("%s: got %v, %+v", word, err, trials)
		}
	}
}

var update = flag.Bool("update", false, "write the golden files")

// TestRules keeps the table of rules that the documentation shows.
func TestRules(t *testing.T) {
	var b strings.Builder
	b.WriteString("| kind | rule | looks at |\n|---|---|---|\n")
	for _, r := range interpreter.Rules() {
		fmt.Fprintf(&b, "| %s | %d %s | %s |\n", r.Kind, r.Number, r.Name, r.Where)
	}
	const golden = "../testdata/rules.golden.md"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil || string(want) != b.String() {
		t.Errorf("%s is not up to date (-update writes it): %v", golden, err)
	}
}
