package socketio_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// keeper is a Recoverer of one socket. Its lane is whoever calls run.
type keeper struct {
	t     *testing.T
	calls []string
	none  bool // keep nothing

	id, pid string
	rooms   []string
	holder  *socketio.Socket
	job     func()
	missed  *socketio.Packet
	fail    error
	pruned  bool
}

func (k *keeper) note(format string, args ...any) {
	k.calls = append(k.calls, fmt.Sprintf(format, args...))
}

func (k *keeper) Begin(s *socketio.Socket, pid string) socketio.Recovery {
	if k.none {
		return nil
	}
	k.id, k.pid, k.holder = s.ID(), pid, s
	return k
}

func (k *keeper) Claim(pid, offset string, seen bool, adopt func(string, socketio.Recovery) *socketio.Socket) *socketio.Socket {
	k.note("claim %q %v", offset, seen)
	if pid != k.pid {
		return nil
	}
	if k.holder == nil {
		k.holder = adopt(k.id, k)
		return nil
	}
	return k.holder
}

func (k *keeper) PID() string { return k.pid }

func (k *keeper) Resume(_ *socketio.Socket, back func([]string, *socketio.Packet, bool)) error {
	k.job = func() { back(k.rooms, k.missed, !k.pruned) }
	return k.fail
}

func (k *keeper) Save(s *socketio.Socket, rooms []string, r engineio.Reason) {
	if k.holder == s {
		k.note("save %q %s", rooms, r)
		k.holder, k.rooms = nil, rooms
	}
}

func (k *keeper) Release(s *socketio.Socket, r engineio.Reason) {
	if k.holder == s {
		k.note("release %s", r)
		k.holder = nil
	}
}

func (k *keeper) want(calls ...string) {
	k.t.Helper()
	if !slices.Equal(k.calls, calls) {
		k.t.Errorf("calls %q, want %q", k.calls, calls)
	}
	k.calls = nil
}

// kept runs f with one client, in the room "r", that can be recovered.
func kept(t *testing.T, f func(r *rig, k *keeper, p *peer)) {
	t.Helper()
	bubble(t, socketio.Options{}, func(r *rig) {
		k := &keeper{t: r.T}
		ns := r.io.Of("/")
		ns.Recover(k)
		p := r.dial()
		p.send("0")
		p.want(fmt.Sprintf(`40{"sid":"%s","pid":"%s"}`, k.id, k.pid))
		ns.Lookup(k.id).Join("r")
		f(r, k, p)
	})
}

// connect is the CONNECT of the client that comes back.
func (k *keeper) connect() string { return `0{"pid":"` + k.pid + `","offset":"o"}` }

func TestResumedSocket(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		ns := r.io.Of("/")
		p.leave()
		k.want(`save ["r"] transport close`)
		k.missed, _ = ns.Prepare("missed", nil)
		q := r.dial()
		q.send(k.connect())
		q.want() // not before it is its turn
		if ns.Len() != 0 {
			r.Error("it is inside already")
		}
		k.job()
		q.want(`42["missed"]`, fmt.Sprintf(`40{"sid":"%s","pid":"%s"}`, k.id, k.pid))
		s := ns.Lookup(k.id)
		if !s.Recovered() || !s.In("r") || s.Since() != 0 {
			r.Errorf("recovered %v, rooms %q", s.Recovered(), s.Rooms())
		}
		k.want(`claim "o" true`)
		q.send("1")
		k.want(`save ["r"] client namespace disconnect`)
	})
}

func TestSocketOfAnotherConnectionIsPutOut(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		q := r.dial()
		q.send(k.connect())
		k.job()
		p.wantClosed()
		k.want(`claim "o" true`, `save ["r"] transport close`, `claim "o" true`)
		if got := q.take(); len(got) != 1 || !strings.Contains(got[0], k.id) {
			r.Errorf("got %q", got)
		}
	})
}

func TestClaimedSocketThatLeavesBeforeItsTurn(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		p.leave()
		q := r.dial()
		q.send(k.connect())
		q.leave()
		k.job()
		k.want(`save ["r"] transport close`, `claim "o" true`, "release transport close")
		if len(k.rooms) != 1 || r.io.Of("/").Len() != 0 {
			r.Errorf("rooms %q, %d sockets", k.rooms, r.io.Of("/").Len())
		}
	})
}

type unwelcoming struct{ socketio.Mux }

func (*unwelcoming) Connect(*socketio.Socket, json.RawMessage) error { return errors.New("no") }

func TestHandlerDecidesAboutRecoveredClients(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		p.leave()
		r.io.Of("/").Handle(new(unwelcoming))
		q := r.dial()
		q.send(k.connect())
		q.want(`44{"message":"no"}`)
		k.want(`save ["r"] transport close`, `claim "o" true`, "release transport close")
	})
}

func TestSocketThatCannotBeResumedIsCut(t *testing.T) {
	for name, set := range map[string]func(*keeper){
		"its lane is full":       func(k *keeper) { k.fail = errors.New("full") },
		"events are gone by now": func(k *keeper) { k.pruned = true },
	} {
		t.Run(name, func(t *testing.T) {
			kept(t, func(r *rig, k *keeper, p *peer) {
				p.leave()
				set(k)
				q := r.dial()
				q.send(k.connect())
				if k.pruned {
					k.job()
				}
				q.wantClosed()
				k.want(`save ["r"] transport close`, `claim "o" true`, "release forced close")
			})
		})
	}
}

// fragile panics when a socket is in.
type fragile struct{ socketio.Mux }

