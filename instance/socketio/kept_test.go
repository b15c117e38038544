package socketio_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// debtor is a keeper without a pid that owes new sockets something, and wants to know when they leave.
type debtor struct {
	keeper
	owes bool
	told []string
}

func (d *debtor) Owes() bool { return d.owes }

func (d *debtor) Leaving(s *socketio.Socket, r engineio.Reason) {
	d.told = append(d.told, fmt.Sprint(r, " ", s.Namespace().Len()))
}

// TestDebtor has what a new socket is owed come behind its answer, and before anything else.
func TestDebtor(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		d := &debtor{keeper: keeper{t: r.T}, owes: true}
		ns := r.io.Of("/")
		ns.Number(func() uint64 { return 7 })
		var s *socketio.Socket
		ns.Handle(&notes{t: r, connect: func(sock *socketio.Socket, _ json.RawMessage) error {
			s = sock
			s.Keep(d)
			return nil
		}})
		d.rooms = []string{"back"}
		d.missed, _ = ns.Prepare("missed", func(*socketio.Socket, []json.RawMessage, [][]byte) { d.note("answer") })
		p := r.dial()
		p.send("0")
		p.want()
		d.job()
		p.want(`40{"sid":"`+s.ID()+`"}`, `420["missed"]`)
		if s.Recovered() || !s.In("back") || s.Since() != 0 || s.Kept() != socketio.Recovery(d) {
			r.Errorf("recovered %v, rooms %q, since %d", s.Recovered(), s.Rooms(), s.Since())
		}
		p.send("30[]")
		d.want("answer")
		p.leave()
		if len(d.told) == 0 || d.told[0] != "transport close 1" {
			r.Errorf("told %q", d.told)
		}
	})
}

func TestDebtorThatOwesNothing(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		d := &debtor{keeper: keeper{t: r.T}}
		ns := r.io.Of("/")
		ns.Number(func() uint64 { return 7 })
		ns.Handle(&notes{t: r, connect: func(s *socketio.Socket, _ json.RawMessage) error {
			s.Keep(d)
			return nil
		}})
		p := r.dial()
		p.send("0")
		got := p.take()
		if len(got) != 1 || strings.Contains(got[0], "pid") || d.job != nil {
			r.Errorf("got %q", got)
		}
	})
}

func TestRelayAsking(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		p, s := r.socket("/")
		ns := s.Namespace()
		answers := 0
		ack := func(*socketio.Socket, []json.RawMessage, [][]byte) { answers++ }
		packet, err := ns.RelayAsking(ack, &socketio.Event{Name: "e", Payload: json.RawMessage(`["e",1]`)}, "f")
		if err != nil {
			r.Fatal(err)
		}
		for range 2 { // the second answer to one id counts if it was sent twice
			if err := s.Send(packet); err != nil {
				r.Fatal(err)
			}
			p.want(`420["f",1]`)
			p.send("30[]")
		}
		if answers != 2 {
			r.Errorf("%d answers", answers)
		}
		if _, err := ns.RelayAsking(ack, &socketio.Event{Name: "disconnect", Payload: json.RawMessage(`["disconnect"]`)}, ""); err == nil {
			r.Error("a reserved name was relayed")
		}
	})
}
