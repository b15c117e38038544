package socketio_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sockd/sockd/instance/engineio"
	"github.com/sockd/sockd/instance/socketio"
)

// blobbed replaces the strings in v that begin with "b" by bytes. Maps that look like placeholders are emptied: they cannot be told
// from real ones, which is the protocol's weakness and not the encoder's.
func blobbed(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, "b") {
			return []byte(v)
		}
	case []any:
		for i := range v {
			v[i] = blobbed(v[i])
		}
	case map[string]any:
		if v["_placeholder"] != nil {
			clear(v)
		}
		for k := range v {
			v[k] = blobbed(v[k])
		}
	}
	return v
}

// FuzzArgs checks that what is encoded can be decoded to the same, and that without bytes it is what encoding/json makes of it.
func FuzzArgs(f *testing.F) {
	for _, seed := range []string{`null`, `"\u2028<\\u2029"`, `{"b":["b","bb",{"x":"b"}],"a":-1.50e3}`, `[[],{},"",true]`, `"\ud800\u0000"`, `["b","AAAA"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d := json.NewDecoder(bytes.NewReader(p))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return
		}
		plain, _, err := socketio.EncodeArgs("e", v)
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := json.Marshal([]any{"e", v}); !same(t, []byte(plain), want) {
			t.Errorf("got %s, want %s", plain, want)
		}
		v = blobbed(v)
		text, blobs, err := socketio.EncodeArgs("e", v)
		if err != nil {
			t.Fatal(err)
		}
		if !socketio.PlaceholdersFit([]byte(text), len(blobs)) {
			t.Errorf("placeholders of %s do not fit %d blobs", text, len(blobs))
		}
		e := socketio.Event{Payload: []byte(text), Attachments: blobs}
		if got, err := e.Values(); err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], v) {
			t.Errorf("%s %q: got %#v, %v; want %#v", text, blobs, got, err, v)
		}
	})
}

func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

// FuzzConversation sends messages, split at line ends, those that begin with "b" as binary. Whatever comes, every event has the attachments
// that its placeholders name, another client goes on unharmed, and nothing is left behind.
func FuzzConversation(f *testing.F) {
	f.Add("0\n2[\"a\",1]\n51-[\"a\",{\"_placeholder\":true,\"num\":0}]\nbxyz\n1\n0/b,{}\n2/b,7[\"x\"]")
	f.Add("0\n52-3[\"a\"]\nb\nb\n51-[\"a\"]\n2[\"b\"]")
	f.Add("0\n61-0[{\"_placeholder\":true,\"num\":0}]\nb\n30[]")
	f.Fuzz(func(t *testing.T, script string) {
		synctest.Test(t, func(t *testing.T) {
			io := socketio.NewServer(socketio.Options{MaxPending: 100})
			var m checker
			m.t = t
			io.Of("/").Handle(&m)
			io.Of("/b").Handle(&m)
			host := newMute(io)
			other, c := host.dial(t), host.dial(t)
			other.frame(true, []byte("40"))
			for line := range strings.SplitSeq(script, "\n") {
				if blob, ok := strings.CutPrefix(line, "b"); ok {
					c.frame(false, []byte(blob))
				} else {
					c.frame(true, []byte("4"+line))
				}
			}
			before := m.events
			other.frame(true, []byte(`42["still here"]`))
			if m.events != before+1 {
				t.Error("the other client is not heard any more")
			}
			c.gone(nil)
			other.gone(nil)
			for _, ns := range io.Namespaces() {
				if sockets, ids, rooms := ns.Residue(); sockets+ids+rooms != 0 {
					t.Errorf("left: %d, %d, %d", sockets, ids, rooms)
				}
			}
			if m.joined != 0 {
				t.Errorf("%d more Connect than Disconnect", m.joined)
			}
		})
	})
}

type checker struct {
	socketio.Mux
	t              *testing.T
	joined, events int
}

// Connected implements socketio.Handler.
func (m *checker) Connected(s *socketio.Socket) {
	m.joined++
	s.Join("room")
	p, err := s.Namespace().Prepare("ask", func(_ *socketio.Socket, args []json.RawMessage, blobs [][]byte) {
		if _, err := socketio.Values(args, blobs); err != nil {
			m.t.Error(err)
		}
	})
	if err == nil {
		_ = s.Send(p) // it may be gone
	}
}

// Event implements socketio.Handler.
func (m *checker) Event(s *socketio.Socket, e *socketio.Event) {
	m.events++
	v, err := e.Values()
	if err != nil {
		m.t.Errorf("%s: %v", e.Payload, err)
	}
	if p, err := s.Namespace().Relay(e, ""); err != nil || p.Len() < len(e.Payload) {
		m.t.Errorf("relay: %v", err)
	}
	_ = e.Ack(v...)
}

// Disconnect implements socketio.Handler.
func (m *checker) Disconnect(s *socketio.Socket, _ engineio.Reason) {
	m.joined--
	if !s.In("room") {
		m.t.Error("rooms are gone before Disconnect")
	}
}
