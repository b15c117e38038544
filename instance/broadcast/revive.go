package broadcast

import (
	"sync"

	"github.com/sockd/sockd/instance/socketio"
)

// Revive publishes the dead letters of some clients anew, each as an event with a number of its own, to the sockets that are given for its client and
// with an acknowledgement that is asked for. A letter that is accepted is off the list; one that is refused goes back to its end. done is called
// once, on any goroutine, with how many of each there were. Letters of clients that are not in sockets stay.
func (b *Broadcaster) Revive(sockets map[string][]string, done func(sent, failed int)) {
	taken := b.takeDead(func(x letter) bool { return len(sockets[x.client]) > 0 })
	var mu sync.Mutex
	var sent, failed int
	over := func(x letter, err error) {
		if err != nil {
			b.desk.mu.Lock()
			b.desk.letters.add(x, &b.stats)
			b.desk.mu.Unlock()
		}
		mu.Lock()
		if err != nil {
			failed++
		} else {
			sent++
		}
		last, s, f := sent+failed == len(taken), sent, failed
		mu.Unlock()
		if last {
			done(s, f)
		}
	}
	if len(taken) == 0 {
		done(0, 0)
	}
	for _, x := range taken {
		name, payload, attachments, err := x.mail.packet.Event()
		if err != nil {
			over(x, err)
			continue
		}
		e := Event{Relay: &socketio.Event{Name: name, Payload: payload, Attachments: attachments}, To: socketio.Selector{Rooms: sockets[x.client]}, Acked: true}
		b.Publish(e, func(_ uint64, err error) { over(x, err) })
	}
}

// Forget empties the list of dead letters and returns how many there were. What waits for an acknowledgement goes on waiting.
func (b *Broadcaster) Forget() (dead int) {
	return len(b.takeDead(func(letter) bool { return true }))
}

// takeDead takes the letters that are wanted off the list; wanted is called with the desk's lock held.
func (b *Broadcaster) takeDead(wanted func(letter) bool) (taken []letter) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	var rest letters
	for _, x := range b.desk.letters.all() {
		if wanted(x) {
			taken = append(taken, x)
			continue
		}
		rest.queue = append(rest.queue, x)
		rest.bytes += x.mail.packet.Len()
	}
	b.desk.letters = rest
	return taken
}
