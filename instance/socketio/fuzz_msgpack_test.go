package socketio_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/sockd/sockd/instance/socketio"
)

// FuzzMsgpackPacket checks that no bytes harm the decoder, and that a packet which it accepts means the same when it is written again, from its
// msgpack and, if it has nothing that JSON has no word for, from its JSON.
func FuzzMsgpackPacket(f *testing.F) {
	packets, _ := msgpackVectors(f)
	for _, v := range packets {
		f.Add([]byte(v.packet))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d, blobs, err := socketio.DecodePacked(p)
		if err != nil {
			return
		}
		if d.Data != "" && !json.Valid([]byte(d.Data)) {
			t.Fatalf("not JSON: %s", d.Data)
		}
		if len(blobs) > 0 && !socketio.PlaceholdersFit([]byte(d.Data), len(blobs)) {
			t.Errorf("placeholders of %s do not fit %d blobs", d.Data, len(blobs))
		}
		again := socketio.RelayPacked(p, "", false)
		if again == nil {
			return
		}
		if got, more, err := socketio.DecodePacked(again); err != nil || got != d || !reflect.DeepEqual(more, blobs) {
			t.Errorf("%x\nas %+v %q\nagain %x\nas %+v %q, %v", p, d, blobs, again, got, more, err)
		}
		fromJSON := socketio.RelayPacked(p, "", true)
		if fromJSON == nil && socketio.Reserved(d.Name) {
			return
		}
		got, more, err := socketio.DecodePacked(fromJSON)
		if err != nil || len(more) != len(blobs) || !sameNumbers(t, got.Data, d.Data) {
			t.Errorf("%x\nas  %+v %q\nfrom JSON %x\nas  %+v %q, %v", p, d, blobs, fromJSON, got, more, err)
		}
		if renamed, _, err := socketio.DecodePacked(socketio.RelayPacked(p, "other", false)); err != nil || renamed.Name != "other" || renamed.ID != d.ID {
			t.Errorf("renamed: %+v, %v", renamed, err)
		}
	})
}

// sameNumbers reports whether two JSON texts are equal as float64 sees them. Of equal keys nothing is said.
func sameNumbers(t *testing.T, a, b string) bool {
	t.Helper()
	return duplicateKeys(a) || same(t, []byte(a), []byte(b))
}

// duplicateKeys reports whether an object of p has a key twice, which Go's decoder merges.
func duplicateKeys(p string) bool {
	d := json.NewDecoder(strings.NewReader(p))
	var open []map[string]bool // nil for an array
	key := false
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'):
			open, key = append(open, map[string]bool{}), true
			continue
		case json.Delim('['):
			open, key = append(open, nil), false
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if s, ok := tok.(string); ok && key {
				top := open[len(open)-1]
				if top[s] {
					return true
				}
				top[s], key = true, false
				continue
			}
		}
		key = len(open) > 0 && open[len(open)-1] != nil
	}
}

// FuzzMsgpackToJSON checks the JSON of any value against what encoding/json makes of a tree that is decoded by other code.
func FuzzMsgpackToJSON(f *testing.F) {
	packets, values := msgpackVectors(f)
	for _, v := range packets {
		f.Add([]byte(v.packet))
	}
	for _, v := range values {
		f.Add([]byte(v.want))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got, blobs, ok := socketio.Unpack(p)
		if !ok {
			return
		}
		tree, rest := reference(p)
		if len(rest) > 0 {
			t.Fatalf("%x left of %x", rest, p)
		}
		c := comparison{blobs: len(blobs) > 0}
		v, comparable := c.plain(tree)
		if !comparable {
			return
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if !same(t, []byte(got), want) || len(blobs) != c.n {
			t.Errorf("%x\n got %s\nwant %s", p, got, want)
		}
	})
}

// comparison makes of a tree what encoding/json can write.
type comparison struct {
	blobs bool
	n     int
}

