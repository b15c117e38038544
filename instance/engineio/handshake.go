package engineio

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Handshake is the first request of a session.
type Handshake struct {
	Header     http.Header // with Host
	Query      url.Values  // including EIO, transport and t
	RemoteAddr string
	URL        string // as it was sent: path and query
	Secure     bool   // over TLS
	Time       time.Time
}

// memo is a Handshake as long as nobody asks for it: a map of headers would be the largest part of an idle session.
type memo struct {
	text   string // lines: remote address, URL, headers
	at     int64  // Unix time, ns
	secure bool
}

// remember makes a memo of r, which keeps nothing of r itself.
func remember(r *http.Request) memo {
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	var b strings.Builder
	size := len(r.RemoteAddr) + len(target) + len(r.Host) + 16
	for k, values := range r.Header {
		for _, v := range values {
			size += len(k) + len(v) + 2
		}
	}
	b.Grow(size)
	b.WriteString(line(r.RemoteAddr) + "\n" + line(target) + "\n")
	if r.Host != "" {
		b.WriteString("Host:" + line(r.Host) + "\n")
	}
	for k, values := range r.Header {
		for _, v := range values {
			b.WriteString(k)
			b.WriteByte(':')
			b.WriteString(line(v))
			b.WriteByte('\n')
		}
	}
	return memo{text: b.String(), at: time.Now().UnixNano(), secure: r.TLS != nil}
}

// line removes line ends, which no part of a request that was parsed has.
func line(s string) string {
	if !strings.ContainsAny(s, "\r\n") {
		return s
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(s)
}

// handshake undoes remember.
func (m memo) handshake() *Handshake {
	h := &Handshake{Header: make(http.Header), Secure: m.secure, Time: time.Unix(0, m.at)}
	var rest string
	h.RemoteAddr, rest, _ = strings.Cut(m.text, "\n")
	h.URL, rest, _ = strings.Cut(rest, "\n")
	for l := range strings.Lines(rest) {
		k, v, _ := strings.Cut(strings.TrimSuffix(l, "\n"), ":")
		h.Header[k] = append(h.Header[k], v)
	}
	_, query, _ := strings.Cut(h.URL, "?")
	h.Query, _ = url.ParseQuery(query) // what is not well formed is left out
	return h
}

// openPacket encodes the first packet of a session. It has exactly these keys, in this order.
func (s *Socket) openPacket(transport string) *Message {
	o := s.options
	upgrades := []string{}
	if transport == polling && o.enabled(websocket) {
		upgrades = append(upgrades, websocket)
	}
	data, _ := json.Marshal(struct { // cannot fail: strings and numbers
		ID           string   `json:"sid"`
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int64    `json:"maxPayload"`
	}{s.id, upgrades, o.PingInterval.Milliseconds(), o.PingTimeout.Milliseconds(), o.MaxPayload})
	return control(string(typeOpen) + string(data))
}

// handshake lets a client in.
func (s *Server) handshake(w http.ResponseWriter, r *http.Request, q *request) {
	if text := s.admit(q.options); text != "" {
		busy(w, r, text)
		return
	}
	k := &Socket{server: s, options: q.options, id: q.options.NewID(), memo: remember(r), rationed: rationed(r.UserAgent())}
	k.recv.Lock() // until Accept has returned
	k.handling = true
	k.due = s.clock.now() + int64(q.options.PingInterval)
	if q.upgrade {
		k.openWebSocket(w, r)
	} else {
		k.openPolling(w, r)
	}
}

// admit takes a place for a session; otherwise it says why there is none.
func (s *Server) admit(o *Options) string {
	if s.draining.Load() != nil {
		s.counts.draining.Add(1)
		return "server shutting down"
	}
	if n := s.live.Add(1); o.MaxSockets > 0 && n > int64(o.MaxSockets) {
		s.leave()
		s.counts.full.Add(1)
		return "too many sessions"
	}
	return ""
}

// leave gives a place back.
func (s *Server) leave() {
	if s.live.Add(-1) == 0 {
		select {
		case s.idle <- struct{}{}:
		default:
		}
	}
}

func (s *Socket) openPolling(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	ok := s.enter()
	s.mu.Unlock()
	if !ok {
		s.server.refuse(w, r, BadRequest)
		return
	}
	if name := s.options.Cookie; name != "" {
		http.SetCookie(w, &http.Cookie{Name: name, Value: s.id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	m := s.openPacket(polling)
	s.answerNow(w, r, m, m.payload())
	s.begin()
}

func (s *Socket) openWebSocket(w http.ResponseWriter, r *http.Request) {
	if s.server.sessions.get(s.id) != nil {
		s.mu.Lock()
		s.leave()
		s.mu.Unlock()
		s.server.refuse(w, r, BadRequest)
		return
	}
	l := newLink(s, r)
	s.link = l
	conn, err := l.open(w, r)
	s.mu.Lock()
	if err != nil {
		if s.phase == open {
			s.leave()
		}
		s.mu.Unlock()
		return
	}
	l.connect(conn)
	ok := s.phase == open && s.enter()
	if ok {
		_ = s.push(s.openPacket(websocket)) // gone tells of a connection that ended
	} else {
		_ = conn.Close(0)
	}
	s.mu.Unlock()
	if ok {
		s.begin()
	}
}

// enter makes the session known under its id. If the id is taken, the session ends before it began. mu is held.
func (s *Socket) enter() bool {
	if !s.server.sessions.add(s) {
		s.leave()
		return false
	}
	s.entered = true
	s.server.counts.opened.Add(1)
	if s.link == nil {
		s.server.polling.Add(1)
	}
	s.schedule()
	return true
}

// begin asks for the Session. Until it returns, the packets of the client wait for recv.
func (s *Socket) begin() {
	defer s.handled()
	defer s.orphaned()
	session := s.server.accept(s)
	s.mu.Lock()
	s.session = session
	s.mu.Unlock()
	if r := s.server.draining.Load(); r != nil {
		s.Close(*r) // it came in while Drain was looking
	}
}

// orphaned ends a session for which Accept returned nothing, or panicked.
func (s *Socket) orphaned() {
	s.mu.Lock()
	orphan := s.session == nil
	s.mu.Unlock()
	if orphan {
		s.end(ForcedClose, cutOff)
	}
}
