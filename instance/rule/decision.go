package rule

import "encoding/json"

// Decision is what an event causes. Its slices belong to it and are overwritten by the next [Set.Eval] with the same Decision; the names and rooms in
// them may be shared with the Set and must not be written to. The zero value is ready for use.
type Decision struct {
	Rule string // the name of the rule that decided; "" = none did
	Drop Reason // [Kept] unless the event is dropped; then the fields below Err are empty
	Err  error  // what to tell about a drop

	Join, Leave []string // rooms that the sender joins and leaves, before anything is emitted; nothing to do without a sender
	Emits       []Emit   // in order
	Ack         AckKind
	AckArgs     []json.RawMessage // for [AckArgs]
	Worker      bool              // hand it to the worker as well
	Acked       bool              // the rule's delivery is acked: what a dead worker had not confirmed is handed over again

	rooms []string // what the Emits' targets are made of
	facts facts
}

// Emit is one event to send.
type Emit struct {
	Event    string            // "" = the name as received
	Same     bool              // the arguments as received: with Event "" the packet can be relayed untouched
	Args     []json.RawMessage // otherwise; a binary value is {"_placeholder":true,"num":i}, with the num that it had
	To       Target
	Delivery Delivery
	History  bool
}

// Target is the union of what it names. Without a sender in the input, Others, OthersIn and Sender are never set.
type Target struct {
	Everyone bool
	Others   bool     // everyone but the sender
	Sender   bool     // the sender alone
	Rooms    []string // all members
	OthersIn []string // all members but the sender
}

// Delivery says how much is done for an event to arrive.
type Delivery uint8

// The deliveries.
const (
	Once Delivery = iota
	Volatile
	Acked
)

// String returns the word of the key delivery.
func (d Delivery) String() string { return [...]string{"once", "volatile", "acked"}[d%3] }

// AckKind says what the sender is answered.
type AckKind uint8

// The kinds of answer.
const (
	AckNone   AckKind = iota // nothing, as with Node
	AckEmpty                 // no arguments
	AckSame                  // the arguments as received
	AckArgs                  // Decision.AckArgs
	AckWorker                // what the worker answers
)

// Refusal returns what the acknowledgement of a dropped event says: {"error":{"code":code,"message":message}}.
func (d *Decision) Refusal() (code, message string) {
	if d.Err != nil {
		message = d.Err.Error()
	}
	return d.Drop.String(), message
}

// reset makes d ready for in and keeps its memory.
func (d *Decision) reset(in *Input) {
	*d = Decision{Join: emptied(d.Join), Leave: emptied(d.Leave), Emits: emptied(d.Emits), rooms: emptied(d.rooms), facts: facts{in: in}}
}

// maxSpare is how many elements a Decision keeps room for: one event may join as many rooms as fit into it.
const maxSpare = 256

// emptied keeps the memory of s, and lets go of what the last event has left there.
func emptied[T any](s []T) []T {
	if cap(s) > maxSpare {
		return nil
	}
	clear(s)
	return s[:0]
}

// fail makes d a drop, and takes back what was decided before the fault: an event has all of its effects or none.
func (d *Decision) fail(why Reason, err error) {
	d.Drop, d.Err = why, err
	d.Join, d.Leave, d.Emits, d.rooms = emptied(d.Join), emptied(d.Leave), emptied(d.Emits), emptied(d.rooms)
	d.Ack, d.AckArgs, d.Worker, d.Acked = AckNone, nil, false, false
}
