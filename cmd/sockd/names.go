package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
	"github.com/urfave/cli/v2"
)

// pick returns those of known that patterns mean, names or globs, in the order of known; none for no pattern. A pattern that means nothing
// is exit code 4; the error names the nearest match.
func pick(known, patterns []string, file string) ([]string, error) {
	var list []string
	for _, p := range patterns {
		if !slices.ContainsFunc(known, func(name string) bool { return config.Match(p, name) }) {
			return nil, &exitError{exitUnreachable, fmt.Errorf("no instance %q in %s%s", p, file, nearest(known, p))}
		}
	}
	for _, name := range known {
		if matchesAny(patterns, name) {
			list = append(list, name)
		}
	}
	return list, nil
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return config.Match(p, name) })
}

// nearest is `, did you mean "chat"?`, or empty.
func nearest(known []string, name string) string {
	if len(known) == 0 || strings.Contains(name, "*") {
		return ""
	}
	commands := make([]*cli.Command, len(known))
	for i, k := range known {
		commands[i] = &cli.Command{Name: k}
	}
	if suggestion, ok := strings.CutPrefix(cli.SuggestCommand(commands, name), "D"); ok {
		return ", d" + suggestion
	}
	return ""
}

func instanceNames(s control.Status) []string {
	names := make([]string, len(s.Instances))
	for i, in := range s.Instances {
		names[i] = in.Name
	}
	return names
}

// selected keeps the instances that patterns mean, in the fleet's order; no pattern keeps all.
func selected(s control.Status, patterns []string) (control.Status, error) {
	if len(patterns) == 0 {
		return s, nil
	}
	names, err := pick(instanceNames(s), patterns, s.Fleet.File)
	if err != nil {
		return s, err
	}
	s.Instances = slices.DeleteFunc(slices.Clone(s.Instances), func(in control.InstanceStatus) bool { return !slices.Contains(names, in.Name) })
	return s, nil
}
