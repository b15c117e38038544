package worker

import "encoding/json"

// Sink takes what the worker says. The goroutine that reads the worker calls it, with no lock held; it must not block. What it is given is its own.
type Sink interface {
	// Emit sends an event to clients. [ErrBusy] makes the reader wait and offer it again; any other error is counted and logged.
	Emit(Emit) error
	// Ack answers an event that asked for it. args is an array.
	Ack(id uint64, args json.RawMessage)
	Join(Membership)
	Leave(Membership)
	// Disconnect puts a client out; its namespace is "/" unless given.
	Disconnect(sid, namespace string)
	// Accept and Refuse answer a connect event that asked for an answer. data is null or absent if there is none.
	Accept(id uint64)
	Refuse(id uint64, message string, data json.RawMessage)
	// Lost reports an event that will get no answer, or was not handed over at all. It comes from the goroutine of [Worker.Run].
	Lost(id uint64, reason string)
}

// Emit is an event from the worker.
type Emit struct {
	Name      string
	Args      json.RawMessage // an array, binary values as {"$binary":"<base64>"}; see [DecodeBinary]
	To        []string        // "all", "sid:…", "room:…"; never empty
	Except    []string        // "sid:…", "room:…"
	Namespace string          // "/" unless given
}

// Membership is a change of the rooms of one client.
type Membership struct {
	SID       string
	Namespace string
	Rooms     []string
}

// Event is handed to the worker. Absent JSON values are left out, but Args, which is then [].
type Event struct {
	Type      string // "connect", "event" or "disconnect"
	SID       string
	Namespace string
	Name      string
	Args      json.RawMessage // an array; see [EncodeBinary]
	Auth      json.RawMessage
	Claims    json.RawMessage
	Ack       bool // an answer is wanted: an ack, or for a connect event accept or refuse
	Keep      bool // hand it over again until the worker has confirmed it with an ack
}
