package engineio

import (
	"net/http"
	"strconv"
	"strings"
)

// Code is a reason to refuse a request, as the protocol numbers them.
type Code int

// The codes, https://github.com/socketio/socket.io/blob/main/packages/engine.io/lib/server.ts
const (
	UnknownTransport   Code = iota // the transport is missing or not enabled
	UnknownSession                 // no session has this id
	BadMethod                      // a handshake with another method than GET
	BadRequest                     // the request does not fit the session
	Forbidden                      // refused by the layer above
	UnsupportedVersion             // EIO is not 4
)

var codeTexts = [...]string{
	UnknownTransport:   "Transport unknown",
	UnknownSession:     "Session ID unknown",
	BadMethod:          "Bad handshake method",
	BadRequest:         "Bad request",
	Forbidden:          "Forbidden",
	UnsupportedVersion: "Unsupported protocol version",
}

// String returns the text that clients are told.
func (c Code) String() string {
	if c < 0 || int(c) >= len(codeTexts) {
		return "code " + strconv.Itoa(int(c))
	}
	return codeTexts[c]
}

// status is 403 for Forbidden, else 400.
func (c Code) status() int {
	if c == Forbidden {
		return http.StatusForbidden
	}
	return http.StatusBadRequest
}

// body returns what a polling client is told.
func (c Code) body() []byte {
	return []byte(`{"code":` + strconv.Itoa(int(c)) + `,"message":"` + c.String() + `"}`)
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}

// Refuse answers a request with the body and the status of the reference server. Upgrade requests get 400 with the text
// alone, before any 101, and lose their connection.
func Refuse(w http.ResponseWriter, r *http.Request, code Code) {
	if isUpgrade(r) {
		w.Header().Set("Connection", "close")
		respond(w, http.StatusBadRequest, "text/html", []byte(code.String()))
		return
	}
	respond(w, code.status(), jsonHeader.Get("Content-Type"), code.body())
}

// refuse is Refuse, counted.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, code Code) {
	s.counts.refused[code].Add(1)
	Refuse(w, r, code)
}

// busy answers 503. The protocol has no code for it; clients try again later.
func busy(w http.ResponseWriter, r *http.Request, text string) {
	if isUpgrade(r) {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Retry-After", "1")
	respond(w, http.StatusServiceUnavailable, "text/plain; charset=UTF-8", []byte(text))
}

// respond writes a whole response. An empty contentType leaves the header out.
func respond(w http.ResponseWriter, status int, contentType string, body []byte) {
	if contentType != "" {
		w.Header().Set("Content-Type", contentType)
	}
	w.WriteHeader(status)
	if len(body) > 0 {
		_, _ = w.Write(body) // a client that left is noticed by its next request, or by the heartbeat
	}
}

// isUpgrade reports whether r asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return hasToken(r.Header["Connection"], "upgrade") && hasToken(r.Header["Upgrade"], "websocket")
}

// hasToken reports whether a comma-separated header has the token, in any case.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for v != "" {
			var t string
			t, v, _ = strings.Cut(v, ",")
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}
