package instance

import (
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/socketio"
)

// pace is the token bucket of one client, over all its namespaces. It is kept with the connection, and only used while that is handing over a
// message, which it does one at a time. Nothing refills it but the next event's look at the clock.
type pace struct {
	tokens float64
	at     time.Time
}

// take reports whether one more event fits at the moment now.
func (p *pace) take(now time.Time, rate, burst float64) bool {
	if p.at.IsZero() {
		p.tokens = burst
	} else if d := now.Sub(p.at); d > 0 {
		p.tokens = min(p.tokens+d.Seconds()*rate, burst)
	}
	p.at = now
	if p.tokens < 1 {
		return false
	}
	p.tokens--
	return true
}

// paced reports whether an event of s may go on. One that is too many is counted, and dropped or the end of the client; a client that waits for
// an acknowledgement is told.
func (in *Instance) paced(s *socketio.Socket, e *socketio.Event, l *config.Limits) bool {
	if l.EventsPerSecond <= 0 {
		return true
	}
	burst := l.Burst
	if burst <= 0 {
		burst = l.EventsPerSecond
	}
	if in.link(s).pace.take(time.Now(), float64(l.EventsPerSecond), float64(burst)) {
		return true
	}
	in.counts.refuse(overRate)
	if l.OnExceed == "disconnect" {
		s.Disconnect(true)
	} else if e.WantsAck() {
		_ = e.Ack(refusal("rate_limited", "too many events")) // a client that has left needs none
	}
	return false
}

// refusal is the argument with which a refused event is acknowledged.
func refusal(code, message string) any {
	type body struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	return struct {
		Error body `json:"error"`
	}{body{code, message}}
}
