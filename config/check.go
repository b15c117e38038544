package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// check applies the tag check of a field to a value that has the right type. Numbers, spans and sizes are never negative,
// with or without a tag. The rules:
//
//	positive       over 0             oneof=a|b   one of these words
//	min=N, max=N   a number's bounds  unique      no element twice
//	some           not empty          others      a form, see forms
func (d *decoder) check(n *node, f field, v reflect.Value) {
	if !d.number(n, f.Tag.Get("check"), v) {
		return
	}
	for rule := range strings.SplitSeq(f.Tag.Get("check"), ",") {
		name, arg, _ := strings.Cut(rule, "=")
		switch name {
		case "", "positive", "min", "max":
		case "some":
			if v.Len() == 0 {
				d.at(n, "must not be empty")
			}
		case "unique":
			d.unique(n, v)
		case "oneof":
			each(n, v, func(n *node, v reflect.Value) { d.oneOf(n, v.String(), strings.Split(arg, "|")) })
		default:
			each(n, v, func(n *node, v reflect.Value) {
				if err := forms[name](v.String()); err != nil {
					d.at(n, "%v", err)
				}
			})
		}
	}
}

// number checks the bounds of what is a number; anything else passes.
func (d *decoder) number(n *node, rules string, v reflect.Value) bool {
	var x float64
	switch {
	case v.CanInt():
		x = float64(v.Int())
	case v.CanFloat():
		x = v.Float()
	default:
		return true
	}
	if math.IsNaN(x) || math.IsInf(x, 0) {
		d.at(n, "must be a finite number")
		return false
	}
	for rule := range strings.SplitSeq(rules, ",") {
		name, arg, _ := strings.Cut(rule, "=")
		bound, _ := strconv.ParseFloat(arg, 64)
		switch {
		case name == "positive" && x <= 0:
			d.at(n, "must be positive")
			return false
		case name == "min" && x < bound:
			d.at(n, "must be at least %s", arg)
			return false
		case name == "max" && x > bound:
			d.at(n, "must be at most %s", arg)
			return false
		}
	}
	if x < 0 {
		d.at(n, "must not be negative")
	}
	return x >= 0
}

func (d *decoder) unique(n *node, v reflect.Value) {
	seen := make(map[string]bool)
	each(n, v, func(n *node, v reflect.Value) {
		if seen[v.String()] {
			d.at(n, "%q is listed twice", cut(v.String()))
		}
		seen[v.String()] = true
	})
}

func (d *decoder) oneOf(n *node, s string, words []string) {
	if slices.Contains(words, s) {
		return
	}
	d.at(n, "must be %s, not %q", list(words), cut(s)).Hint = nearest(s, words)
}

// forms are the rules of single strings. An empty string is "not set" where the key's default is empty.
var forms = map[string]func(string) error{
	"label": func(s string) error {
		return unless(len(s) <= 64 && strings.IndexFunc(s, isControl) < 0, "must be at most 64 printable characters")
	},
	"slash": func(s string) error {
		return unless(strings.HasPrefix(s, "/") && !strings.ContainsAny(s, "?# ") && strings.IndexFunc(s, isControl) < 0,
			`must start with "/" and hold no "?", "#" or space, as in "/socket.io/"`)
	},
	"host":   checkHost,
	"listen": checkListen,
	"namespace": func(s string) error {
		return unless(strings.HasPrefix(s, "/") || strings.HasPrefix(s, "*"), `must be a name such as "/admin", a glob such as "/room-*", or "*" for any`)
	},
	"hostname": func(s string) error {
		return unless(s != "" && !strings.ContainsAny(s, "/ ?#") && strings.IndexFunc(s, isControl) < 0,
			`must be a host name such as "chat.example.org", without scheme and path, or "*"`)
	},
	"prefix": func(s string) error {
		_, errAddr := netip.ParseAddr(s)
		_, errPrefix := netip.ParsePrefix(s)
		return unless(errAddr == nil || errPrefix == nil, `must be an address or a network such as "10.0.0.0/8"`)
	},
	"origin": checkOrigin,
	"token": func(s string) error {
		return unless(strings.Trim(s, tokenBytes) == "", "must be a cookie's name, without spaces and separators")
	},
	"replay": func(s string) error {
		number, isLast := strings.CutPrefix(s, "last:")
		n, err := strconv.Atoi(number)
		return unless(s == "none" || s == "missed" || s == "all" || isLast && err == nil && n > 0, `must be "none", "missed", "all" or "last:N", as in "last:50"`)
	},
	"target": func(s string) error {
		room, found := strings.CutPrefix(s, "room:")
		if !found {
			room, found = strings.CutPrefix(s, "others:")
		}
		return unless(s == "all" || s == "others" || s == "sender" || s == "none" || found && room != "",
			`must be "all", "others", "sender", "none", "room:R" or "others:R"`)
	},
	"glob": func(s string) error {
		_, err := path.Match(s, "")
		return unless(err == nil && s != "", "is no valid glob")
	},
}

const tokenBytes = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func unless(ok bool, message string) error {
	if ok {
		return nil
	}
	return fmt.Errorf("%s", message)
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

func checkHost(s string) error {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	ok := s != "" && len(s) <= 253 && !strings.HasPrefix(s, "-") && !strings.HasPrefix(s, ".")
	digits := true
	for i := range len(s) {
		c := s[i]
		ok = ok && (c == '.' || bareByte(c))
		digits = digits && (c == '.' || c >= '0' && c <= '9')
	}
	return unless(ok && !digits, `must be an address such as "127.0.0.1" or "::", or a host name, without a port`)
}

func checkListen(s string) error {
	if s == "off" {
		return nil
	}
	host, port, err := net.SplitHostPort(s)
	if err == nil && host != "" {
		err = checkHost(host)
	}
	if err == nil {
		_, err = parsePort(port)
	}
	return unless(err == nil, `must be "off" or an address such as "127.0.0.1:8700"`)
}

// checkOrigin accepts "*", and scheme://host[:port] where the host may begin with "*." and the port may be "*".
func checkOrigin(s string) error {
	if s == "*" || s == "null" {
		return nil
	}
	u, err := url.Parse(strings.TrimSuffix(s, ":*"))
	ok := err == nil && u.Scheme != "" && u.Hostname() != "" && u.Path == "" && u.User == nil && !strings.ContainsAny(s, "?#")
	return unless(ok, `must be an origin such as "https://app.example.org" or "http://localhost:*", without a path, or "*"`)
}
