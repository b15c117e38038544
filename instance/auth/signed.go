package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// parts are a signed token, taken apart but not trusted.
type parts struct {
	alg, kid  string
	text      string // what is signed
	payload   string // of the text, base64url
	signature []byte
}

// checkSigned looks at the claims only once the signature has proved to be good.
func (a *Auth) checkSigned(token string) (Identity, error) {
	p, ok := split(token)
	if !ok {
		return Identity{}, Refusal{Malformed}
	}
	if reason := a.verify(&p, time.Now()); reason != "" {
		return Identity{}, Refusal{reason}
	}
	payload, err := decode(p.payload)
	if err != nil {
		return Identity{}, Refusal{Malformed}
	}
	return a.demands.check(payload, time.Now())
}

// verify tries the keys that may have signed p. A key without kid may have signed a token with one.
func (a *Auth) verify(p *parts, now time.Time) string {
	reason := Algorithm
	for i := range a.credentials {
		c := &a.credentials[i]
		m := c.key.method(p.alg)
		if m == nil || !c.valid(now) {
			continue
		}
		if p.kid != "" && c.key.kid != "" && p.kid != c.key.kid {
			if reason == Algorithm {
				reason = Unknown
			}
			continue
		}
		if m.Verify(p.text, p.signature, c.key.value) == nil {
			return ""
		}
		reason = Signature
	}
	return reason
}

// split takes a token in compact form apart. Extensions that must be understood (crit) are not.
func split(token string) (p parts, ok bool) {
	last := strings.LastIndexByte(token, '.')
	if strings.Count(token, ".") != 2 || strings.ContainsAny(token, "\r\n") { // line ends are no fault for package base64
		return p, false
	}
	p.text = token[:last]
	head, payload, _ := strings.Cut(p.text, ".")
	p.payload = payload
	var err error
	if p.signature, err = decode(token[last+1:]); err != nil {
		return p, false
	}
	text, err := decode(head)
	if err != nil {
		return p, false
	}
	header, err := members(text)
	if err != nil || header["crit"] != nil {
		return p, false
	}
	if json.Unmarshal(header["alg"], &p.alg) != nil {
		return p, false
	}
	if kid := header["kid"]; kid != nil && json.Unmarshal(kid, &p.kid) != nil {
		return p, false
	}
	return p, true
}

var errForm = errors.New("malformed")

// decode is strict: without padding and bits left over, a text has one form only.
func decode(s string) ([]byte, error) {
	return base64.RawURLEncoding.Strict().DecodeString(s)
}

// members takes a JSON object apart. A name that comes twice is an error, since two readers could differ about what it means.
func members(text []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(text) {
		return nil, errForm
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errForm
	}
	m := make(map[string]json.RawMessage, 8)
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, errForm
		}
		var value json.RawMessage
		name, _ := t.(string)
		if _, twice := m[name]; twice || d.Decode(&value) != nil {
			return nil, errForm
		}
		m[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errForm
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errForm
	}
	return m, nil
}
