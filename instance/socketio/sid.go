package socketio

import (
	"crypto/rand"
	"encoding/base64"
)

// newID returns 20 characters of base64url, 120 random bits. Ids of sockets are not those of their connections: whoever may see a
// socket's id, to address it, must not learn the one that opens its session.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
