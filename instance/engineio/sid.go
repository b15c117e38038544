package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"sync/atomic"
)

var sequence atomic.Uint32

// newID returns 20 characters of base64url: 12 random bytes and the low 3 bytes of a counter, as the reference server does.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:12]) // never fails: it ends the process instead
	n := sequence.Add(1)
	b[12], b[13], b[14] = byte(n>>16), byte(n>>8), byte(n)
	return base64.RawURLEncoding.EncodeToString(b[:])
}
