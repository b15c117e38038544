package socketio_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/instance/socketio"
)

type inner struct {
	Blob []byte
	Note string
}

type hidden struct{ Promoted []byte }

type pointed struct{ Blob []byte }

type octets []byte

type cycle struct {
	Next *cycle
	Data []byte
}

type outer struct {
	hidden
	Name    string `json:"name"`
	Raw     []byte `json:"raw"`
	Empty   []byte `json:"empty,omitempty"`
	Nil     []byte `json:"nil"`
	Ignored []byte `json:"-"`
	private []byte
	In      *inner
	List    []inner
	Any     any
	Map     map[string]octets
	Pair    [2][]byte
	IP      net.IP
	At      time.Time
	JSON    json.RawMessage
}

func ph(n string) string { return `{"_placeholder":true,"num":` + n + `}` }

func TestArguments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []any
		want  string
		blobs string // joined by |
	}{
		"none":             {nil, `["e"]`, ""},
		"scalars":          {[]any{1, int64(-2), uint64(math.MaxUint64), 1.5, true, nil, "s", uint8(7)}, `["e",1,-2,18446744073709551615,1.5,true,null,"s",7]`, ""},
		"no HTML escapes":  {[]any{"<a&b>", map[string]string{"k": "<a&b>"}}, `["e","<a&b>",{"k":"<a&b>"}]`, ""},
		"line separators":  {[]any{"\u2028\u2029", []string{"\u2028\\u2029", `\u2028`}}, "[\"e\",\"\u2028\u2029\",[\"\u2028\\\\u2029\",\"\\\\u2028\"]]", ""},
		"controls":         {[]any{"\x00\b\f\n\r\t\x1f\x7f\"\\/"}, `["e","\u0000\b\f\n\r\t\u001f` + "\x7f" + `\"\\/"]`, ""},
		"bad UTF-8":        {[]any{"a\xffb", json.RawMessage("\"a\xffb\""), []json.RawMessage{json.RawMessage("\"\xff\"")}}, "[\"e\",\"a\ufffdb\",\"a\ufffdb\",[\"\ufffd\"]]", ""},
		"raw stays":        {[]any{json.RawMessage(`{ "b":1, "a":1e2 }`), json.RawMessage(nil)}, `["e",{ "b":1, "a":1e2 },null]`, ""},
		"raw is not bytes": {[]any{struct{ R json.RawMessage }{json.RawMessage("[1]")}}, `["e",{"R":[1]}]`, ""},
		"numbers stay":     {[]any{json.Number("12345678901234567890.10")}, `["e",12345678901234567890.10]`, ""},
		"blobs":            {[]any{[]byte("x"), []byte{}, []byte(nil), octets("y")}, `["e",` + ph("0") + `,` + ph("1") + `,null,` + ph("2") + `]`, "x||y"},
		"nested":           {[]any{map[string]any{"b": []any{[]byte("1"), "t"}, "a": []byte("0")}, [][]byte{[]byte("2")}}, `["e",{"a":` + ph("0") + `,"b":[` + ph("1") + `,"t"]},[` + ph("2") + `]]`, "0|1|2"},
		"pointers":         {[]any{&inner{[]byte("x"), "n"}, new(*inner)}, `["e",{"Blob":` + ph("0") + `,"Note":"n"},null]`, "x"},
		"sorted keys":      {[]any{map[int][]byte{2: []byte("b"), 10: []byte("a")}}, `["e",{"10":` + ph("0") + `,"2":` + ph("1") + `}]`, "a|b"},
		"base64 is text":   {[]any{base64.StdEncoding.EncodeToString([]byte("something like a mark here"))}, `["e","c29tZXRoaW5nIGxpa2UgYSBtYXJrIGhlcmU="]`, ""},
		"array of numbers": {[]any{[2]byte{1, 2}}, `["e",[1,2]]`, ""},
	} {
		got, blobs, err := socketio.EncodeArgs("e", c.args...)
		if err != nil || got != c.want || string(bytes.Join(blobs, []byte("|"))) != c.blobs {
			t.Errorf("%s:\n got %s %q %v\nwant %s %q", name, got, blobs, err, c.want, c.blobs)
		}
	}
}