// plain is false for objects whose keys are not all different strings, for which there is no map.
func (c *comparison) plain(v any) (_ any, comparable bool) {
	switch v := v.(type) {
	case undefined:
		return nil, true
	case date:
		if math.Abs(float64(v)) > 8.64e15 {
			return nil, true
		}
		s := time.UnixMilli(int64(v)).UTC()
		if s.Year() < 0 || s.Year() > 9999 {
			return nil, false
		}
		return s.Format("2006-01-02T15:04:05.000Z"), true
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, true
		}
	case []byte:
		c.n++
		return map[string]any{"_placeholder": true, "num": c.n - 1}, true
	case []any:
		for i := range v {
			if v[i], comparable = c.plain(v[i]); !comparable {
				return nil, false
			}
		}
	case [][2]any:
		m := make(map[string]any, len(v))
		for _, pair := range v {
			key, ok := pair[0].(string)
			if _, twice := m[key]; !ok || twice || key == "_placeholder" && c.blobs {
				return nil, false
			}
			if _, ok := pair[1].(undefined); ok {
				continue
			}
			if m[key], comparable = c.plain(pair[1]); !comparable {
				return nil, false
			}
		}
		return m, true
	}
	return v, true
}

// FuzzJSONToMsgpack checks that any JSON comes back as what it was, with bytes in the place of the strings that begin with "b".
func FuzzJSONToMsgpack(f *testing.F) {
	_, values := msgpackVectors(f)
	for _, v := range values {
		f.Add([]byte(v.packet))
	}
	for _, seed := range []string{` [ { "a" : [ ] , "b" : { } } , "b" , -0 , 1e400 , "\ud800\u0000" ] `, `{"a":1,"a":[2]}`, `[1e20,18446744073709551615,-9223372036854775808]`, ph("0")} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		packed, err := socketio.Pack(string(p))
		if err != nil {
			if json.Valid(p) {
				t.Fatal(err)
			}
			return
		}
		got, blobs, ok := socketio.Unpack(packed)
		if !ok || len(blobs) > 0 {
			if bytes.Count(p, []byte("["))+bytes.Count(p, []byte("{")) < socketio.Deepest {
				t.Fatalf("%s as %x is not accepted", p, packed)
			}
			return
		}
		var v any
		d := json.NewDecoder(bytes.NewReader(p))
		d.UseNumber()
		if d.Decode(&v) != nil {
			return
		}
		if !bytes.ContainsAny(p, "eE") && utf8.Valid(p) && !duplicateKeys(string(p)) && !same(t, []byte(got), p) {
			t.Errorf("%s came back as %s", p, got)
		}
		v = blobbed(v)
		viaGo, err := socketio.PackArgs("e", v)
		if err != nil {
			t.Fatal(err)
		}
		plain, want, err := socketio.EncodeArgs("e", v)
		if err != nil {
			t.Fatal(err)
		}
		got, blobs, _ = socketio.Unpack(viaGo)
		if len(blobs) != len(want) || !bytes.Equal(bytes.Join(blobs, []byte{0}), bytes.Join(want, []byte{0})) {
			t.Errorf("%s: got %s %q, want %s %q", p, got, blobs, plain, want)
		}
	})
}

// FuzzMsgpackConversation sends one message to a joined client's server. Whatever it is, another client goes on unharmed and nothing is left.
func FuzzMsgpackConversation(f *testing.F) {
	packets, _ := msgpackVectors(f)
	for _, v := range packets {
		f.Add([]byte(v.packet))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		synctest.Test(t, func(t *testing.T) {
			io := socketio.NewServer(msgpack)
			m := packedChecker{checker{t: t}}
			io.Of("/").Handle(&m)
			host := newMute(io)
			other, c := host.dial(t), host.dial(t)
			other.frame(false, connectPacked("/"))
			c.frame(false, connectPacked("/"))
			c.frame(false, p)
			before := m.events
			still, err := socketio.Pack(`{"type":2,"data":["still here"],"nsp":"/"}`)
			if err != nil {
				t.Fatal(err)
			}
			other.frame(false, still)
			if m.events != before+1 {
				t.Error("the other client is not heard any more")
			}
			c.gone(nil)
			other.gone(nil)
			if sockets, ids, rooms := io.Of("/").Residue(); sockets+ids+rooms != 0 || m.joined != 0 {
				t.Errorf("left: %d, %d, %d; %d more Connect than Disconnect", sockets, ids, rooms, m.joined)
			}
		})
	})
}

// packedChecker knows that clients of msgpack may use reserved names.
type packedChecker struct{ checker }

// Event implements socketio.Handler.
func (m *packedChecker) Event(s *socketio.Socket, e *socketio.Event) {
	m.events++
	v, err := e.Values()
	if err != nil {
		m.t.Errorf("%s: %v", e.Payload, err)
	}
	if _, err := s.Namespace().Relay(e, ""); err != nil && err != socketio.ErrReserved {
		m.t.Errorf("relay: %v", err)
	}
	_ = e.Ack(v...)
}
