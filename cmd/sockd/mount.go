package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mountRemedy is what helps when the file is mounted alone, as containers do: who saves it by a rename changes another file, which is not
// seen inside.
const mountRemedy = "mount its folder instead"

// mountedAlone reports whether the file at path, or what it is a link to, is a mount point of its own. Without /proc it is not known.
func mountedAlone(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return false
	}
	table, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	defer table.Close()
	return mountPoint(table, real)
}

// mountPoint looks for path in the fifth field of man 5 proc_pid_mountinfo.
func mountPoint(table io.Reader, path string) bool {
	const field = 4
	for lines := bufio.NewScanner(table); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > field && unescapeOctal(fields[field]) == path {
			return true
		}
	}
	return false
}

// unescapeOctal reads the blanks and backslashes of a path, which the kernel writes as \040 and so on.
func unescapeOctal(s string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String()
		}
		code, err := strconv.ParseUint(after[:min(3, len(after))], 8, 8)
		if err != nil || len(after) < 3 {
			b.WriteByte('\\')
			s = after
			continue
		}
		b.WriteByte(byte(code))
		s = after[3:]
	}
}
