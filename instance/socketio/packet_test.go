package socketio_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

var kinds = strings.Fields("CONNECT DISCONNECT EVENT ACK CONNECT_ERROR BINARY_EVENT BINARY_ACK")

type vector struct{ packet, want string }

// vectors reads testdata/packets.txt.
func vectors(t testing.TB) []vector {
	t.Helper()
	file, err := os.ReadFile("testdata/packets.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndex(line, " => ")
		packet, want := line[:i], line[i+4:]
		if packet[0] == '"' {
			if packet, err = strconv.Unquote(packet); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		all = append(all, vector{packet, want})
	}
	return all
}

func describe(d socketio.Decoded) string {
	id, data := "-", "-"
	if d.HasID {
		id = strconv.FormatUint(d.ID, 10)
	}
	if d.Data != "" {
		data = d.Data
	}
	return fmt.Sprintf("%s %s %s %d %s", kinds[d.Kind-'0'], d.Path, id, d.Attachments, data)
}

func TestPackets(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		d, err := socketio.Decode([]byte(v.packet), 10)
		got := "refused"
		if err == nil {
			got = describe(d)
		}
		if got != v.want {
			t.Errorf("%q\n got %s (%v)\nwant %s", v.packet, got, err, v.want)
		}
	}
}

func TestEventNameIsDecoded(t *testing.T) {
	t.Parallel()
	for packet, want := range map[string]string{
		`2["plain"]`:                       "plain",
		`2["a\"b\\c\n\u00e9\ud83d\ude00"]`: "a\"b\\c\né😀",
		`2[42]`:                            "42",
		`2[ "spaced" , 1 ]`:                "spaced",
		`2["]"]`:                           "]",
	} {
		d, err := socketio.Decode([]byte(packet), 10)
		if err != nil || d.Name != want {
			t.Errorf("%s: got %q, %v; want %q", packet, d.Name, err, want)
		}
	}
}

func TestMaxAttachmentsIsConfigurable(t *testing.T) {
	t.Parallel()
	if _, err := socketio.Decode([]byte(`53-["a"]`), 2); err == nil {
		t.Error("three attachments pass a limit of two")
	}
	if _, err := socketio.Decode([]byte(`511-["a"]`), 20); err != nil {
		t.Error(err)
	}
}

func TestElements(t *testing.T) {
	t.Parallel()
	for array, want := range map[string]string{
		`[]`:    "",
		` [ ] `: "",
		`[1]`:   "1",
		`[ 1 , "a,]" , [2,[3]] , {"k":"}"} ,null]`: `1|"a,]"|[2,[3]]|{"k":"}"}|null`,
		`["\\","\""]`: `"\\"|"\""`,
	} {
		if got := strings.Join(socketio.Elements([]byte(array)), "|"); got != want {
			t.Errorf("%s: got %s, want %s", array, got, want)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, json string
		fit        bool
	}{
		{"in order", `["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, true},
		{"reversed, repeated and nested", `["a",{"x":[{"num":1,"_placeholder":true}]},{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, true},
		{"none at all", `["a",{"num":9}]`, true},
		{"not quite true", `["a",{"_placeholder":"true","num":9},{"_placeholder":1,"num":9},{"_placeholder":false}]`, true},
		{"with more keys", `["a",{"_placeholder":true,"num":1,"also":{"_placeholder":true,"num":7}}]`, true},
		{"inner one found before the outer", `["a",{"also":{"_placeholder":true,"num":7},"_placeholder":true,"num":1}]`, true},
		{"exponent", `["a",{"_placeholder":true,"num":1e0}]`, true},
		{"escaped key", `["a",{"_place\u0068older":true,"num":2}]`, false},
		{"num out of range", `["a",{"_placeholder":true,"num":2}]`, false},
		{"num negative", `["a",{"_placeholder":true,"num":-1}]`, false},
		{"num missing", `["a",{"_placeholder":true}]`, false},
		{"num a string", `["a",{"_placeholder":true,"num":"0"}]`, false},
		{"num null", `["a",{"_placeholder":true,"num":null}]`, false},
		{"num a fraction", `["a",{"_placeholder":true,"num":0.5}]`, false},
		{"num huge", `["a",{"_placeholder":true,"num":1e400}]`, false},
		{"last of equal keys counts", `["a",{"_placeholder":true,"num":0,"num":5}]`, false},
		{"deep", `["a",` + strings.Repeat(`[{"k":`, 500) + `{"_placeholder":true,"num":2}` + strings.Repeat(`}]`, 500) + `]`, false},
	} {
		if got := socketio.PlaceholdersFit([]byte(c.json), 2); got != c.fit {
			t.Errorf("%s: got %v, want %v", c.name, got, c.fit)
		}
	}
}

// FuzzDecode checks that no bytes make it panic, and that a packet it accepts comes out of the encoder equal.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.packet))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		d, err := socketio.Decode(p, 10)
		if err != nil {
			return
		}
		again, err := socketio.Decode(socketio.Encode(d), 10)
		if err != nil || again != d {
			t.Errorf("%q: got %+v, then %+v, %v", p, d, again, err)
		}
		if d.Data != "" && d.Data[0] == '[' {
			socketio.Elements([]byte(d.Data))
			socketio.PlaceholdersFit([]byte(d.Data), d.Attachments)
		}
	})
}
