package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// maxExpanded bounds a string after its variables are put in.
const maxExpanded = 1 << 20

// expand replaces the variables in s:
//
//	${VAR}           the variable; that it is not set is a fault, as an empty token or host is nobody's wish
//	${VAR:-default}  default if VAR is not set or empty
//	${VAR:?message}  a fault with that message if VAR is not set or empty
//	$$               one dollar sign
//
// A dollar sign before anything else stands for itself, as jq programs are full of them. What is put in is not expanded again.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '$')
		if i < 0 || i == len(s)-1 {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:i])
		s = s[i:]
		switch s[1] {
		case '$':
			b.WriteByte('$')
			s = s[2:]
		case '{':
			end := strings.IndexByte(s, '}')
			if end < 0 {
				return "", fmt.Errorf("%q has no closing brace, write $$ for a dollar sign", cut(s))
			}
			value, err := variable(s[2:end], lookup)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			s = s[end+1:]
		default:
			b.WriteByte('$')
			s = s[1:]
		}
		if b.Len() > maxExpanded {
			return "", fmt.Errorf("is longer than %v with its variables put in", Size(maxExpanded))
		}
	}
}

// variable evaluates what stands between the braces.
func variable(inside string, lookup func(string) (string, bool)) (string, error) {
	name, rest, conditional := strings.Cut(inside, ":")
	if !variableName(name) {
		return "", fmt.Errorf("%q is no variable, write $$ for a dollar sign", cut("${"+inside+"}"))
	}
	value, set := lookup(name)
	switch {
	case !conditional && set:
		return value, nil
	case !conditional:
		return "", fmt.Errorf("the environment variable %s is not set, ${%s:-} allows that", name, name)
	case strings.HasPrefix(rest, "-") && value == "":
		return rest[1:], nil
	case strings.HasPrefix(rest, "?") && value == "":
		if rest == "?" {
			rest = "?must be set"
		}
		return "", fmt.Errorf("the environment variable %s: %s", name, rest[1:])
	case strings.HasPrefix(rest, "-"), strings.HasPrefix(rest, "?"):
		return value, nil
	}
	return "", fmt.Errorf("%q is none of ${VAR}, ${VAR:-default} and ${VAR:?message}", cut("${"+inside+"}"))
}

func variableName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c == '-' || !bareByte(c) || i == 0 && c >= '0' && c <= '9' {
			return false
		}
	}
	return s != ""
}

// cut keeps a quotation in a message short.
func cut(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// resolve makes a path absolute: "~" is the home folder, anything else relative to the folder of the file that says it.
func resolve(path, folder string, lookup func(string) (string, bool)) (string, error) {
	if rest, found := strings.CutPrefix(path, "~"); found {
		home, set := lookup("HOME")
		switch {
		case rest != "" && rest[0] != '/':
			return "", fmt.Errorf("%q: only ~/ is expanded, not the home of another user", cut(path))
		case !set || !filepath.IsAbs(home):
			return "", fmt.Errorf("%q: HOME is not set", cut(path))
		}
		return filepath.Join(home, rest), nil
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path), nil
	}
	return filepath.Join(folder, path), nil
}
