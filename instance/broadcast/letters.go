package broadcast

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

const (
	maxLetters     = 1000     // dead letters; beyond that the oldest is dropped
	maxLetterBytes = 16 << 20 // of their packets, each counted for every client that did not answer
)

// letter is what was given up.
type letter struct {
	mail     *mail
	client   string
	attempts int
	reason   Reason
}

// letters are the last that were given up. Those before head are dropped.
type letters struct {
	queue []letter
	head  int
	bytes int
}

func (l *letters) all() []letter { return l.queue[l.head:] }

// add takes a letter in and drops as many as it takes.
func (l *letters) add(x letter, c *counters) {
	l.queue = append(l.queue, x)
	l.bytes += x.mail.packet.Len()
	for n := len(l.all()); n > maxLetters || l.bytes > maxLetterBytes && n > 1; n-- {
		l.bytes -= l.queue[l.head].mail.packet.Len()
		l.queue[l.head] = letter{}
		l.head++
		c.deadLost.Add(1)
	}
	if l.head >= maxLetters {
		l.queue, l.head = slices.Delete(l.queue, 0, l.head), 0
	}
}

// Letter is an event that one client has not acknowledged.
type Letter struct {
	Seq       uint64
	Event     string
	Args      []json.RawMessage // of the payload; attachments are placeholders
	Namespace string
	Client    string // its client_id, or the id of its socket
	Attempts  int    // sends to it while it was connected
	Reason    string // of those that were given up: "attempts", "max_age", "capacity", "left", "discarded"
	Time      time.Time
}

// letter describes what a client has not acknowledged. No lock is held: to read the event takes its time.
func (b *Broadcaster) letter(x letter) Letter {
	l := Letter{Seq: x.mail.seq, Namespace: b.ns.Path(), Client: x.client, Attempts: x.attempts, Time: b.made.Add(x.mail.at)}
	name, payload, _, err := x.mail.packet.Event()
	if err != nil {
		return l
	}
	var args []json.RawMessage
	if json.Unmarshal(payload, &args) == nil && len(args) > 0 {
		args = args[1:]
	}
	l.Event, l.Args = name, args
	return l
}

// Pending returns how many pairs of event and client wait for an acknowledgement. It is cheaper than Stats.
func (b *Broadcaster) Pending() uint64 { return b.stats.pending.Load() }

// Unanswered returns what waits for an acknowledgement, oldest first.
func (b *Broadcaster) Unanswered() []Letter {
	var open []letter
	b.desk.mu.Lock()
	for e := b.desk.open.Front(); e != nil; e = e.Next() {
		r := e.Value.(*receipt)
		open = append(open, letter{mail: r.mail, client: r.client.id, attempts: r.attempts})
	}
	b.desk.mu.Unlock()
	slices.SortFunc(open, func(x, y letter) int {
		return cmp.Or(cmp.Compare(x.mail.seq, y.mail.seq), cmp.Compare(x.client, y.client))
	})
	all := make([]Letter, len(open))
	for i, x := range open {
		all[i] = b.letter(x)
	}
	return all
}

// Dead returns the last 1000 letters that were given up, oldest first; none without [Retry].Dead.
func (b *Broadcaster) Dead() []Letter {
	b.desk.mu.Lock()
	dead := slices.Clone(b.desk.letters.all())
	b.desk.mu.Unlock()
	all := make([]Letter, len(dead))
	for i, x := range dead {
		all[i] = b.letter(x)
		all[i].Reason = x.reason.String()
	}
	return all
}

// Flush sends everything that waits for an acknowledgement again, now, to the clients that are there, as one more attempt. It returns how many pairs
// of event and client that is. Who is away gets it on return.
func (b *Broadcaster) Flush() (n int) {
	var all []resend
	b.desk.mu.Lock()
	for e := b.desk.open.Front(); e != nil; e = e.Next() {
		if r := e.Value.(*receipt); len(r.client.sockets) > 0 {
			all = append(all, again(r)...)
			n++
		}
	}
	b.desk.mu.Unlock()
	b.dispatch(all)
	return n
}

// Discard gives up everything that waits for an acknowledgement, for the reason "discarded", and empties the list of dead letters. It returns how
// many of each there were.
func (b *Broadcaster) Discard() (pending, dead int) {
	b.desk.mu.Lock()
	pending, dead = b.desk.open.Len(), len(b.desk.letters.all())
	for b.desk.open.Len() > 0 {
		b.giveUp(b.desk.open.Front().Value.(*receipt), Discarded)
	}
	b.desk.letters = letters{}
	b.desk.mu.Unlock()
	b.settleAll()
	return pending, dead
}
