package service

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// argument writes one word of an ExecStart line: in quotes, with systemd's escapes, and with its specifiers (%) and variables ($) made plain.
func argument(word string) string { return strings.ReplaceAll(quoted(word), "$", "$$") }

// quoted writes one word of a list that systemd splits at white space, such as ReadWritePaths. There, and for the program of ExecStart, a dollar
// means itself.
func quoted(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if !strings.ContainsAny(word, " \t'\"\\;#") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word) + `"`
}

// described is free text to the end of a line, which a backslash would continue.
func described(text string) string { return strings.NewReplacer("%", "%%", `\`, "/").Replace(text) }

// printable refuses what a unit or a plist cannot hold in one line.
func printable(what, s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s %q: holds a control character or bytes that are not UTF-8", what, s)
	}
	return nil
}

// UnitName makes s part of the name of a unit or a label: what systemd does not take there becomes "_".
func UnitName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_.-", r)) {
			return r
		}
		return '_'
	}, s)
}
