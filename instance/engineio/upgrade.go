package engineio

import (
	"net/http"
	"strings"
)

// link is one websocket of a session: the one in use, one that probes, or one too many.
type link struct {
	s       *Socket
	base64  bool  // binary messages go out as text
	dead    bool  // closed by us, or gone; guarded by s.mu
	window  uint8 // with which the client inflates, as a power of 2; 0 = messages go out as they are; guarded by s.mu
	conn    Conn  // nil until Host.Upgrade has returned; guarded by s.mu
	decoder       // used by the connection's reader only
}

func newLink(s *Socket, r *http.Request) *link {
	return &link{s: s, base64: param(r.URL.RawQuery, "b64") != ""}
}

// probe is the state of an upgrade.
//
//	client                         server
//	  | ws: open, with sid           |   expires = now + UpgradeTimeout
//	  | ws: 2probe ----------------> |
//	  | <---------------- ws: 3probe |   noop = now + 100 ms, again and again
//	  | GET -----------------------> |
//	  | <--------------------- 200 6 |   the client stops polling
//	  | ws: 5 ---------------------> |   switch, queue goes out on the websocket
//
// Until the 5, messages use polling. A probe that fails leaves polling unharmed.
type probe struct {
	link    *link
	expires int64
	noop    int64 // when to answer a parked poll; 0 before 2probe
}

// upgrade takes a websocket for a session that began with polling. One too many is opened and closed, as in the reference
// server, so that the client sees a close and not an error.
func (s *Socket) upgrade(w http.ResponseWriter, r *http.Request) {
	l := newLink(s, r)
	s.mu.Lock()
	wanted := s.phase == open && s.link == nil && s.probe == nil
	if wanted {
		s.probe = &probe{link: l, expires: s.server.clock.now() + int64(s.options.UpgradeTimeout)}
		s.schedule()
	}
	s.mu.Unlock()
	conn, err := l.open(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
		if s.probe != nil && s.probe.link == l {
			s.drop(s.probe)
		}
	case l.dead || !wanted:
		_ = conn.Close(0)
	default:
		l.connect(conn)
	}
}

// open answers the handshake. Of the subprotocols that the client offers, which mean nothing here, it is told the first: it
// would not go on without.
func (l *link) open(w http.ResponseWriter, r *http.Request) (Conn, error) {
	offered, _, _ := strings.Cut(strings.Join(r.Header["Sec-Websocket-Protocol"], ","), ",")
	if p := strings.TrimSpace(offered); p != "" {
		w.Header().Set("Sec-Websocket-Protocol", p)
	}
	return l.s.server.host.Upgrade(w, r, l.frame, l.gone)
}

// connect begins to use a connection. mu is held.
func (l *link) connect(conn Conn) {
	l.conn = conn
	if d, ok := conn.(Deflater); ok {
		l.window = uint8(d.Deflate())
	}
}

// drop gives up an upgrade. mu is held.
func (s *Socket) drop(p *probe) {
	s.server.counts.unfinished.Add(1)
	s.probe = nil
	p.link.close(0)
}

// advanceProbe does what is due for an upgrade. mu is held.
func (s *Socket) advanceProbe(now int64) {
	p := s.probe
	switch {
	case p == nil:
	case now >= p.expires:
		s.drop(p)
	case p.noop != 0 && now >= p.noop:
		p.noop = now + int64(noopEvery)
		if s.reply != nil {
			_ = s.answer(nil, []byte{typeNoop}) // gone tells of a client that left
		}
	}
}

// frame takes a message of the websocket. The host calls it.
func (l *link) frame(text bool, p []byte) {
	s := l.s
	s.mu.Lock()
	switch {
	case s.link == l:
		s.mu.Unlock()
		l.receive(text, p)
		return
	case s.probe != nil && s.probe.link == l:
		s.probed(s.probe, text, p)
	}
	s.mu.Unlock()
}

// receive handles a message of the websocket in use.
func (l *link) receive(text bool, p []byte) {
	switch {
	case int64(len(p)) > l.s.options.MaxPayload:
		l.s.mu.Lock()
		l.close(statusTooBig)
		l.s.mu.Unlock()
		l.s.end(TransportError, cutOff)
	case text:
		l.s.receive(l.packet(p))
		if cap(l.scratch) > keptScratch {
			l.scratch = nil
		}
	default:
		l.s.receive(packet{kind: typeMessage, binary: true, data: p})
	}
}

const (
	statusTooBig = 1009    // RFC 6455, 7.4.1
	keptScratch  = 4 << 10 // bytes; few clients send base64 over a websocket at all
)

// probed handles a message of a websocket that probes. mu is held.
func (s *Socket) probed(p *probe, text bool, data []byte) {
	switch {
	case text && string(data) == "2probe":
		_ = p.link.write(probePong) // gone tells of a connection that ended
		p.noop = s.server.clock.now() + int64(noopEvery)
		s.schedule()
	case text && len(data) > 0 && data[0] == typeUpgrade:
		s.change(p.link)
	default:
		s.drop(p)
	}
}

var probePong = control("3probe")

// change moves the session to its websocket, within the reading of the upgrade packet: what follows in the same segment is
// already a message. mu is held.
func (s *Socket) change(l *link) {
	s.probe, s.link = nil, l
	if s.paused {
		l.pause(true)
	}
	s.server.polling.Add(-1)
	s.server.counts.upgraded.Add(1)
	if s.reply != nil {
		s.outdate()
	}
	if len(s.queue) > 0 {
		_ = l.write(Batch(s.queue...)) // gone tells of a connection that ended
		s.queue, s.queued = nil, 0
	}
	if s.phase == linger {
		l.close(0)
		s.leave()
	}
}

// gone is called by the host when the websocket has ended.
func (l *link) gone(err error) {
	s := l.s
	s.mu.Lock()
	l.dead = true
	if s.probe != nil && s.probe.link == l {
		s.drop(s.probe)
	}
	current := s.link == l
	s.mu.Unlock()
	if current {
		s.end(reasonFor(err), cutOff)
	}
}

// write sends a message. mu is held, as for all below.
func (l *link) write(m *Message) error {
	if l.dead || l.conn == nil {
		return ErrClosed
	}
	wire := m.wire
	if l.base64 {
		wire = m.textual()
	} else if l.window > 0 {
		wire = m.deflated(l.s.options.Threshold, l.window)
	}
	if err := l.conn.Write(wire); err != nil {
		return ErrClosed // the host calls gone
	}
	return nil
}

func (l *link) buffered() int {
	if l.dead || l.conn == nil {
		return 0
	}
	return l.conn.Buffered()
}

func (l *link) close(code uint16) {
	if !l.dead && l.conn != nil {
		_ = l.conn.Close(code) // it ends one way or the other
	}
	l.dead = true
}
