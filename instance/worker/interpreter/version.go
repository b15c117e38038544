package interpreter

import (
	"strconv"
	"strings"
)

// numbers splits "3.12.1" into its parts; it stops at the first that is no number.
func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".") {
		digits := part
		if i := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
			digits = part[:i]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		out = append(out, n)
		if digits != part {
			break
		}
	}
	return out
}

// compare orders versions by number; a missing part counts as 0.
func compare(a, b string) int {
	x, y := numbers(a), numbers(b)
	for i := range max(len(x), len(y)) {
		if d := part(x, i) - part(y, i); d != 0 {
			return d
		}
	}
	return 0
}

func part(v []int, i int) int {
	if i < len(v) {
		return v[i]
	}
	return 0
}

// under reports whether version is prefix or one of its line: 3.12.1 is under 3.12 and under 3.
func under(version, prefix string) bool {
	v, p := numbers(version), numbers(prefix)
	if len(p) == 0 || len(v) < len(p) {
		return false
	}
	for i := range p {
		if v[i] != p[i] {
			return false
		}
	}
	return true
}

// fits reports whether version satisfies a constraint as Python, poetry and npm write them: comma or space means and, || or. What it does
// not understand it takes for satisfied: a tool that knows better will complain.
func fits(version, constraint string) bool {
	if len(numbers(version)) == 0 {
		return true
	}
	for alternative := range strings.SplitSeq(constraint, "||") {
		if fitsAll(version, alternative) {
			return true
		}
	}
	return false
}

func fitsAll(version, constraint string) bool {
	if low, high, ok := strings.Cut(constraint, " - "); ok {
		return compare(version, low) >= 0 && (compare(version, high) <= 0 || under(version, high))
	}
	clauses := strings.FieldsFunc(constraint, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	for i := 0; i < len(clauses); i++ {
		clause := clauses[i]
		if strings.Trim(clause, "<>=!~^") == "" && i+1 < len(clauses) { // ">= 3.9"
			i++
			clause += clauses[i]
		}
		if !fitsOne(version, clause) {
			return false
		}
	}
	return true
}

func fitsOne(version, clause string) bool {
	want := strings.TrimLeft(clause, "<>=!~^")
	op := clause[:len(clause)-len(want)]
	line := strings.TrimRight(strings.TrimRight(want, "*xX"), ".")
	if len(numbers(line)) == 0 {
		return true // "*", "lts/*", a tag
	}
	switch c := compare(version, line); op {
	case ">=":
		return c >= 0
	case ">":
		return c > 0 && !under(version, want)
	case "<=":
		return c <= 0
	case "<":
		return c < 0
	case "!=":
		return !equal(version, want, line)
	case "~=", "~>":
		n := numbers(line)
		return c >= 0 && under(version, join(n[:max(len(n)-1, 1)]))
	case "~":
		n := numbers(line)
		return c >= 0 && under(version, join(n[:min(len(n), 2)]))
	case "^":
		return c >= 0 && under(version, caret(numbers(line)))
	case "==":
		return equal(version, want, line)
	}
	return under(version, line)
}

// equal is "==": 3.12 means 3.12.0 to Python, 3.12.* the whole line.
func equal(version, want, line string) bool {
	if want != line {
		return under(version, line)
	}
	return compare(version, line) == 0
}

// caret is the line within which ^ allows changes: up to the first part that is not 0.
func caret(n []int) string {
	for i, v := range n {
		if v != 0 {
			return join(n[:i+1])
		}
	}
	return join(n)
}

func join(n []int) string {
	parts := make([]string, len(n))
	for i, v := range n {
		parts[i] = strconv.Itoa(v)
	}
	return strings.Join(parts, ".")
}

// misfit returns the requirement that a version does not meet, "" if it meets all.
func (s *search) misfit(version string) string {
	if s.kind != Python || version == "" {
		return ""
	}
	if line := strings.TrimPrefix(s.spec.Command[0], "python"); line != "" && pythonName(s.spec.Command[0]) && !under(version, line) {
		return "the command's " + s.spec.Command[0]
	}
	project := scanTOML(read(s.file("pyproject.toml")))
	if want := project.get("project", "requires-python"); want != "" {
		if !fits(version, want) {
			return "requires-python = \"" + want + "\""
		}
		return ""
	}
	if want := project.get("tool.poetry.dependencies", "python"); want != "" && !fits(version, want) {
		return "poetry's python = \"" + want + "\""
	}
	return ""
}
