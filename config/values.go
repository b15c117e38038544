package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written as a string such as "30s", "1h30m" or "1d12h".
type Duration time.Duration

// Std returns d as the standard library's type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest form that [Load] reads back as d.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const day = 24 * time.Hour

// parseDuration reads what [time.ParseDuration] reads, and whole days before it: "1d", "1d12h".
func parseDuration(s string) (Duration, error) {
	bad := errors.New(`must be a duration such as "30s", "5m" or "1h30m"`)
	head, rest, found := strings.Cut(s, "d")
	if !found {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, bad
		}
		return Duration(d), nil
	}
	n, err := strconv.ParseUint(head, 10, 32)
	if err != nil || n > uint64(math.MaxInt64/int64(day)) {
		return 0, bad
	}
	d := time.Duration(n) * day
	if rest == "" {
		return Duration(d), nil
	}
	more, err := time.ParseDuration(rest)
	if err != nil || more < 0 || d > math.MaxInt64-more || strings.HasPrefix(rest, "+") || strings.HasPrefix(rest, "-") {
		return 0, bad
	}
	return Duration(d + more), nil
}

// Size is a number of bytes, written as a string such as "1MiB" (1024 * 1024) or "1MB" (1000 * 1000).
type Size int64

// units are in the order in which String prefers them.
var units = []struct {
	name string
	n    int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6},
	{"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
}

// String returns s in the largest unit that divides it.
func (s Size) String() string {
	if s == 0 {
		return "0B"
	}
	for _, u := range units {
		if int64(s)%u.n == 0 {
			return strconv.FormatInt(int64(s)/u.n, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

func parseSize(s string) (Size, error) {
	bad := errors.New(`must be a size such as "1MiB" (1024 * 1024 bytes) or "1MB" (1000 * 1000)`)
	i := strings.LastIndexAny(s, "0123456789.") + 1
	number, unit := s[:i], strings.TrimPrefix(s[i:], " ")
	for _, u := range units {
		if u.name != unit {
			continue
		}
		f, err := strconv.ParseFloat(number, 64)
		if err != nil || strings.ContainsAny(number, "xXeEpP_nN+") {
			return 0, bad
		}
		f *= float64(u.n)
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return 0, fmt.Errorf("%q is not a whole number of bytes below 8PiB", s)
		}
		return Size(f), nil
	}
	return 0, bad
}

// Port is a number, a range such as "8765-8785" (the first free one) or "auto" (any). The zero value is invalid.
type Port struct {
	First, Last int  // equal for a fixed port; both 0 with Auto
	Auto        bool // any free port
}

// Fixed reports whether p is one port, known before it is bound.
func (p Port) Fixed() bool { return !p.Auto && p.First == p.Last && p.First > 0 }

// String returns the form that stands in the file: "8765", "8765-8785" or "auto"; "" for the zero value.
func (p Port) String() string {
	switch {
	case p.Auto:
		return "auto"
	case p == Port{}:
		return ""
	case p.First == p.Last:
		return strconv.Itoa(p.First)
	}
	return strconv.Itoa(p.First) + "-" + strconv.Itoa(p.Last)
}

const maxPort = 65535

func parsePort(s string) (Port, error) {
	if s == "auto" {
		return Port{Auto: true}, nil
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, errA := strconv.ParseUint(strings.TrimSpace(first), 10, 31)
	b, errB := strconv.ParseUint(strings.TrimSpace(last), 10, 31)
	switch {
	case errA != nil || errB != nil:
		return Port{}, errors.New(`must be a port number, a range such as "8765-8785" or "auto"`)
	case a < 1 || a > maxPort || b < 1 || b > maxPort:
		return Port{}, fmt.Errorf("must be from 1 to %d", maxPort)
	case a > b:
		return Port{}, fmt.Errorf("the range %d-%d is empty, the lower port comes first", a, b)
	}
	return Port{First: int(a), Last: int(b)}, nil
}

// Addr returns host and port of an instance as [net.Listen] takes them. It is an address only if the port is fixed, see [Port.Fixed].
func (i *Instance) Addr() string { return net.JoinHostPort(i.Host, i.Port.String()) }

// Strings is one string or an array of them.
type Strings []string

// Ack is the value of a rule's key ack: true, "{args}" or a jq program. The zero value answers nothing.
type Ack struct {
	Always bool   // true: answer without arguments
	Expr   string // "{args}" or jq
}

// Secret is a string that is masked wherever it could be shown. Convert it to string where it is used.
type Secret string

const mask = "***"

// String returns "***", or "" for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask
}

// GoString keeps a secret out of %#v.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// MarshalText keeps a secret out of JSON and of structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
