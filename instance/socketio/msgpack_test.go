package socketio_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

// msgpackVectors reads testdata/msgpack.txt: packets with what the reference makes of them, and values with how it writes them.
func msgpackVectors(t testing.TB) (packets, values []vector) {
	t.Helper()
	file, err := os.ReadFile("testdata/msgpack.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if packet, want, ok := strings.Cut(line, " => "); ok {
			packets = append(packets, vector{string(unhex(t, packet)), want})
		} else if i := strings.LastIndex(line, " -> "); i > 0 {
			values = append(values, vector{line[:i], string(unhex(t, line[i+4:]))})
		}
	}
	return packets, values
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stricter holds the vectors that the reference accepts and that are refused here, with what is wrong about them.
var stricter = map[string]string{
	"83a47479706502a36e7370a12fa46461746192a161a2ff62": "text that is not UTF-8",
}

func TestMsgpackPackets(t *testing.T) {
	t.Parallel()
	packets, _ := msgpackVectors(t)
	if len(packets) < 100 {
		t.Fatalf("%d vectors", len(packets))
	}
	for _, v := range packets {
		got := "refused"
		if d, _, err := socketio.DecodePacked([]byte(v.packet)); err == nil {
			got = describe(d)
		}
		want := v.want
		if stricter[hex.EncodeToString([]byte(v.packet))] != "" {
			want = "refused"
		}
		if strings.HasPrefix(want, "CONNECT_ERROR ") { // its payload is of no interest
			want = want[:strings.LastIndex(want, " ")] + " -"
		}
		if got != want {
			t.Errorf("%x:\n got %s\nwant %s", v.packet, got, want)
		}
	}
}

func TestMsgpackValues(t *testing.T) {
	t.Parallel()
	_, values := msgpackVectors(t)
	if len(values) < 40 {
		t.Fatalf("%d vectors", len(values))
	}
	for _, v := range values {
		if got, err := socketio.Pack(v.packet); err != nil || string(got) != v.want {
			t.Errorf("%s:\n got %x, %v\nwant %x", v.packet, got, err, v.want)
		}
	}
}

func TestMsgpackBeyondTheReference(t *testing.T) {
	t.Parallel()
	packet := func(data string) string { return "83a47479706502a36e7370a12fa464617461" + data }
	deep := func(n int) string {
		return packet("92a161" + strings.Repeat("91", n) + "c0")
	}
	for name, c := range map[string]struct{ packet, want string }{
		"the largest id":             {"84a47479706502a36e7370a12fa26964cfffffffffffffffffa46461746191a161", `EVENT / 18446744073709551615 0 ["a"]`},
		"a negative id":              {"84a47479706502a36e7370a12fa26964ffa46461746191a161", "refused"},
		"an id of more than 64 bits": {"84a47479706502a36e7370a12fa26964cb43f0000000000000a46461746191a161", "refused"},
		"an id that is no number":    {"84a47479706502a36e7370a12fa26964cb7ff8000000000000a46461746191a161", "refused"},
		"whole numbers of 64 bits":   {packet("93a161cfffffffffffffffffd38000000000000000"), `EVENT / - 0 ["a",18446744073709551615,-9223372036854775808]`},
		"a float of 32 bits":         {packet("92a161ca3dcccccd"), `EVENT / - 0 ["a",0.10000000149011612]`},
		"a container as a key":       {packet("92a1618190c0"), "refused"},
		"a date as a key":            {packet("92a16181d7000000000000000000c0"), "refused"},
		"undefined as a key":         {packet("92a16181d4000001"), `EVENT / - 0 ["a",{"undefined":1}]`},
		"numbers that are none":      {packet("92a16183cb7ff800000000000001cb7ff000000000000002cbfff000000000000003"), `EVENT / - 0 ["a",{"NaN":1,"Infinity":2,"-Infinity":3}]`},
		"as deep as allowed":         {deep(socketio.Deepest - 2), ""},
		"deeper":                     {deep(socketio.Deepest - 1), "refused"},
		"endless nesting":            {packet(strings.Repeat("91", 100_000)), "refused"},
		"a bomb of an array":         {packet("ddffffffff"), "refused"},
		"a bomb of a map":            {packet("92a161dfffffffff"), "refused"},
		"a bomb of a string":         {packet("92a161dbffffffff61"), "refused"},
		"a bomb of bytes":            {packet("92a161c6ffffffff61"), "refused"},
		"a bomb of an extension":     {packet("92a161c9ffffffff0061"), "refused"},
		"half a date":                {packet("92a161d70000000000"), "refused"},
		"an extension without bytes": {packet("92a161d400"), "refused"},
		"no name":                    {packet("91c0"), "EVENT / - 0 [null]"},
		"a float as name":            {packet("91cb3ff8000000000000"), "EVENT / - 0 [1.5]"},
		"a placeholder as data":      {packet("92a16182ac5f706c616365686f6c646572c3a36e756d00"), `EVENT / - 0 ["a",{"_placeholder":true,"num":0}]`},
		"and beside bytes":           {packet("93a161c40082ac5f706c616365686f6c646572c3a36e756d05"), `EVENT / - 1 ["a",{"_placeholder":true,"num":0},{"_placeholder":false,"num":5}]`},
		"bytes in CONNECT":           {"83a47479706500a36e7370a12fa46461746181a162c403010203", `CONNECT / - 0 {"b":"AQID"}`},
		"a namespace of bad UTF-8":   {"83a47479706500a36e7370a22ffea46461746180", "refused"},
	} {
		d, _, err := socketio.DecodePacked(unhex(t, c.packet))
		got := "refused"
		if err == nil {
			got = describe(d)
		}
		if c.want != "" && got != c.want || c.want == "" && err != nil {
			t.Errorf("%s: got %.200s, want %s", name, got, c.want)
		}
	}
}

