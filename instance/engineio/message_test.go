package engineio_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
)

func TestMessageFrames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		m    *engineio.Message
		head string
		size int
	}{
		{"empty text", text(""), "\x81\x01", 3},
		{"longest short text", text(strings.Repeat("x", 124)), "\x81\x7d", 127},
		{"shortest text with 16 bits", text(strings.Repeat("x", 125)), "\x81\x7e\x00\x7e", 130},
		{"longest text with 16 bits", text(strings.Repeat("x", 65534)), "\x81\x7e\xff\xff", 65539},
		{"text with 64 bits", text(strings.Repeat("x", 65535)), "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 65546},
		{"empty binary", engineio.Binary(nil), "\x82\x00", 2},
		{"binary", engineio.Binary(make([]byte, 126)), "\x82\x7e\x00\x7e", 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if wire := engineio.Wire(c.m); !bytes.HasPrefix(wire, []byte(c.head)) || len(wire) != c.size || c.m.Len() != c.size {
				t.Errorf("%d bytes beginning with % x, want %d with % x", len(wire), wire[:len(c.head)], c.size, c.head)
			}
		})
	}
}

func TestMessageIsACopy(t *testing.T) {
	t.Parallel()
	p := []byte("hello")
	m, b := engineio.Text(p), engineio.Binary(p)
	clear(p)
	if got := string(engineio.Payload(engineio.Batch(m, b))); got != "4hello\x1ebaGVsbG8=" {
		t.Errorf("payload %q", got)
	}
}

func TestBatchIsFlat(t *testing.T) {
	t.Parallel()
	a, b, c := text("a"), engineio.Binary([]byte("b")), text("c")
	nested := engineio.Batch(engineio.Batch(a, engineio.Batch(b)), engineio.Batch(), c)
	flat := engineio.Batch(a, b, c)
	if !bytes.Equal(engineio.Wire(nested), engineio.Wire(flat)) || nested.Len() != a.Len()+b.Len()+c.Len() {
		t.Errorf("% x, want % x", engineio.Wire(nested), engineio.Wire(flat))
	}
	if engineio.Batch(a) != a {
		t.Error("a batch of one is not the message itself")
	}
}

func TestParam(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ query, want string }{
		{"", ""}, {"sid", ""}, {"sid=", ""}, {"sid=a", "a"}, {"x=1&sid=a&y", "a"}, {"xsid=a", ""}, {"sid=a&sid=b", "a,b"}, {"sid=&sid=", ","},
		{"s%69d=a%20b+c", "a b c"}, {"sid=%zz", "%zz"}, {"&&sid=a&&", "a"}, {"sid=a=b", "a=b"},
	} {
		if got := engineio.Param(c.query, "sid"); got != c.want {
			t.Errorf("%q: %q, want %q", c.query, got, c.want)
		}
	}
}

func TestValidText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                                  "",
		"aé€😀":                              "aé€😀",
		"\xff\xfe":                          "\ufffd\ufffd",
		"\x80a":                             "\ufffda",
		"\xe2\x82":                          "\ufffd",       // cut off: one
		"\xe2\x82a":                         "\ufffda",      //
		"\xf0\x9f\x98":                      "\ufffd",       //
		"\xc0\xaf":                          "\ufffd\ufffd", // overlong
		"\xe0\x80\xaf":                      "\ufffd\ufffd\ufffd",
		"\xed\xa0\x80":                      "\ufffd\ufffd\ufffd", // a surrogate
		"\xf4\x90\x80\x80":                  "\ufffd\ufffd\ufffd\ufffd",
		"\xf0\x80\x80\x80":                  "\ufffd\ufffd\ufffd\ufffd",
		"\xf1\x80\x80\xe1\x80\xc2b\x80\xbf": "\ufffd\ufffd\ufffdb\ufffd\ufffd", // Unicode 16, table 3-11 in part
		"\ufffd":                            "\ufffd",
	} {
		if got := string(engineio.ValidText([]byte(in))); got != want {
			t.Errorf("% x: %q, want %q", in, got, want)
		}
	}
}
