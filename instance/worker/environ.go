package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/subosito/gotenv"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

// passed are the daemon's variables that a worker gets; LC_* and XDG_* besides.
var passed = []string{"HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"}

// inherited is what a worker gets of the daemon's environment. PATH comes without the daemon's own virtual environment.
func inherited(system []string) map[string]string {
	env := map[string]string{}
	for _, kv := range system {
		k, v, ok := strings.Cut(kv, "=")
		if ok && (slices.Contains(passed, k) || strings.HasPrefix(k, "LC_") || strings.HasPrefix(k, "XDG_")) {
			env[k] = v
		}
	}
	if path := interpreter.Path(system); path != "" {
		env["PATH"] = path
	}
	return env
}

// own is what the instance sets: its files in order, then env. References in the files mean earlier values, then what is inherited.
func (o Options) own(base map[string]string) (map[string]string, error) {
	env := map[string]string{}
	for _, path := range o.EnvFiles {
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.Project, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("env_file: %v", err)
		}
		values, err := parseEnvFile(string(text))
		if err != nil {
			return nil, fmt.Errorf("env_file %s: %v", path, err)
		}
		for k, v := range expand(values, func(name string) string {
			if v, ok := env[name]; ok {
				return v
			}
			return base[name]
		}) {
			env[k] = v
		}
	}
	for k, v := range o.Env {
		env[k] = v
	}
	return env, nil
}

// Two characters of Unicode's private area keep dollar signs away from gotenv, which would ask the daemon's environment.
const (
	dollar        = '\uE0D0' // begins a reference
	literalDollar = '\uE0D1' // stands for itself
)

// parseEnvFile parses a file of lines NAME=value with gotenv; references are left, each with the mark of a dollar sign.
func parseEnvFile(text string) (map[string]string, error) {
	var b strings.Builder
	for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
		mark := string(dollar)
		if _, value, _ := strings.Cut(line, "="); strings.HasPrefix(strings.TrimSpace(value), "'") {
			mark = string(literalDollar)
		}
		line = strings.ReplaceAll(line, `\$`, string(literalDollar))
		b.WriteString(strings.ReplaceAll(line, "$", mark))
	}
	return gotenv.StrictParse(strings.NewReader(b.String()))
}

var reference = regexp.MustCompile(string(dollar) + `(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

// expand replaces references to other values of the file, whatever their order, and by outer else. A value that needs itself gets "" there.
func expand(values map[string]string, outer func(string) string) map[string]string {
	done := make(map[string]string, len(values))
	busy := map[string]bool{}
	var value func(name string) string
	value = func(name string) string {
		raw, ok := values[name]
		if !ok || busy[name] {
			return outer(name)
		}
		if v, ok := done[name]; ok {
			return v
		}
		busy[name] = true
		v := reference.ReplaceAllStringFunc(raw, func(ref string) string {
			return value(strings.Trim(strings.TrimPrefix(ref, string(dollar)), "{}"))
		})
		busy[name] = false
		done[name] = strings.NewReplacer(string(dollar), "$", string(literalDollar), "$").Replace(v)
		return done[name]
	}
	for name := range values {
		value(name)
	}
	return done
}

// environ puts a worker's whole environment together, sorted.
func (o Options) environ(base, own map[string]string, choice interpreter.Choice) []string {
	env := base
	for k, v := range own {
		env[k] = v
	}
	for _, k := range choice.Unset {
		delete(env, k)
	}
	for k, v := range choice.Env {
		env[k] = v
	}
	if old := own["PYTHONPATH"]; old != "" && choice.Env["PYTHONPATH"] != "" {
		env["PYTHONPATH"] += string(filepath.ListSeparator) + old
	}
	if dirs := slices.Clone(choice.Prepend); len(dirs) > 0 {
		if env["PATH"] != "" {
			dirs = append(dirs, env["PATH"])
		}
		env["PATH"] = strings.Join(dirs, string(filepath.ListSeparator))
	}
	env["SOCKD_URL"], env["SOCKD_INSTANCE"], env["PORT"] = o.URL, o.Instance, strconv.Itoa(o.Port)
	if _, set := own["PYTHONUNBUFFERED"]; choice.Kind == interpreter.Python && !set {
		env["PYTHONUNBUFFERED"] = "1"
	}
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return list
}
