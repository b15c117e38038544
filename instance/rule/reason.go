package rule

import "errors"

// Reason says why an event was dropped. The zero value is an event that was not.
type Reason uint8

// The reasons.
const (
	Kept        Reason = iota
	NoRule             // no rule takes it, and the instance is no hub
	Dropped            // a rule with drop = true took it
	NoSender           // its only target is the sender, and there is none
	Placeholder        // a placeholder has no value
	Reserved           // its new name is one that nobody may emit
	Schema             // its arguments violate the schema
	JQ                 // a program ended with a fault
	JQTimeout          // a program took longer than [ProgramTime]
	JQOutput           // a program made more than [ProgramBytes]
	reasons
)

var reasonNames = [reasons]string{"", "no_rule", "rule", "no_sender", "placeholder", "reserved", "schema", "jq", "jq_timeout", "jq_output"}

// String returns the name that counters use, or "" for [Kept].
func (r Reason) String() string {
	if r >= reasons {
		return "unknown"
	}
	return reasonNames[r]
}

// Reasons returns every reason but [Kept], for counters that exist from the start.
func Reasons() []Reason {
	all := make([]Reason, 0, reasons-1)
	for r := NoRule; r < reasons; r++ {
		all = append(all, r)
	}
	return all
}

// What a drop says when nothing more is known. They are made once: a flood of events that no rule takes must not allocate.
var (
	errNoRule   = errors.New("no rule takes this event")
	errDropped  = errors.New("the rule drops this event")
	errNoSender = errors.New("the event has no sender to answer")
)

// jqReason sorts the error of a program.
func jqReason(err error) Reason {
	switch {
	case errors.Is(err, ErrTimeout):
		return JQTimeout
	case errors.Is(err, ErrOutput):
		return JQOutput
	}
	return JQ
}
