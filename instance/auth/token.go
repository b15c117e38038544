package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ParseTokens reads a list of tokens: one in a line, with blanks around it cut off. Empty lines and those that begin with # are ignored.
func ParseTokens(text string) []string {
	var tokens []string
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			tokens = append(tokens, line)
		}
	}
	return tokens
}

func tokenCredentials(tokens []string) ([]credential, error) {
	switch {
	case len(tokens) == 0:
		return nil, errors.New("tokens: none given")
	case len(tokens) > maxTokens:
		return nil, fmt.Errorf("tokens: %d given, %d at most", len(tokens), maxTokens)
	}
	list := make([]credential, len(tokens))
	for i, t := range tokens {
		if t == "" || len(t) > maxToken {
			return nil, fmt.Errorf("tokens: number %d has %d bytes, 1 to %d are allowed", i+1, len(t), maxToken)
		}
		list[i].id = sha256.Sum256([]byte(t))
	}
	return list, nil
}

// checkToken compares the sums, and all of them, so that its time tells nothing about any token.
func (a *Auth) checkToken(token string) (Identity, error) {
	sum := sha256.Sum256([]byte(token))
	at := -1
	for i := range a.credentials {
		equal := subtle.ConstantTimeCompare(sum[:], a.credentials[i].id[:])
		at = subtle.ConstantTimeSelect(equal, i, at)
	}
	if at < 0 || !a.credentials[at].valid(time.Now()) {
		return Identity{}, Refusal{Unknown}
	}
	return Identity{Claims: json.RawMessage("{}"), Subject: subject(token)}, nil
}

// subject names the owner of a token. It is the same after a restart, and another sum than the one which is compared.
func subject(token string) string {
	sum := sha256.Sum256([]byte("subject\x00" + token))
	return "token:" + hex.EncodeToString(sum[:16])
}

// Token finds a client's token: the string token in auth, which is the object of its CONNECT packet, else that of Authorization: Bearer
// in h, else, if query is set, the parameter access_token of q. query is for the GET of an EventSource, which can send neither. Without a
// token it returns "". It borrows its arguments for the call; each of them may be nil.
func Token(auth json.RawMessage, h http.Header, q url.Values, query bool) string {
	if t := fromObject(auth); t != "" {
		return t
	}
	if t := bearer(h); t != "" {
		return t
	}
	if query {
		return q.Get("access_token")
	}
	return ""
}

func fromObject(auth json.RawMessage) string {
	if len(auth) == 0 {
		return ""
	}
	var object map[string]json.RawMessage // a struct would take "Token" as well
	var token string
	if json.Unmarshal(auth, &object) != nil || json.Unmarshal(object["token"], &token) != nil {
		return ""
	}
	return token
}

// bearer reads the one field Authorization; with two of them nobody could say which counts.
func bearer(h http.Header) string {
	values := h["Authorization"]
	if len(values) != 1 {
		return ""
	}
	scheme, token, _ := strings.Cut(strings.TrimSpace(values[0]), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
