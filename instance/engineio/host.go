package engineio

import "net/http"

// Host is what sessions need beyond [http.Handler]: a WebSocket, and an answer that comes later. Package transport has one
// on sockets, package enginetest one in memory.
type Host interface {
	// Upgrade answers the WebSocket handshake with 101 and hands over the connection. Headers set on w before are sent with
	// the 101.
	//
	// frame gets each complete message on the connection's own reader, in order, one at a time; p is borrowed for the
	// call. Its first call comes after ServeHTTP has returned. gone is called once when the connection has ended, with nil
	// if it was closed on purpose by either side. It is never called from inside Upgrade, Write or Close.
	//
	// For a bad handshake Upgrade answers 400 itself and returns an error.
	Upgrade(w http.ResponseWriter, r *http.Request, frame func(text bool, p []byte), gone func(error)) (Conn, error)

	// Park keeps the request unanswered after ServeHTTP has returned. Headers set on w before Park are kept and merged with
	// those of the Reply. gone is called once if the client leaves before the Reply, never from inside Park or Reply, and
	// never after a Reply that returned nil.
	Park(w http.ResponseWriter, r *http.Request, gone func(error)) (Reply, error)
}

// Reply answers a parked request. It is called exactly once, from any goroutine, possibly before ServeHTTP has returned. It
// never blocks and keeps neither h nor body; h is not changed. A Reply that comes after the client left returns [ErrClosed].
type Reply func(status int, h http.Header, body []byte) error

// Conn is an established WebSocket.
type Conn interface {
	// Write sends one or more whole, already encoded, unmasked frames. It never blocks and does not keep the slice. Each
	// call is atomic; any goroutine may call it.
	Write(frame []byte) error

	// Buffered returns how many bytes given to Write the kernel has not taken yet.
	Buffered() int

	// Close sends a close frame after what is queued and then ends the connection, within a bounded time. Code 0 sends an
	// empty close frame, which the peer sees as 1005. It never blocks.
	Close(code uint16) error
}

// Deflater is a [Conn] on which both sides have agreed to compress messages (RFC 7692). The host inflates what the client
// sends before it calls frame.
type Deflater interface {
	Conn

	// Deflate returns the size of the window with which the client inflates, as a power of 2, from 8 to 15; or 0 if nothing
	// was agreed on, and compressed frames must not be written. The client expects each message to start with an empty window.
	Deflate() int
}

// Pauser is a [Conn] whose client can be held back.
type Pauser interface {
	Conn

	// Pause stops reading from the connection, so that its client is held back, or goes on. frame is not called while it is paused, but for the
	// call that is being made when Pause returns, or is about to be; what has been read and not handled is kept, bounded, and comes first and in order
	// afterwards. That the client's connection has ended is noticed within a bounded time all the same. Pause never blocks and may be called from
	// any goroutine, also from frame. On a connection that has ended, or that was closed, it does nothing.
	Pause(on bool)
}

// Turner is a [Host] that reads for many clients on few goroutines, so that no request may keep one for long.
type Turner interface {
	Host

	// Turn returns a function that has f called once on the goroutine that has read the request of w, soon, when others had their turn. It
	// is valid as long as anybody keeps it, may be called from any goroutine, and never calls f itself. w must not be answered, parked or
	// upgraded yet.
	Turn(w http.ResponseWriter) (next func(f func()), err error)
}

// Accept is called once per session, after its open packet was queued, with no lock held and before any Message. It may send.
// The Session it returns must not be nil.
type Accept func(*Socket) Session

// Session receives what one client sends. Calls for one socket never overlap, also across the upgrade of its transport.
type Session interface {
	// Message is called for each message; p is borrowed for the call. It runs on the goroutine that read the bytes and must
	// not wait for anything.
	Message(p []byte, binary bool)

	// Close is called once, last. If the socket ends during Accept or Message, Close follows as soon as that has returned.
	Close(Reason)
}
