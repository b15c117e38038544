package engineio

import (
	"slices"
	"time"
)

// Options configure a [Server]. The zero value is useful; zero fields mean the defaults of the reference server.
type Options struct {
	Transports     []string      // of "polling" and "websocket"; nil = both
	PingInterval   time.Duration // from one pong to the next ping; 25 s
	PingTimeout    time.Duration // from a ping to its pong; 20 s
	UpgradeTimeout time.Duration // from the websocket's opening to its upgrade packet; 10 s
	MaxPayload     int64         // announced to clients; the limit of a POST body and of a message, in bytes; 1e6
	MaxSockets     int           // sessions at one time; more are refused with 503; 0 = no limit
	Queue          int           // bytes that may wait for one client; 1 MiB. A single larger message passes an empty queue
	OnFull         Policy        // what happens when Queue is exceeded
	Uncompressed   bool          // answers to polls are sent as they are, whatever the client accepts
	Threshold      int           // bytes from which on an answer to a poll, and a message on a [Deflater], is compressed; 1 KiB
	Cookie         string        // name of the cookie in which the handshake of a polling client sets its session id; "" = none
	NewID          func() string // session ids, unguessable and unique; nil = 20 characters of base64url from crypto/rand
}

// Policy says what happens to a client for which too many bytes wait.
type Policy uint8

// The policies.
const (
	Disconnect Policy = iota // the session ends with reason Slow
	Drop                     // the message is dropped and counted, Send returns ErrFull
)

const (
	polling   = "polling"
	websocket = "websocket"
)

// filled returns a copy of o with the defaults in place.
func (o Options) filled() *Options {
	if o.Transports == nil {
		o.Transports = []string{polling, websocket}
	}
	o.Transports = slices.Clone(o.Transports)
	for _, d := range []struct {
		p *time.Duration
		v time.Duration
	}{
		{&o.PingInterval, 25 * time.Second},
		{&o.PingTimeout, 20 * time.Second},
		{&o.UpgradeTimeout, 10 * time.Second},
	} {
		if *d.p <= 0 {
			*d.p = d.v
		}
	}
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1e6
	}
	if o.Queue <= 0 {
		o.Queue = 1 << 20
	}
	if o.Threshold <= 0 {
		o.Threshold = 1 << 10
	}
	if o.NewID == nil {
		o.NewID = newID
	}
	return &o
}

// enabled reports whether clients may use the transport.
func (o *Options) enabled(transport string) bool {
	return slices.Contains(o.Transports, transport)
}
