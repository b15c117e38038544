package bench

import (
	"fmt"
	"strconv"
	"time"
)

// posters are the connections that post events, all on loop 0.
type posters struct {
	loop  *loop
	board *board
	idle  []*poster
	down  []*poster // refused, to be dialed again at the next check
	busy  int       // posts under way
	head  []byte
}

// poster posts one event at a time on a connection that is kept.
type poster struct {
	all    *posters
	link   *link
	nth    int
	known  bool // has been connected before
	up     bool // is connected
	seq    uint64
	due    time.Duration
	inPost bool
}

func newPosters(lp *loop, b *board) *posters {
	p := &posters{loop: lp, board: b}
	head := lp.run.requestHead("POST", lp.run.o.Ingest)
	head = append(head, "Content-Type: application/json\r\nContent-Length: "...)
	p.head = append(strconv.AppendInt(head, int64(len(lp.packets.post.bytes)), 10), "\r\n\r\n"...)
	return p
}

func (ps *posters) post(seq uint64, due time.Duration) {
	p := ps.idle[len(ps.idle)-1]
	ps.idle = ps.idle[:len(ps.idle)-1]
	ps.busy++
	p.seq, p.due, p.inPost = seq, due, true
	p.link.write(ps.head)
	p.link.write(ps.loop.packets.post.with(seq))
}

func (p *poster) begin(nth int) {
	p.nth = nth
	p.link = p.all.loop.connect(p, p.all.loop.run.target.source(nth))
}

func (p *poster) connected(*link) {
	p.up = true
	if !p.known {
		p.known = true
		p.all.loop.dialing--
		p.all.loop.run.joined.Add(1)
	}
	p.all.idle = append(p.all.idle, p)
}

func (p *poster) received(_ *link, b []byte) (used int, err error) {
	answer, err := nextResponse(b)
	if err != nil || answer.size == 0 {
		return 0, err
	}
	if !p.inPost {
		return 0, errNotHTTP
	}
	p.done()
	lp := p.all.loop
	if answer.status/100 == 2 {
		lp.tally.events++
		lp.tally.answer.record(lp.now - p.due)
	} else {
		lp.faults.add(fmt.Sprintf("post: status %d", answer.status))
		p.all.board.cancel(p.seq)
	}
	if answer.last {
		return answer.size, errClosed
	}
	p.all.idle = append(p.all.idle, p)
	return answer.size, nil
}

func (p *poster) done() {
	p.inPost = false
	p.all.busy--
}

// lost dials anew. Whether an event arrived whose answer did not is unknown: it is counted as an error, not as lost.
func (p *poster) lost(_ *link, err error) {
	lp := p.all.loop
	for i, q := range p.all.idle {
		if q == p {
			p.all.idle = append(p.all.idle[:i], p.all.idle[i+1:]...)
			break
		}
	}
	if p.inPost {
		p.done()
		p.all.board.cancel(p.seq)
		lp.faults.add("post: " + reason(err))
	}
	if !p.known {
		lp.dialing--
		lp.run.failed.Add(1)
		lp.run.firstFault(err)
		lp.faults.add(reason(err))
		return
	}
	if p.up {
		p.up = false
		p.begin(p.nth)
	} else {
		p.all.down = append(p.all.down, p)
	}
}

func (ps *posters) redial() {
	down := ps.down
	ps.down = nil
	for _, p := range down {
		p.begin(p.nth)
	}
}
