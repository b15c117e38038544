package engineio

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// Reason says why a session ended. The texts are those of the reference server, where it has one.
type Reason string

// The reasons. Those about namespaces and the shutdown are used by the layers above.
const (
	TransportError     Reason = "transport error"             // the client broke the protocol of its transport, or left a poll
	TransportClose     Reason = "transport close"             // the client closed, or its connection was cut
	ForcedClose        Reason = "forced close"                // closed by the server
	PingTimeout        Reason = "ping timeout"                // no pong in time
	ParseError         Reason = "parse error"                 // a packet of unknown type
	ServerShuttingDown Reason = "server shutting down"        // the server drains
	ForcedServerClose  Reason = "forced server close"         // closed by the layer above
	ClientDisconnect   Reason = "client namespace disconnect" // the client left a namespace
	ServerDisconnect   Reason = "server namespace disconnect" // the server put it out of a namespace
	Slow               Reason = "slow"                        // more bytes waited than Options.Queue allows
)

// Errors of [Socket.Send] and of a late [Reply].
var (
	ErrClosed = errors.New("engineio: session is closed")
	ErrSlow   = errors.New("engineio: session is closed because its client reads too slowly")
	ErrFull   = errors.New("engineio: message dropped, the queue is full")
)

// reasonFor tells what the end of a websocket means. As in the reference server, a cut connection is a close like any other;
// an error is what the client did wrong.
func reasonFor(err error) Reason {
	for _, cut := range []error{nil, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, cut) {
			return TransportClose
		}
	}
	return TransportError
}
