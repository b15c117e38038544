package socketio

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
)

// AckFunc is called for the acknowledgement of a packet by a socket, at most once for each socket that the packet was sent to, by the rules of
// [Handler]: on the goroutine that read it, with no lock held. args and attachments are borrowed for the call. It is not called for a
// socket that leaves first.
type AckFunc func(s *Socket, args []json.RawMessage, attachments [][]byte)

// pendingAck is an id and what waits for it. A packet holds its own; a socket holds those it was asked for, and drops them when
// it leaves, so that nothing waits for a client that is gone.
type pendingAck struct {
	id   uint64
	call *ackCall
}

// ackCall is shared by all sockets that were sent one packet.
type ackCall struct {
	mu sync.Mutex
	f  AckFunc // nil when forgotten
}

func (a *ackCall) forget() {
	a.mu.Lock()
	a.f = nil
	a.mu.Unlock()
}

func (a *ackCall) get() AckFunc {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.f
}

func byID(a pendingAck, id uint64) int { return cmp.Compare(a.id, id) }

// expect notes the acknowledgements that a packet asks for; client.mu is held. Ids mostly grow, so this is an append. Forgotten
// ones are cleared out before the list grows: it stays below twice the number of those that are waited for.
func (s *Socket) expect(acks []pendingAck) {
	for _, a := range acks {
		if len(s.acks) == cap(s.acks) {
			s.acks = slices.DeleteFunc(s.acks, func(a pendingAck) bool { return a.call.get() == nil })
		}
		if i, found := slices.BinarySearchFunc(s.acks, a.id, byID); !found {
			s.acks = slices.Insert(s.acks, i, a)
		}
	}
}

// acknowledged handles an ACK packet. Unknown ids, and second answers, are ignored.
func (s *Socket) acknowledged(k packet, attachments [][]byte) {
	if !k.hasID {
		return
	}
	s.client.mu.Lock()
	i, found := slices.BinarySearchFunc(s.acks, k.id, byID)
	var call *ackCall
	if found {
		call = s.acks[i].call
		s.acks = slices.Delete(s.acks, i, i+1)
		if len(s.acks) == 0 {
			s.acks = nil
		}
	}
	s.client.mu.Unlock()
	if !found {
		return
	}
	if f := call.get(); f != nil {
		var args []json.RawMessage
		if k.packed.n > 0 {
			k.data, _ = k.packed.unpack()
		}
		if k.data != nil {
			args = elements(k.data, 0)
		}
		f(s, args, attachments)
	}
}
