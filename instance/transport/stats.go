package transport

import "sync/atomic"

// Stats are the totals of a server since [New], and what is open now.
type Stats struct {
	Open       int               // connections
	Parked     int               // requests that wait for their Reply
	Streams    int               // answers that are being written bit by bit
	WebSockets int               // of the open connections
	Accepted   uint64            // connections
	Requests   uint64            // handed to the handler
	Upgrades   uint64            // answered with 101
	Messages   uint64            // received over WebSocket
	Refused    map[string]uint64 // by reason; see the constants named Refused…
	Panics     uint64            // of handlers and callbacks
}

// Reasons in [Stats].Refused: why a connection, a request or a frame was refused, or a connection cut.
const (
	RefusedConnLimit   = "max_conns"       // Options.MaxConns
	RefusedAddress     = "per_address"     // Options.PerAddress; 503 if a proxy asks for the client
	RefusedNoFile      = "no_file"         // no file number left, or over the loops' limit
	RefusedDraining    = "draining"        // a connection that came during Drain
	RefusedNoHandler   = "no_handler"      // 503, before Serve
	RefusedIdle        = "idle_timeout"    // nothing came; not an error
	RefusedHeadTimeout = "head_timeout"    // 408
	RefusedBodyTimeout = "body_timeout"    // 408
	RefusedMalformed   = "malformed"       // 400
	RefusedHeadSize    = "head_too_large"  // 414, 431
	RefusedBodySize    = "body_too_large"  // 413
	RefusedExpectation = "expectation"     // 417
	RefusedPipelined   = "pipelined"       // 400, a request while the one before is parked
	RefusedHandshake   = "handshake"       // 400, 426
	RefusedFrame       = "bad_frame"       // 1002
	RefusedMessageSize = "message_too_big" // 1009
	RefusedText        = "invalid_text"    // 1007
	RefusedDeflate     = "bad_deflate"     // 1007, a compressed message that cannot be inflated
	RefusedPong        = "pong"            // not sent: too many wait already
	RefusedSlow        = "slow"            // Options.MaxBuffered
	RefusedStalled     = "stalled"         // an answer that its client does not read
)

// reason indexes the counters of refusals.
type reason uint8

const (
	connLimit reason = iota
	addressLimit
	noFile
	drained
	noHandler
	idleTimeout
	headTimeout
	bodyTimeout
	malformed
	headSize
	bodySize
	expectation
	pipelined
	handshake
	badFrame
	messageSize
	invalidText
	badDeflate
	pongFlood
	tooSlow
	stalled
	reasons // how many there are
)

var reasonNames = [reasons]string{
	RefusedConnLimit, RefusedAddress, RefusedNoFile, RefusedDraining, RefusedNoHandler, RefusedIdle, RefusedHeadTimeout, RefusedBodyTimeout, RefusedMalformed, RefusedHeadSize,
	RefusedBodySize, RefusedExpectation, RefusedPipelined, RefusedHandshake, RefusedFrame, RefusedMessageSize, RefusedText, RefusedDeflate, RefusedPong,
	RefusedSlow, RefusedStalled,
}

type counters struct {
	accepted, requests, upgrades, messages, panics atomic.Uint64
	parked, sockets, streams                       atomic.Int64
	refused                                        [reasons]atomic.Uint64
}

func (k *counters) refuse(r reason) { k.refused[r].Add(1) }

// Stats returns the counters of this moment. Refused holds only reasons that occurred.
func (s *Server) Stats() Stats {
	k := &s.counters
	st := Stats{
		Open:       s.Len(),
		Parked:     int(k.parked.Load()),
		Streams:    int(k.streams.Load()),
		WebSockets: int(k.sockets.Load()),
		Accepted:   k.accepted.Load(),
		Requests:   k.requests.Load(),
		Upgrades:   k.upgrades.Load(),
		Messages:   k.messages.Load(),
		Panics:     k.panics.Load(),
		Refused:    map[string]uint64{},
	}
	for r := range k.refused {
		if n := k.refused[r].Load(); n > 0 {
			st.Refused[reasonNames[r]] = n
		}
	}
	return st
}
