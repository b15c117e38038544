package interpreter_test

import (
	"testing"

	"github.com/sockd/sockd/instance/worker/interpreter"
)

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, constraint string
		want                bool
	}{
		{"3.12.1", ">=3.11,<4", true}, {"3.10.9", ">=3.11,<4", false}, {"3.12.1", ">= 3.11", true}, {"3.12.1", ">3.12", false}, {"3.13.0", ">3.12", true},
		{"3.12.1", "==3.12.*", true}, {"3.12.1", "==3.12", false}, {"3.12.0", "==3.12", true}, {"3.12.1", "!=3.12.*", false}, {"3.12.1", "!=3.12", true},
		{"3.12.1", "~=3.10", true}, {"4.0.0", "~=3.10", false}, {"3.12.1", "~=3.12.0", true}, {"3.13.0", "~=3.12.0", false},
		{"3.12.1", "^3.10", true}, {"4.0.0", "^3.10", false}, {"0.2.5", "^0.2.3", true}, {"0.3.0", "^0.2.3", false},
		{"20.2.0", "18 || >=20", true}, {"19.0.0", "18.x || >=20", false}, {"18.3.0", "18.x", true}, {"20.5.1", "~20.4", false}, {"20.4.9", "~20.4.1", true},
		{"20.0.0", "18 - 20", true}, {"20.9.0", "18 - 20", true}, {"21.0.0", "18 - 20", false}, {"3.12.1", "<=3.12", false},
		{"3.12.1", "*", true}, {"3.12.1", "", true}, {"3.12.1", "banana", true}, {"", ">=3", true},
	} {
		if got := interpreter.Fits(c.version, c.constraint); got != c.want {
			t.Errorf("%s in %q: got %v, want %v", c.version, c.constraint, got, c.want)
		}
	}
}

func FuzzFits(f *testing.F) {
	f.Add("3.12.1", ">=3.11,<4 || ~=3.1")
	f.Add("v20", "^1.2.x - 3")
	f.Fuzz(func(_ *testing.T, version, constraint string) { interpreter.Fits(version, constraint) })
}

func FuzzTOML(f *testing.F) {
	f.Add("[project]\nname = \"x\"\nrequires-python = '>=3'\n[tool.poetry.dependencies]\npython = { version = \"^3\" }\n")
	f.Add("[tools]\npython = ['3.12', \"3.11\"]\n[[x]]\n=\n[")
	f.Fuzz(func(t *testing.T, text string) {
		for section, values := range interpreter.ScanTOML(text) {
			if values == nil {
				t.Errorf("section %q has no values", section)
			}
		}
	})
}
