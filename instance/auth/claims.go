package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
)

// demands are what is asked of claims.
type demands struct {
	audience, issuer string
	leeway           time.Duration
}

// claims are those of RFC 7519, section 4.1, that count here.
type claims struct {
	expires, notBefore, issued time.Time // zero = not given
	audience                   []string
	issuer, subject            string
}

// check reads the payload of a token whose signature is good.
func (d *demands) check(payload []byte, now time.Time) (Identity, error) {
	c, err := readClaims(payload)
	if err != nil {
		return Identity{}, Refusal{Claims}
	}
	if reason := d.refuse(c, now); reason != "" {
		return Identity{}, Refusal{reason}
	}
	var line bytes.Buffer // the claims go to workers, whose messages are lines
	if json.Compact(&line, payload) != nil {
		return Identity{}, Refusal{Claims}
	}
	who := Identity{Claims: line.Bytes(), Subject: c.subject}
	if !c.expires.IsZero() {
		who.Expires = c.expires.Add(d.leeway)
	}
	return who, nil
}

// refuse returns the reason against c, or "".
func (d *demands) refuse(c claims, now time.Time) string {
	switch {
	case !c.expires.IsZero() && !now.Before(c.expires.Add(d.leeway)):
		return Expired
	case now.Before(c.notBefore.Add(-d.leeway)), now.Before(c.issued.Add(-d.leeway)):
		return NotBefore
	case d.audience != "" && !slices.Contains(c.audience, d.audience):
		return Audience
	case d.issuer != "" && c.issuer != d.issuer:
		return Issuer
	}
	return ""
}

// readClaims is strict about types: a claim that cannot be read must not pass for one that was not given.
func readClaims(payload []byte) (c claims, err error) {
	m, err := members(payload)
	if err != nil {
		return c, err
	}
	for name, v := range m {
		switch name {
		case "exp":
			c.expires, err = date(v)
		case "nbf":
			c.notBefore, err = date(v)
		case "iat":
			c.issued, err = date(v)
		case "aud":
			c.audience, err = audience(v)
		case "iss":
			c.issuer, err = text(v)
		case "sub":
			c.subject, err = subjectOf(v)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

var errType = errors.New("wrong type")

const farthest = 253_402_300_799 // the last second of the year 9999: what is later is as good as that

// date reads a NumericDate: seconds since 1970, possibly with a fraction. What is before 1970 is 1970, so that it is never zero.
func date(v json.RawMessage) (time.Time, error) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil && !math.IsInf(f, 0) || len(v) == 0 || v[0] != '-' && (v[0] < '0' || v[0] > '9') {
		return time.Time{}, errType
	}
	whole, fraction := math.Modf(min(max(f, 0), farthest))
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

func text(v json.RawMessage) (s string, err error) {
	if len(v) == 0 || v[0] != '"' {
		return "", errType // null would be read as ""
	}
	return s, json.Unmarshal(v, &s)
}

// audience is a string or a list of them.
func audience(v json.RawMessage) ([]string, error) {
	if len(v) == 0 || v[0] != '[' {
		one, err := text(v)
		return []string{one}, err
	}
	var items []json.RawMessage
	if err := json.Unmarshal(v, &items); err != nil {
		return nil, err
	}
	list := make([]string, len(items))
	for i, item := range items {
		var err error
		if list[i], err = text(item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// subjectOf is a string; some issuers write the number of a user, which is taken as it is written.
func subjectOf(v json.RawMessage) (string, error) {
	if len(v) > 0 && (v[0] == '-' || '0' <= v[0] && v[0] <= '9') {
		return string(v), nil
	}
	return text(v)
}
