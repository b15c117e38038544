package main

import (
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// flagTable knows every flag of the app by every name. A name means one flag and has one kind on all commands (a test
// holds the app to that), so that a word can be read before its command is known.
type flagTable struct {
	flags  map[string]flagKind // by every name
	global map[string]bool     // by first name
}

type flagKind struct {
	name       string // the first one
	takesValue bool
}

func newFlagTable(app *cli.App) *flagTable {
	t := &flagTable{flags: map[string]flagKind{}, global: map[string]bool{}}
	t.add(cli.HelpFlag)
	for _, f := range app.Flags {
		t.add(f)
		t.global[f.Names()[0]] = true
	}
	t.addCommands(app.Commands)
	return t
}

func (t *flagTable) addCommands(commands []*cli.Command) {
	for _, c := range commands {
		for _, f := range c.Flags {
			t.add(f)
		}
		t.addCommands(c.Subcommands)
	}
}

func (t *flagTable) add(f cli.Flag) {
	kind := flagKind{name: f.Names()[0]}
	if d, ok := f.(cli.DocGenerationFlag); ok {
		kind.takesValue = d.TakesValue()
	}
	for _, name := range f.Names() {
		t.flags[name] = kind
	}
}

// scan tells flags, their values and arguments apart. The error is a [noSuchFlag] or a [usageError]; what was read is complete all the same,
// so that an unknown command can be reported instead.
func (t *flagTable) scan(words []string) (parsed, error) {
	var p parsed
	var first error
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case word == "--":
			p.rest = words
			return p, first
		case !startsFlag(word):
			p.arguments = append(p.arguments, word)
		default:
			uses, taken, err := t.read(word, words)
			p.flags = append(p.flags, uses...)
			words = words[taken:]
			if first == nil && err != nil {
				first = err
			}
		}
	}
	return p, first
}

// noSuchFlag is a flag, as it was typed, that no command has.
type noSuchFlag string

func (n noSuchFlag) Error() string { return "unknown flag " + string(n) }

// read turns one word into the flags that it sets; taken is the number of following words that it used up.
func (t *flagTable) read(word string, next []string) (uses []flagUse, taken int, err error) {
	if isShort(word) {
		return t.readShort(word, next)
	}
	name, value, given := strings.Cut(word[2:], "=")
	kind, ok := t.flags[name]
	if !ok || len(name) == 1 {
		return nil, 0, noSuchFlag("--" + name)
	}
	use := flagUse{name: kind.name, typed: "--" + name, value: value}
	if !given {
		use.value, taken, err = kind.value(use.typed, next)
	}
	return []flagUse{use}, taken, err
}

// readShort reads -v, -qv, -c FILE, -cFILE and -c=FILE.
func (t *flagTable) readShort(word string, next []string) (uses []flagUse, taken int, err error) {
	letters := word[1:]
	long, _, _ := strings.Cut(letters, "=")
	if _, ok := t.flags[long]; ok && len(long) > 1 {
		return nil, 0, usage("unknown flag %s, did you mean %q?", word, "--"+long)
	}
	for letters != "" {
		_, size := utf8.DecodeRuneInString(letters)
		letter := letters[:size]
		letters = letters[size:]
		kind, ok := t.flags[letter]
		if !ok {
			return uses, 0, noSuchFlag("-" + letter)
		}
		use := flagUse{name: kind.name, typed: "-" + letter, value: "true"}
		value, equals := strings.CutPrefix(letters, "=")
		switch {
		case equals, kind.takesValue && letters != "":
			use.value, letters = value, ""
		case kind.takesValue:
			use.value, taken, err = kind.value(use.typed, next)
		}
		uses = append(uses, use)
	}
	return uses, taken, err
}

// value takes a flag's value from the words that follow it. A word that is a flag itself is no value: --name=-x gives one
// that begins with a dash.
func (k flagKind) value(typed string, next []string) (value string, taken int, err error) {
	if !k.takesValue {
		return "true", 0, nil
	}
	if len(next) == 0 || startsFlag(next[0]) {
		return "", 0, usage("flag %s needs a value", typed)
	}
	return next[0], 1, nil
}
