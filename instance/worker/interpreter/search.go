package interpreter

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
)

// candidate is one interpreter that a rule has found.
type candidate struct {
	path     string
	prefix   string            // root of its environment: PATH gets prefix/bin; "" for one without
	variable string            // that names the prefix: VIRTUAL_ENV or CONDA_PREFIX
	env      map[string]string // further variables
	prepend  []string          // further folders for PATH
	note     string
	moved    string // where the environment was made, if that is another place
	fault    string // why it cannot be taken: a sentence with its remedy
	wrong    string // it could be taken but is not what the project wants: no fault of its own
}

// search is one call of Detect.
type search struct {
	ctx      context.Context
	detector *Detector
	spec     Spec
	kind     Kind
	env      map[string]string // Spec.Env over Spec.System
	path     []string          // absolute folders of PATH

	trials []Trial
	choice Choice
	broken string
	fatal  string
}

func newSearch(ctx context.Context, d *Detector, spec Spec) *search {
	s := &search{ctx: ctx, detector: d, spec: spec, kind: kindOf(spec.Command[0]), env: parseEnviron(spec.System)}
	s.env["PATH"] = Path(spec.System)
	for k, v := range spec.Env {
		s.env[k] = v
	}
	for _, dir := range filepath.SplitList(s.env["PATH"]) {
		if filepath.IsAbs(dir) { // a relative one would mean another program in every project
			s.path = append(s.path, dir)
		}
	}
	return s
}

// Path returns the PATH of a daemon's environment without the bin folder of a virtual or conda environment in which the daemon itself runs.
func Path(system []string) string {
	env := parseEnviron(system)
	var own []string
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if env[name] != "" {
			own = append(own, filepath.Join(env[name], "bin"))
		}
	}
	dirs := slices.DeleteFunc(filepath.SplitList(env["PATH"]), func(dir string) bool {
		return slices.ContainsFunc(own, func(bin string) bool { return filepath.Clean(dir) == bin || sameFile(dir, bin) })
	})
	return strings.Join(dirs, string(filepath.ListSeparator))
}

func parseEnviron(list []string) map[string]string {
	env := make(map[string]string, len(list))
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok && k != "" {
			env[k] = v
		}
	}
	return env
}

// ask tries one rule and reports whether the search is over.
func (s *search) ask(r rule) bool {
	found, why := r.find(s)
	if len(found) == 0 {
		s.trials = append(s.trials, Trial{Rule: r.String(), Why: why})
		return false
	}
	for _, c := range found {
		trial := Trial{Rule: r.String(), What: c.path}
		if trial.What == "" {
			trial.What = c.prefix
		}
		trial.Applied, trial.Why = s.try(r, c)
		s.trials = append(s.trials, trial)
		if trial.Applied {
			return true
		}
		if r.last {
			s.fatal = "interpreter " + s.spec.Interpreter + ": " + trial.Why
			return true
		}
	}
	return false
}

// try probes a candidate and takes it if it is sound and fits.
func (s *search) try(r rule, c candidate) (bool, string) {
	switch {
	case c.wrong != "":
		return false, c.wrong
	case c.fault != "":
		return false, s.breaks(c.fault)
	case c.moved != "" && !r.last:
		return false, s.breaks(c.prefix + " was made in " + c.moved + " and then moved: " + remake(c.prefix))
	}
	version := ""
	if s.kind != Plain {
		a := s.detector.probe(s.ctx, s, c)
		if a.err != "" {
			return false, s.breaks(c.path + " does not run: " + a.err + c.remedy())
		}
		version = a.version
		if want := s.misfit(version); want != "" {
			return false, "version " + version + " does not fit " + want
		}
	}
	s.take(r, c, version)
	return true, s.reason(c, version)
}

func (s *search) reason(c candidate, version string) string {
	why := "taken"
	if version != "" {
		why += ", version " + version
	}
	if c.note != "" {
		why += ", " + c.note
	}
	return why
}

// breaks keeps the first sentence about a broken environment.
func (s *search) breaks(sentence string) string {
	if s.broken == "" {
		s.broken = sentence
	}
	return sentence
}

func (c candidate) remedy() string {
	if c.prefix == "" {
		return ""
	}
	return "; " + remake(c.prefix)
}

// take fills in the choice.
func (s *search) take(r rule, c candidate, version string) {
	s.choice = Choice{Kind: s.kind, Path: c.path, Version: version, Rule: r.String(), Env: map[string]string{}, Note: c.note, Broken: s.broken}
	for k, v := range c.env {
		s.choice.Env[k] = v
	}
	if c.prefix != "" {
		s.choice.Env[c.variable] = c.prefix
		s.choice.Prepend = append(s.choice.Prepend, filepath.Join(c.prefix, "bin"))
	}
	s.choice.Prepend = append(s.choice.Prepend, c.prepend...)
	s.choice.Argv = append([]string{c.path}, s.spec.Command[1:]...)
	switch s.kind {
	case Python:
		if c.variable != "VIRTUAL_ENV" { // the instance's own one was passed over
			s.choice.Unset = []string{"VIRTUAL_ENV"}
		}
	case Node:
		s.finishNode()
	case Ruby:
		s.finishRuby()
	case PHP:
		s.choice.Prepend = append(s.choice.Prepend, existing(filepath.Join(s.spec.Project, "vendor", "bin"))...)
	case Plain:
		if r.last {
			s.choice.Argv = append([]string{c.path}, s.spec.Command...)
		}
	}
}
