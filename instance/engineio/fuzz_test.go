package engineio_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sockd/sockd/instance/engineio"
)

// FuzzPayload decodes what clients may post. Whatever it is, each packet is one that the protocol knows, at most the last is a
// fault, and nothing comes out that was not in.
func FuzzPayload(f *testing.F) {
	for _, seed := range []string{
		"", "4", "4hello", "4a\x1e4b\x1e4c", "4hello\x1ebAQIDBA==", "abc", "4a\x1e", "\x1e", "b", "b4AQID", "b-_=A", "0{}", "1", "2probe", "3", "5", "6", "7",
		"4\xff", "4\xe2\x82\x1e4", "b====", "44a\x1e44",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		elements := bytes.Split(body, []byte{0x1e})
		packets := engineio.Decode(body)
		if len(packets) > len(elements) {
			t.Fatalf("%d packets in %d elements", len(packets), len(elements))
		}
		for i, p := range packets {
			e := string(elements[i])
			switch {
			case p.Kind == 0:
				if i != len(packets)-1 || p.Data != "" || e != "" && (e[0] == 'b' || '0' <= e[0] && e[0] <= '6') {
					t.Errorf("packet %d: %q is a fault", i, e)
				}
			case p.Binary:
				if p.Kind != '4' || e[0] != 'b' || len(p.Data) > len(e)*3/4 {
					t.Errorf("packet %d: %q is binary %q", i, e, p.Data)
				}
				if std, err := base64.StdEncoding.DecodeString(e[1:]); err == nil && string(std) != p.Data {
					t.Errorf("packet %d: %q is %q, want %q", i, e, p.Data, std)
				}
			case string(p.Kind)+p.Data != e:
				t.Errorf("packet %d: %q is %q", i, e, p.Data)
			}
		}
		if last := packets[len(packets)-1]; last.Kind != 0 && len(packets) != len(elements) {
			t.Errorf("%d packets in %d elements", len(packets), len(elements))
		}
	})
}

// FuzzMessage encodes messages as polling payloads and reads them back.
func FuzzMessage(f *testing.F) {
	f.Add("", []byte(nil))
	f.Add("hello", []byte{1, 2, 3, 4})
	f.Add("4", []byte("4"))
	f.Add(strings.Repeat("x", 125), make([]byte, 126))
	f.Add(strings.Repeat("x", 65535), make([]byte, 65536))
	f.Fuzz(func(t *testing.T, s string, p []byte) {
		if strings.ContainsRune(s, 0x1e) {
			t.Skip("JSON has no such character; the protocol cannot carry it")
		}
		m := engineio.Batch(engineio.Text([]byte(s)), engineio.Binary(p), engineio.Text(nil))
		want := []engineio.Packet{{Kind: '4', Data: s}, {Kind: '4', Binary: true, Data: string(p)}, {Kind: '4'}}
		got := engineio.Decode(engineio.Payload(m))
		if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

// FuzzValidText checks the repair of text against the definition: valid parts stay, everything else becomes U+FFFD.
func FuzzValidText(f *testing.F) {
	for _, seed := range []string{"", "a\xffb", "\xe2\x82", "\xf0\x9f\x98a", "\xed\xa0\x80", "ü\xc0\xaf"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got := engineio.ValidText(bytes.Clone(p))
		if !utf8.Valid(got) {
			t.Fatalf("% x became invalid text % x", p, got)
		}
		if utf8.Valid(p) != bytes.Equal(got, p) {
			t.Fatalf("% x became % x", p, got)
		}
		// The standard library makes one U+FFFD of a run; with runs joined, both agree.
		if want := bytes.ToValidUTF8(p, []byte("\ufffd")); !bytes.Equal(joined(got), joined(want)) {
			t.Fatalf("% x became % x, want % x", p, got, want)
		}
	})
}

// joined makes one of each run of U+FFFD.
func joined(p []byte) []byte {
	for r := []byte("\ufffd"); bytes.Contains(p, append(r, r...)); {
		p = bytes.ReplaceAll(p, append(r, r...), r)
	}
	return p
}

// FuzzSession feeds a session with anything, over both transports and through an upgrade: it goes on or ends, for one reason.
func FuzzSession(f *testing.F) {
	f.Add([]byte("4a\x1e3"), "2probe", "5", "4b")
	f.Add([]byte("1"), "5", "1", "")
	f.Add([]byte("bAAAA"), "4", "2", "7")
	f.Fuzz(func(t *testing.T, body []byte, first, second, third string) {
		if !utf8.ValidString(first + second + third) {
			t.Skip("the host lets only UTF-8 through")
		}
		r := &rig{T: t}
		r.start(engineio.Options{})
		r.handshake()
		conn := r.probe()
		r.client.Poll()
		r.client.Post(string(body))
		for _, p := range []string{first, second, third} {
			if conn.Send(p) != nil {
				break
			}
			_ = conn.SendBinary(p)
		}
		if n := r.session(0); len(n.ended) == 0 && r.server.Len() != 1 {
			t.Errorf("%d sessions, none ended", r.server.Len())
		}
		r.session(0).socket.Close(engineio.ForcedClose)
		for range 2 {
			if poll := r.client.Poll(); !poll.Answered() {
				t.Error("a poll of an ended session is parked")
			}
		}
		if n := r.session(0); len(n.ended) != 1 || r.server.Len() != 0 || r.host.Err() != nil {
			t.Errorf("%d sessions, ended %q, %v", r.server.Len(), n.ended, r.host.Err())
		}
	})
}
