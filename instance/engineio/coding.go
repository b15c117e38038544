package engineio

import (
	"net/http"
	"strings"
)

// coding is a content coding of answers to polls.
type coding uint8

const (
	identity coding = iota
	gzip
	zlib    // "deflate" in the protocol's words
	codings // how many there are
)

var codingNames = [codings]string{identity: "identity", gzip: "gzip", zlib: "deflate"}

// accepted returns the coding that a client likes best, by its Accept-Encoding (RFC 9110, 12.5.3). Of two that it likes
// equally it gets the one that it names first.
func accepted(values []string) coding {
	named := [codings]int{-1, -1, -1} // weights
	others := -1                      // that of "*"
	first := codings
	for _, v := range values {
		for v != "" {
			var element string
			element, v, _ = strings.Cut(v, ",")
			name, parameters, _ := strings.Cut(element, ";")
			c := codingOf(strings.TrimSpace(name))
			switch {
			case c < codings:
				named[c] = weight(parameters)
				if first == codings && c != identity {
					first = c
				}
			case strings.TrimSpace(name) == "*":
				others = weight(parameters)
			}
		}
	}
	for c, w := range named {
		if w < 0 && coding(c) != identity {
			named[c] = others
		}
	}
	best := gzip
	if named[zlib] > named[gzip] || named[zlib] == named[gzip] && first == zlib {
		best = zlib
	}
	if named[best] <= 0 || named[best] < named[identity] {
		return identity
	}
	return best
}

// codingOf returns the coding that a client means, or codings if it is none of ours.
func codingOf(name string) coding {
	for c, n := range codingNames {
		if strings.EqualFold(n, name) {
			return coding(c)
		}
	}
	if strings.EqualFold(name, "x-gzip") {
		return gzip
	}
	return codings
}

// weight returns the quality value among parameters in thousandths. What is no quality value counts as a refusal.
func weight(parameters string) int {
	p := strings.TrimSpace(parameters)
	if p == "" {
		return 1000
	}
	if len(p) < 3 || p[0]|0x20 != 'q' || p[1] != '=' {
		return 0
	}
	whole, fraction, _ := strings.Cut(p[2:], ".")
	if len(whole) != 1 || whole[0] != '0' && whole[0] != '1' || len(fraction) > 3 {
		return 0
	}
	w, unit := 1000*int(whole[0]-'0'), 100
	for _, c := range []byte(fraction) {
		if c < '0' || '9' < c {
			return 0
		}
		w += unit * int(c-'0')
		unit /= 10
	}
	if w > 1000 {
		return 0
	}
	return w
}

// packing is how the answer to one poll may be sent. nil = only as it is.
type packing struct {
	coding coding
	vary   string // what the answer varies by already
}

// packings are those of nearly all polls, so that a parked one takes no memory for it.
var packings = [2 * codings]packing{
	{identity, ""}, {gzip, ""}, {zlib, ""}, {identity, "Origin"}, {gzip, "Origin"}, {zlib, "Origin"},
}

// packing reads what the client of a poll accepts. h is the header of the answer so far.
func (o *Options) packing(h http.Header, r *http.Request) *packing {
	if o.Uncompressed {
		return nil
	}
	p := packing{accepted(r.Header["Accept-Encoding"]), strings.Join(h["Vary"], ", ")}
	for i := range packings {
		if packings[i] == p {
			return &packings[i]
		}
	}
	return &p
}

// wrap returns body in the form that the client accepts, with the header for it, which may be nil. If body is the payload of
// one message alone, that is m, and the result is shared with other clients. It takes a bounded time: see maxCompressed.
func (p *packing) wrap(threshold int, m *Message, body []byte) (http.Header, []byte) {
	if p == nil || len(body) < threshold {
		return nil, body
	}
	vary := "Accept-Encoding"
	if p.vary != "" {
		vary = p.vary + ", " + vary
	}
	h := http.Header{"Vary": {vary}}
	if p.coding == identity || len(body) > maxCompressed {
		return h, body
	}
	var packed []byte
	if m != nil {
		packed = m.packed(p.coding, body)
	} else {
		packed = pack(p.coding, body)
	}
	if packed == nil {
		return h, body
	}
	h["Content-Encoding"] = []string{codingNames[p.coding]}
	return h, packed
}
