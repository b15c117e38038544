package rule

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// Source says where an event came from.
type Source uint8

// The sources, as the key from names them.
const (
	Client Source = iota // a connected client, or the server itself for connect and disconnect
	HTTP                 // a POST, or the command line
	Worker               // the instance's worker
)

// String returns client, http or worker.
func (s Source) String() string {
	switch s {
	case HTTP:
		return "http"
	case Worker:
		return "worker"
	}
	return "client"
}

// Payload is an event's name and arguments.
type Payload interface {
	// JSON returns the array [name, args…]. Each binary value in it is {"_placeholder":true,"num":i}. The bytes are borrowed. It is called only
	// if a rule looks at the arguments.
	JSON() json.RawMessage
}

// JSON is a [Payload] that is at hand as bytes.
type JSON json.RawMessage

// JSON returns p.
func (p JSON) JSON() json.RawMessage { return json.RawMessage(p) }

// Peer is the client that sent an event.
type Peer struct {
	SID    string          // of Socket.IO, not of Engine.IO
	Auth   json.RawMessage // of its CONNECT packet; nil = none
	Claims json.RawMessage // of its JSON Web Token; nil = none
	Query  url.Values      // of its handshake
	Header http.Header     // of its handshake
	Visit  Visit           // where Query and Header come from when a rule asks for them, if they are nil; nil = nowhere
}

// Visit is the first request of a client's session.
type Visit interface {
	// Handshake returns its query and its header, which cost an effort to put together.
	Handshake() (url.Values, http.Header)
}

// load fills in what a rule asks for.
func (p *Peer) load() {
	if p.Visit != nil && p.Query == nil && p.Header == nil {
		p.Query, p.Header = p.Visit.Handshake()
	}
}

// Vars answers what programs ask of the instance. Its methods are called only for a program that mentions the variable, on the goroutine that
// evaluates, and what they return is copied before the program sees it. Values other than those of decoded JSON are taken through
// encoding/json; json.RawMessage is decoded.
type Vars interface {
	Instance() map[string]any     // $instance
	History(namespace string) any // $history
}

// Input is one event. Everything in it is borrowed for the call.
type Input struct {
	Source    Source
	Event     string
	Namespace string
	Payload   Payload
	Binary    int      // how many binary values the payload names
	Peer      *Peer    // nil without a sender
	Rooms     []string // that the body of an HTTP request names
	Vars      Vars     // nil: both variables are null
	NoAck     bool     // nobody waits for an acknowledgement: the program of the key ack is not run
}

// payload returns the array [name, args…], or nil.
func (in *Input) payload() json.RawMessage {
	if in.Payload == nil {
		return nil
	}
	return in.Payload.JSON()
}

// Lifecycle reports whether event is one of the two that the server itself raises.
func Lifecycle(event string) bool { return event == "connect" || event == "disconnect" }

// reserved reports whether a server may not emit event.
func reserved(event string) bool {
	switch event {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