func (*fragile) Connected(*socketio.Socket) { panic("handler") }

func TestPanicOfTheHandlerOnTheLane(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		p.leave()
		r.io.Of("/").Handle(new(fragile))
		q := r.dial()
		q.send(k.connect())
		func() {
			defer func() {
				if recover() == nil {
					r.Error("the lane does not hear of it")
				}
			}()
			k.job()
		}()
		q.wantClosed()
		k.want(`save ["r"] transport close`, `claim "o" true`, `save ["r"] forced close`)
	})
}

// The fields of a CONNECT are read as encoding/json reads them, but by their exact names.
func FuzzResumption(f *testing.F) {
	for _, s := range []string{``, `{}`, `{"pid":"a"}`, `{"pid":"a","offset":"b"}`, `{"pid":"a","offset":null}`, `{"pid":"a","offset":1,"x":{"pid":2}}`,
		`{"PID":"a"}`, `{"pid":"a","pid":1}`, `{"pid":1,"pid":"a"}`, `{"pid":"\ud800"}`, `["pid"]`, `"pid"`, `{"pid":["pid"]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, auth []byte) {
		pid, offset, seen := socketio.Resumption(auth)
		if pid == "" {
			if offset != "" || seen {
				t.Errorf("offset %q without a pid", offset)
			}
			return
		}
		var fields map[string]any
		if err := json.Unmarshal(auth, &fields); err != nil {
			t.Fatalf("%q: %v", auth, err)
		}
		text, isText := fields["offset"].(string)
		if fields["pid"] != pid || seen != (fields["offset"] != nil) || isText && text != offset {
			t.Errorf("%q: pid %q, offset %q, %v", auth, pid, offset, seen)
		}
	})
}

func TestWithoutASessionTheClientIsNew(t *testing.T) {
	kept(t, func(r *rig, k *keeper, p *peer) {
		pid, id := k.pid, k.id
		for _, auth := range []string{`{"pid":"x"}`, `{"pid":""}`, `{"pid":null}`, `{"PID":"` + pid + `"}`, `{"x":{"pid":"` + pid + `"}}`, ``} {
			k.none = true
			q := r.dial()
			q.send("0" + auth)
			if got := q.take(); len(got) != 1 || strings.Contains(got[0], "pid") || strings.Contains(got[0], id) {
				r.Errorf("%s: got %q", auth, got)
			}
		}
		k.want(`claim "" false`)
		r.io.Of("/").Recover(nil)
		q := r.dial()
		q.send(`0{"pid":"` + pid + `"}`)
		k.want()
	})
}

func TestStampedPackets(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		p, s := r.socket("/")
		ns := s.Namespace()
		const mark, stamp = "e-000", "e-123"
		for _, c := range []struct{ payload, want string }{
			{`["a"]`, `42["a","e-123"]`},
			{`["a","e-000"]`, `42["a","e-000","e-123"]`},
			{`["a",["e-000"]] `, `42["a",["e-000"],"e-123"]`},
			{`[1,{}]`, `42[1,{},"e-123"]`},
		} {
			k, err := ns.RelayStamped(mark, &socketio.Event{Payload: json.RawMessage(c.payload)}, "")
			if err != nil {
				r.Fatal(err)
			}
			k.Stamp([]byte(stamp))
			_ = s.Send(k)
			p.want(c.want)
		}
		k, err := ns.PrepareStamped(mark, "n", []byte(mark), mark)
		if err != nil {
			r.Fatal(err)
		}
		k.Stamp([]byte(stamp))
		_ = s.Send(k)
		p.want(`451-["n",{"_placeholder":true,"num":0},"e-000","e-123"]`, "b:e-000")
		if _, err := ns.PrepareStamped(mark, "connect"); !errors.Is(err, socketio.ErrReserved) {
			r.Error(err)
		}
		if _, err := ns.RelayStamped(mark, &socketio.Event{Payload: []byte("{")}, ""); err == nil {
			r.Error("a bad payload was relayed")
		}
	})
}

func TestStampedMsgpack(t *testing.T) {
	bubble(t, socketio.Options{Parser: socketio.Msgpack}, func(r *rig) {
		ns := r.io.Of("/")
		join, err := socketio.Pack(`{"type":0,"nsp":"/"}`)
		if err != nil {
			r.Fatal(err)
		}
		p := r.dial()
		p.sendBinary(string(join))
		p.take()
		prepared, err := ns.PrepareStamped("e-000", "n", []byte("e-000"), "e-000")
		if err != nil {
			r.Fatal(err)
		}
		relayed, err := ns.RelayStamped("e-000", &socketio.Event{Payload: json.RawMessage(`["r",{"a":"e-000"}]`)}, "other")
		if err != nil {
			r.Fatal(err)
		}
		for k, want := range map[*socketio.Packet]string{
			prepared: `["n",{"_placeholder":true,"num":0},"e-000","e-123"]`,
			relayed:  `["other",{"a":"e-000"},"e-123"]`,
		} {
			k.Stamp([]byte("e-123"))
			for i := range ns.Shards() {
				ns.Each(i, socketio.Selector{}, func(s *socketio.Socket) { _ = s.Send(k) })
			}
			got := p.take()
			if len(got) != 1 {
				r.Fatalf("got %q", got)
			}
			if d, _, err := socketio.DecodePacked([]byte(strings.TrimPrefix(got[0], "b:"))); err != nil || d.Data != want {
				r.Errorf("got %s, %v, want %s", d.Data, err, want)
			}
		}
	})
}
