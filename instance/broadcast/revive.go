package broadcast

import (
	"sync"

	"github.com/sockd/sockd/instance/socketio"
)

// Revive publishes the dead letters of clients that are there anew, each for its client alone, as an event with a number of its own and with an
// acknowledgement that is asked for. A letter that is accepted is off the list; one that is refused goes back to its end, and those of clients that
// are away stay. done is called once, on any goroutine, with how many of each there were.
func (b *Broadcaster) Revive(done func(sent, failed, away int)) {
	taken, away := b.takeDead(b.present)
	var mu sync.Mutex
	left, sent, failed := len(taken)+1, 0, 0
	over := func(count *int) {
		mu.Lock()
		*count++
		left--
		last, s, f := left == 0, sent, failed
		mu.Unlock()
		if last {
			done(s, f, away)
		}
	}
	for _, x := range taken {
		b.revive(x, func(err error) {
			if err == nil {
				over(&sent)
				return
			}
			b.desk.mu.Lock()
			b.desk.letters.add(x.letter, &b.stats)
			b.desk.mu.Unlock()
			over(&failed)
		})
	}
	var all int
	over(&all)
}

// addressed is a dead letter with the sockets that its client has.
type addressed struct {
	letter
	sockets []string
}

func (b *Broadcaster) revive(x addressed, done func(error)) {
	name, payload, attachments, err := x.mail.packet.Event()
	if err != nil {
		done(err)
		return
	}
	e := Event{Relay: &socketio.Event{Name: name, Payload: payload, Attachments: attachments}, To: socketio.Selector{Rooms: x.sockets}, Acked: true}
	b.Publish(e, func(_ uint64, err error) { done(err) })
}

// present returns the sockets of a letter's client; desk.mu is held.
func (b *Broadcaster) present(x letter) (ids []string, there bool) {
	if c := b.desk.named[x.client]; c != nil {
		for _, a := range c.sockets {
			ids = append(ids, a.socket.ID())
		}
	} else if b.ns.Lookup(x.client) != nil {
		ids = []string{x.client}
	}
	return ids, len(ids) > 0
}

// Forget empties the list of dead letters and returns how many there were. What waits for an acknowledgement goes on waiting.
func (b *Broadcaster) Forget() (dead int) {
	taken, _ := b.takeDead(func(letter) ([]string, bool) { return nil, true })
	return len(taken)
}

// takeDead takes the letters that are wanted off the list, and returns how many stay. wanted is called with the desk's lock held.
func (b *Broadcaster) takeDead(wanted func(letter) (sockets []string, yes bool)) (taken []addressed, stay int) {
	b.desk.mu.Lock()
	defer b.desk.mu.Unlock()
	var rest letters
	for _, x := range b.desk.letters.all() {
		if sockets, yes := wanted(x); yes {
			taken = append(taken, addressed{x, sockets})
			continue
		}
		rest.queue = append(rest.queue, x)
		rest.bytes += x.mail.packet.Len()
	}
	b.desk.letters = rest
	return taken, len(rest.queue)
}