func TestBytesInsideStructs(t *testing.T) {
	t.Parallel()
	v := outer{
		hidden: hidden{[]byte("promoted")}, Name: "n", Raw: []byte("raw"), Empty: []byte{}, Ignored: []byte("x"), private: []byte("x"),
		In: &inner{Blob: []byte("in")}, List: []inner{{Note: "none"}, {Blob: []byte("list")}}, Any: []byte("any"),
		Map: map[string]octets{"k": octets("map")}, Pair: [2][]byte{nil, []byte("pair")},
		IP: net.IPv4(1, 2, 3, 4), At: time.Unix(0, 0).UTC(), JSON: json.RawMessage(`"r"`),
	}
	want := `["e",{"Promoted":` + ph("0") + `,"name":"n","raw":` + ph("1") + `,"nil":null,"In":{"Blob":` + ph("2") + `,"Note":""},` +
		`"List":[{"Blob":null,"Note":"none"},{"Blob":` + ph("3") + `,"Note":""}],"Any":` + ph("4") + `,"Map":{"k":` + ph("5") + `},` +
		`"Pair":[null,` + ph("6") + `],"IP":"1.2.3.4","At":"1970-01-01T00:00:00Z","JSON":"r"}]`
	got, blobs, err := socketio.EncodeArgs("e", v)
	if joined := string(bytes.Join(blobs, []byte(" "))); err != nil || got != want || joined != "promoted raw in list any map pair" {
		t.Errorf("got  %s\nwant %s\n%s %v", got, want, joined, err)
	}
	if string(v.Raw) != "raw" || string(v.In.Blob) != "in" || string(v.List[1].Blob) != "list" || string(v.Map["k"]) != "map" || string(v.Promoted) != "promoted" {
		t.Errorf("the caller's value was changed: %+v", v)
	}
}

func TestArgumentsThatCannotBeSent(t *testing.T) {
	t.Parallel()
	loop := &cycle{Data: []byte("x")}
	loop.Next = loop
	branching := map[string]any{}
	branching["a"], branching["b"] = branching, branching
	for name, arg := range map[string]any{
		"function":           func() {},
		"channel":            make(chan int),
		"not a number":       math.NaN(),
		"invalid raw":        json.RawMessage("{"),
		"raw and more":       json.RawMessage(`1,"x"`),
		"cyclic":             loop,
		"cyclic map":         branching,
		"bytes out of reach": struct{ *pointed }{&pointed{[]byte("x")}},
	} {
		if got, _, err := socketio.EncodeArgs("e", "fine", arg); err == nil || !strings.Contains(err.Error(), "argument 2: ") {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	e := socketio.Event{
		Payload:     []byte(`["e",12345678901234567890,{"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0},"s",null]`),
		Attachments: [][]byte{[]byte("x"), {}},
	}
	v, err := e.Values()
	if err != nil {
		t.Fatal(err)
	}
	got, blobs, err := socketio.EncodeArgs("e", v...)
	want := `["e",12345678901234567890,{"a":[` + ph("0") + `]},` + ph("1") + `,"s",null]`
	if err != nil || got != want || string(bytes.Join(blobs, []byte("|"))) != "|x" {
		t.Errorf("got %s %q %v", got, blobs, err)
	}
	if _, err := socketio.Values([]json.RawMessage{[]byte(ph("1"))}, [][]byte{{}}); err == nil {
		t.Error("a placeholder without its attachment")
	}
	if v, err := socketio.Values([]json.RawMessage{[]byte(ph("1"))}, nil); err != nil || v[0].(map[string]any)["num"] != json.Number("1") {
		t.Errorf("without attachments a placeholder is data: %v, %v", v, err)
	}
}

func TestRelay(t *testing.T) {
	bubble(t, socketio.Options{}, func(r *rig) {
		n := r.noted("/b")
		q, other := r.socket("/b")
		n.event = func(s *socketio.Socket, e *socketio.Event) {
			for _, name := range []string{"", "an\"other"} {
				packet, err := s.Namespace().Relay(e, name)
				if err != nil {
					r.Fatal(err)
				}
				_ = other.Send(packet)
			}
			if _, err := s.Namespace().Relay(e, "connect"); err != socketio.ErrReserved {
				r.Errorf("reserved name: %v", err)
			}
		}
		p, _ := r.join("/b,")
		p.send(`2/b,5[ "na\u006de" , {"b":1,"a":1.0} ]`)
		q.want(`42/b,[ "na\u006de" , {"b":1,"a":1.0} ]`, `42/b,["an\"other" , {"b":1,"a":1.0} ]`)
		p.send(`2/b,["a",` + ph("3") + `]`)
		q.want(`42/b,["a",`+ph("3")+`]`, `42/b,["an\"other",`+ph("3")+`]`)
		p.send(`52-/b,["a",` + ph("1") + `]`)
		p.sendBinary("x", "y")
		q.want(`452-/b,["a",`+ph("1")+`]`, "b:x", "b:y", `452-/b,["an\"other",`+ph("1")+`]`, "b:x", "b:y")
		for _, payload := range []string{"", "{}", "[]", `["a"`, `["connect"]`} {
			if _, err := other.Namespace().Relay(&socketio.Event{Payload: []byte(payload)}, ""); err == nil {
				t.Errorf("%q was relayed", payload)
			}
		}
		made, err := other.Namespace().Relay(&socketio.Event{Name: "made", Payload: []byte(`["made",1]`)}, "")
		if err != nil {
			r.Fatal(err)
		}
		_ = other.Send(made)
		q.want(`42/b,["made",1]`)
	})
}
