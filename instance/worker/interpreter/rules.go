package interpreter

import "fmt"

// RuleDoc describes one rule for a reader.
type RuleDoc struct {
	Kind   Kind
	Number int
	Name   string
	Where  string // what it looks at
}

// rule is one way to find an interpreter. Its find returns what is there, best first, or why there is nothing.
type rule struct {
	RuleDoc
	find func(*search) ([]candidate, string)
	last bool // its failure ends the search: the user has named the interpreter
}

func (r rule) String() string { return fmt.Sprintf("%d %s", r.Number, r.Name) }

// Rules returns the rules of all kinds in the order in which they are asked.
func Rules() []RuleDoc {
	var docs []RuleDoc
	for _, k := range []Kind{Python, Node, Ruby, PHP, Plain} {
		for _, r := range rulesOf(k) {
			docs = append(docs, r.RuleDoc)
		}
	}
	return docs
}

func rulesOf(k Kind) []rule {
	var rules []rule
	add := func(name, where string, find func(*search) ([]candidate, string)) {
		rules = append(rules, rule{RuleDoc: RuleDoc{Kind: k, Number: len(rules) + 1, Name: name, Where: where}, find: find})
	}
	add("interpreter", "`worker.interpreter`: a path relative to the project, or a name on PATH. Nothing else is tried", (*search).explicit)
	rules[0].last = true
	switch k {
	case Python:
		add("own variables", "`UV_PROJECT_ENVIRONMENT`, `VIRTUAL_ENV` in the instance's `env` or `env_file`; never the daemon's", (*search).ownVariables)
		add(".venv", "`.venv/` with `pyvenv.cfg`, or the path or name that a file `.venv` holds", (*search).dotVenv)
		add("venv", "`venv/`, `env/`, `.env/`, else the only folder of the project with `pyvenv.cfg`", (*search).otherVenv)
		add("conda", "`.pixi/envs/default`, `.conda`, `env`, `envs/default` with `conda-meta/`; sets `CONDA_PREFIX`", (*search).conda)
		add("pdm", "`.pdm-python`; `__pypackages__/X.Y/lib` as `PYTHONPATH`", (*search).pdm)
		add("poetry", "poetry's folder of environments, by the project's name and path; `envs.toml` decides between versions", (*search).poetry)
		add("pipenv, hatch", "`Pipfile`: `$WORKON_HOME` or `~/.local/share/virtualenvs`; hatch's data folder, else `hatch env find`", (*search).pipenvOrHatch)
		add("parents", "`.venv` and `venv` of the folders above, up to the one with `uv.lock` or `.git`", (*search).parents)
		add("pinned version", "`.python-version`, `mise.toml`, `.tool-versions`: in pyenv, mise, asdf, uv", (*search).pinnedPython)
		add("system", "`python3`, then `python`, on PATH without the daemon's own environment", (*search).systemPython)
	case Node:
		add("other runtime", "`deno.json`, `bun.lock`, `packageManager`: deno or bun, unless a version of node is pinned", (*search).otherRuntime)
		add("volta", "`volta.node` of `package.json`: in `$VOLTA_HOME`", (*search).volta)
		add("pinned version", "`.nvmrc`, `.node-version`, `mise.toml`, `.tool-versions`, `devEngines`: in volta, fnm, nvm, mise, asdf", (*search).pinnedNode)
		add("system", "`node` on PATH", (*search).onPath)
	case Ruby:
		add("pinned version", "`.ruby-version`, `Gemfile`, `mise.toml`, `.tool-versions`: in rbenv, mise, asdf, chruby", (*search).pinnedRuby)
		add("system", "`ruby` on PATH", (*search).onPath)
	case PHP:
		add("system", "`php` on PATH", (*search).onPath)
	default:
		add("path", "a first word with a slash: that file, relative to the project", (*search).programPath)
		add("project's programs", "`.venv/bin`, `venv/bin`, `node_modules/.bin`, `vendor/bin` of the project", (*search).ownProgram)
		add("system", "the program on PATH without the daemon's own environment", (*search).onPath)
	}
	return rules
}