func TestMsgpackLengths(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536} {
		text := `"` + strings.Repeat("x", n) + `"`
		array := "[" + strings.TrimSuffix(strings.Repeat("0,", n), ",") + "]"
		for _, in := range []string{text, array} {
			p, err := socketio.Pack(in)
			if err != nil {
				t.Fatal(err)
			}
			if got, _, ok := socketio.Unpack(p); !ok || got != in {
				t.Errorf("%d of %c: got %.50s", n, in[0], got)
			}
			if _, _, ok := socketio.Unpack(p[:len(p)-1]); ok && n > 0 {
				t.Errorf("%d of %c, cut: accepted", n, in[0])
			}
		}
		blob := bytes.Repeat([]byte{7}, n)
		p, err := socketio.Pack(ph("0"), blob)
		if err != nil {
			t.Fatal(err)
		}
		if got, blobs, ok := socketio.Unpack(p); !ok || got != ph("0") || len(blobs) != 1 || !bytes.Equal(blobs[0], blob) {
			t.Errorf("%d bytes: got %s", n, got)
		}
	}
}

// The same values as for the default parser, seen through what a client decodes.
func TestMsgpackArguments(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args  []any
		want  string
		blobs string // joined by |
	}{
		"none":            {nil, `["e"]`, ""},
		"scalars":         {[]any{1, int64(-2), uint64(math.MaxUint64), 1.5, true, nil, "s", uint8(7)}, `["e",1,-2,18446744073709551615,1.5,true,null,"s",7]`, ""},
		"bad UTF-8":       {[]any{"a\xffb", json.RawMessage("\"a\xffb\"")}, "[\"e\",\"a\ufffdb\",\"a\ufffdb\"]", ""},
		"raw":             {[]any{json.RawMessage(` { "b":1 , "a":[ 1e2 , {} ] } `), json.RawMessage(nil)}, `["e",{"b":1,"a":[100,{}]},null]`, ""},
		"escapes":         {[]any{json.RawMessage(`{"\u0061":"\ud83d\ude00\n"}`)}, `["e",{"a":"😀\n"}]`, ""},
		"large numbers":   {[]any{json.Number("18446744073709551616"), json.Number("1e400"), json.Number("-9223372036854775809")}, `["e",18446744073709552000,null,-9223372036854775808]`, ""},
		"blobs":           {[]any{[]byte("x"), []byte{}, []byte(nil), octets("y")}, `["e",` + ph("0") + `,` + ph("1") + `,null,` + ph("2") + `]`, "x||y"},
		"nested":          {[]any{map[string]any{"b": []any{[]byte("1"), "t"}, "a": []byte("0")}, [][]byte{[]byte("2")}}, `["e",{"a":` + ph("0") + `,"b":[` + ph("1") + `,"t"]},[` + ph("2") + `]]`, "0|1|2"},
		"no placeholders": {[]any{json.RawMessage(ph("7"))}, `["e",` + ph("7") + `]`, ""},
	} {
		p, err := socketio.PackArgs("e", c.args...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, blobs, ok := socketio.Unpack(p)
		if !ok || got != c.want || string(bytes.Join(blobs, []byte("|"))) != c.blobs {
			t.Errorf("%s:\n got %s %q %v\nwant %s %q", name, got, blobs, ok, c.want, c.blobs)
		}
	}
	for name, arg := range map[string]any{"function": func() {}, "not a number": math.NaN(), "invalid raw": json.RawMessage("{")} {
		if _, err := socketio.PackArgs("e", "fine", arg); err == nil || !strings.Contains(err.Error(), "argument 2: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := socketio.Pack(ph("1"), []byte("x")); err == nil {
		t.Error("a placeholder without its attachment")
	}
}

// undefined and date are what only msgpack knows.
type (
	undefined struct{}
	date      int64
)

// reference decodes msgpack that is known to be valid into a tree, as plainly as can be, for comparison.
func reference(p []byte) (v any, rest []byte) {
	c, p := p[0], p[1:]
	number := func(n int) (u uint64) {
		for _, b := range p[:n] {
			u = u<<8 | uint64(b)
		}
		p = p[n:]
		return u
	}
	take := func(n uint64) []byte {
		b := p[:n]
		p = p[n:]
		return b
	}
	list := func(n uint64) any {
		all := make([]any, n)
		for i := range all {
			all[i], p = reference(p)
		}
		return all
	}
	object := func(n uint64) any {
		all := make([][2]any, n)
		for i := range all {
			all[i][0], p = reference(p)
			all[i][1], p = reference(p)
		}
		return all
	}
	extension := func(n uint64, kind int8, fixed bool) any {
		b := take(n)
		switch {
		case kind != 0:
		case !fixed:
			return b
		case n == 1:
			return undefined{}
		case n == 8:
			return date(binary.BigEndian.Uint64(b))
		}
		return []any{int64(kind), b}
	}
	switch {
	case c < 0x80:
		v = uint64(c)
	case c < 0x90:
		v = object(uint64(c & 15))
	case c < 0xa0:
		v = list(uint64(c & 15))
	case c < 0xc0:
		v = string(take(uint64(c & 31)))
	case c >= 0xe0:
		v = int64(int8(c))
	default:
		switch c {
		case 0xc2, 0xc3:
			v = c == 0xc3
		case 0xc4, 0xc5, 0xc6:
			v = take(number(1 << (c - 0xc4)))
		case 0xc7, 0xc8, 0xc9:
			n := number(1 << (c - 0xc7))
			v = extension(n, int8(number(1)), false)
		case 0xca:
			v = float64(math.Float32frombits(uint32(number(4))))
		case 0xcb:
			v = math.Float64frombits(number(8))
		case 0xcc, 0xcd, 0xce, 0xcf:
			v = number(1 << (c - 0xcc))
		case 0xd0:
			v = int64(int8(number(1)))
		case 0xd1:
			v = int64(int16(number(2)))
		case 0xd2:
			v = int64(int32(number(4)))
		case 0xd3:
			v = int64(number(8))
		case 0xd4, 0xd5, 0xd6, 0xd7, 0xd8:
			v = extension(1<<(c-0xd4), int8(number(1)), true)
		case 0xd9, 0xda, 0xdb:
			v = string(take(number(1 << (c - 0xd9))))
		case 0xdc, 0xdd:
			v = list(number(2 << (c - 0xdc)))
		case 0xde, 0xdf:
			v = object(number(2 << (c - 0xde)))
		}
	}
	return v, p
}
