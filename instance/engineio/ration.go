package engineio

import "strings"

// ration is how many packets a polling client of python-engineio takes in one payload: with more it gives up the session (Payload.max_decode_packets
// in its payload.py, for clients too). The protocol knows no such limit, and all other clients get everything that waits at once.
const ration = 16

// rationed tells by the User-Agent whether a client is python-engineio, whose two HTTP libraries name themselves.
func rationed(agent string) bool {
	return strings.HasPrefix(agent, "python-requests/") || strings.Contains(agent, "aiohttp/")
}

// split queues the packets of m one by one, so that a poll can take some of them. They share m's memory. mu is held.
func (s *Socket) split(m *Message) {
	for rest := m.wire; len(rest) > 0; {
		_, _, tail := cut(rest)
		one := rest[:len(rest)-len(tail)]
		s.queue = append(s.queue, &Message{wire: one})
		s.queued += len(one)
		rest = tail
	}
}

// portion returns how many messages of the queue the next poll gets. mu is held.
func (s *Socket) portion() int {
	if !s.rationed {
		return len(s.queue)
	}
	n, packets := 0, uint64(0)
	for _, m := range s.queue {
		if packets += m.count(); n > 0 && packets > ration {
			break
		}
		n++
	}
	return n
}
