package main

import (
	"io"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// testApp has the flags of the real one and commands for every shape of argument.
func testApp() *cli.App {
	app := newApp(io.Discard, io.Discard)
	app.Commands = append(app.Commands, &cli.Command{Name: "shout", Flags: []cli.Flag{
		&cli.StringFlag{Name: "room"},
		&cli.IntFlag{Name: "lines", Aliases: []string{"n"}},
		&cli.BoolFlag{Name: "ack", Aliases: []string{"a"}},
		&cli.StringSliceFlag{Name: "tag", Aliases: []string{"t"}},
	}})
	return app
}

func TestArrange(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"already in order", "--config=x fleet status --wide a b", "--config=x fleet status --wide=true -- a b"},
		{"flags after arguments", "fleet status a --wide b -c x", "--config=x fleet status --wide=true -- a b"},
		{"a command's flag before the command", "--wide fleet status", "fleet status --wide=true --"},
		{"a flag between the words of a command", "fleet -c x status", "--config=x fleet status --"},
		{"a value that is a command's name", "-c fleet fleet status", "--config=fleet fleet status --"},
		{"the last one wins, long or short", "-c x fleet status --config y", "--config=x --config=y fleet status --"},
		{"short with an attached value", "fleet status -cx", "--config=x fleet status --"},
		{"short with an equals sign", "fleet status -c=x", "--config=x fleet status --"},
		{"an equals sign inside a value", "fleet status -ca=b --state-dir=c=d", "--config=a=b --state-dir=c=d fleet status --"},
		{"an empty value", "fleet status --config=", "--config= fleet status --"},
		{"combined short flags", "fleet status -qv", "--quiet=true --verbose=true fleet status --"},
		{"combined, the last one takes the next word", "fleet status -qc x", "--quiet=true --config=x fleet status --"},
		{"combined, the last one has its value attached", "fleet status -qcx", "--quiet=true --config=x fleet status --"},
		{"a bool with a value", "fleet status --json=false", "--json=false fleet status --"},
		{"a bool takes no word", "fleet status --json a", "--json=true fleet status -- a"},
		{"a negative number is an argument", "shout -5 --room r", "shout --room=r -- -5"},
		{"a negative number is a value", "shout -n -5", "shout --lines=-5 --"},
		{"a dash is an argument", "shout a - --ack", "shout --ack=true -- a -"},
		{"a dash is a value", "fleet status -c -", "--config=- fleet status --"},
		{"after the double dash nothing is touched", "shout a --ack -- --room r -v -- -x", "shout --ack=true -- a --room r -v -- -x"},
		{"a repeated flag", "shout -t a --tag b x", "shout --tag=a --tag=b -- x"},
		{"an argument with the name of a command", "shout fleet status", "shout -- fleet status"},
		{"--version anywhere", "fleet status --version a", "version"},
		{"help of the program", "--help", "--help"},
		{"help of a group", "fleet -h", "fleet --help"},
		{"help of a command, after arguments", "fleet status a -h", "fleet status --help"},
		{"the word help", "help", "--help"},
		{"the word help before a command", "help fleet status", "fleet status --help"},
		{"the word help inside a group", "fleet help status", "fleet status --help"},
		{"help as an argument", "fleet status help", "fleet status -- help"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := arrange(testApp(), strings.Fields(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if g := strings.Join(got, " "); g != tt.want {
				t.Errorf("arrange(%q)\n got %q\nwant %q", tt.in, g, tt.want)
			}
		})
	}
}

func TestArrangeRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		{"no command", "", `"sockd" needs a command: fleet, config, `},
		{"only global flags", "-v --json", `"sockd" needs a command`},
		{"a group alone", "fleet", `"sockd fleet" needs a command: run, start, stop, restart`},
		{"a group and the double dash", "fleet -- status", `"sockd fleet" needs a command`},
		{"an unknown command", "flet status", `unknown command "flet", did you mean "fleet"?`},
		{"an unknown command of a group", "fleet stauts", `unknown command "fleet stauts", did you mean "status"?`},
		{"an unknown command before an unknown flag", "fleet stauts --nope", `unknown command "fleet stauts"`},
		{"an unknown flag", "fleet status --wdie", `unknown flag --wdie of "sockd fleet status", did you mean "--wide"?`},
		{"an unknown flag with a value", "fleet status --confg=x", `unknown flag --confg of "sockd fleet status", did you mean "--config"?`},
		{"an unknown short flag", "fleet status -x", `unknown flag -x of "sockd fleet status"`},
		{"an unknown flag among combined ones", "fleet status -qx", `unknown flag -x of "sockd fleet status"`},
		{"another command's flag", "fleet status --dry-run", `unknown flag --dry-run of "sockd fleet status"`},
		{"two dashes before one letter", "fleet status --c x", `unknown flag --c of "sockd fleet status"`},
		{"one dash before a long name", "fleet status -config x", `unknown flag -config, did you mean "--config"?`},
		{"no value", "fleet status -c", `flag -c needs a value`},
		{"a flag in place of a value", "fleet status --config --json", `flag --config needs a value`},
		{"the double dash in place of a value", "fleet status -c --", `flag -c needs a value`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := arrange(testApp(), strings.Fields(tt.in))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Fatalf("arrange(%q) = %q, %v; want an error that begins with %q", tt.in, got, err, tt.want)
			}
			if code := report(io.Discard, err); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
		})
	}
}

// A word is read before its command is known, so a name has to mean the same kind of flag everywhere.
func TestFlagsHaveOneKind(t *testing.T) {
	t.Parallel()
	kinds := map[string]flagKind{}
	var visit func(commands []*cli.Command)
	check := func(flags []cli.Flag) {
		for _, f := range flags {
			one := newFlagTable(&cli.App{Flags: []cli.Flag{f}})
			for _, name := range f.Names() {
				kind := one.flags[name]
				if known, ok := kinds[name]; ok && known != kind {
					t.Errorf("flag %s is %+v on one command and %+v on another", name, known, kind)
				}
				kinds[name] = kind
			}
		}
	}
	visit = func(commands []*cli.Command) {
		for _, c := range commands {
			check(c.Flags)
			visit(c.Subcommands)
		}
	}
	app := newApp(io.Discard, io.Discard)
	check(app.Flags)
	visit(app.Commands)
}

// Whatever is typed, arrange neither panics nor loses a word behind the double dash.
func FuzzArrange(f *testing.F) {
	for _, seed := range []string{"fleet status -qc x -- a", "-", "--", "-=", "--=", "-c= fleet", "shout -5 -n-5", "-\xff", "help help help", "fleet -v=x status"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words := strings.Split(line, " ")
		got, err := arrange(testApp(), words)
		if err != nil {
			return
		}
		_, rest, found := strings.Cut(line, " -- ")
		if found && len(got) > 0 && got[len(got)-1] != "--help" && got[0] != "version" && !strings.HasSuffix(strings.Join(got, " "), rest) {
			t.Errorf("arrange(%q) = %q", words, got)
		}
	})
}
