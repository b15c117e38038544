package transport

import (
	"strconv"
	"strings"
)

// offered returns the answer to what a client offers in Sec-WebSocket-Extensions, and the size of the window that it inflates with, as a power
// of 2. The first offer of permessage-deflate that is in order is accepted; without one, both are zero.
//
// No side keeps a window from one message to the next, so that a compressed message can be shared between clients, and an idle connection
// needs no memory for it. What the client uses its own window for is up to it: ours is always of full size.
func offered(values []string) (answer string, window uint8) {
	for _, v := range values {
		for v != "" {
			var offer string
			offer, v = cutQuoted(v, ',')
			name, parameters := cutQuoted(offer, ';')
			if !strings.EqualFold(strings.TrimSpace(name), "permessage-deflate") {
				continue
			}
			bits, asked, ok := readOffer(parameters)
			if !ok {
				continue
			}
			answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
			if asked {
				answer += "; server_max_window_bits=" + strconv.Itoa(int(bits))
			}
			return answer, bits
		}
	}
	return "", 0
}

// readOffer returns the window that the parameters of an offer leave us, and whether they ask for one. ok is false if the offer must be
// declined: for a parameter that RFC 7692, section 7.1, does not know, has twice, or has with another value.
func readOffer(parameters string) (bits uint8, asked, ok bool) {
	bits = 15
	seen := make(map[string]bool, 4)
	for more := parameters; more != ""; {
		var p string
		p, more = cutQuoted(more, ';')
		name, value, valued := strings.Cut(p, "=")
		name, value = strings.ToLower(strings.TrimSpace(name)), unquote(strings.TrimSpace(value))
		if seen[name] {
			return 0, false, false
		}
		seen[name] = true
		switch name {
		case "server_no_context_takeover", "client_no_context_takeover":
			if valued {
				return 0, false, false
			}
		case "client_max_window_bits":
			if valued && windowBits(value) == 0 {
				return 0, false, false
			}
		case "server_max_window_bits":
			if bits, asked = windowBits(value), true; bits == 0 {
				return 0, false, false
			}
		default:
			return 0, false, false
		}
	}
	return bits, asked, true
}

// windowBits reads a number from 8 to 15 without leading zeros; 0 = it is none.
func windowBits(s string) uint8 {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || n < 8 || n > 15 || s[0] == '0' {
		return 0
	}
	return uint8(n)
}

// cutQuoted cuts s at the first sep that is not within a quoted string (RFC 9110, section 5.6.4).
func cutQuoted(s string, sep byte) (before, after string) {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			i++
		case s[i] == sep && !quoted:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// unquote takes the quotes off a value that needs none; others fit no parameter anyway.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
