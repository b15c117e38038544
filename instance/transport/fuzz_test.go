package transport_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"github.com/sockd/sockd/instance/transport"
)

// split cuts data at places that seed chooses.
func split(data []byte, seed uint64) (pieces [][]byte) {
	for len(data) > 0 {
		seed = seed*6364136223846793005 + 1442695040888963407
		n := 1 + int(seed>>33)%min(len(data), 1+int(seed>>60)*7)
		pieces = append(pieces, bytes.Clone(data[:n]))
		data = data[n:]
	}
	return pieces
}

func singles(data []byte) (pieces [][]byte) {
	for i := range data {
		pieces = append(pieces, bytes.Clone(data[i:i+1]))
	}
	return pieces
}

const fuzzLimit = 1000

// FuzzRequest: the result does not depend on how the bytes are split, and what is accepted passes a second, slow check that knows only
// the whole block.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		get11 + "\r\n",
		"\r\n" + get11 + "X: y\r\n\r\nGET /2",
		"POST /a?b HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 5\r\n\r\nhelloGET",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nA: b\r\n\r\nGET",
		"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		"GET / HTTP/1.1\nHost: a\r\n\r\n", get11 + " folded: x\r\n\r\n", get11 + "Host: b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
		get11 + strings.Repeat("X: y\r\n", 101) + "\r\n",
		get11 + "X: " + strings.Repeat("y", 17<<10) + "\r\n\r\n",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		if len(data) > 20<<10 {
			return
		}
		r, body, rest, status := transport.ReadPieces([][]byte{bytes.Clone(data)}, fuzzLimit)
		for _, pieces := range [][][]byte{split(data, seed), singles(data)} {
			r2, body2, rest2, status2 := transport.ReadPieces(pieces, fuzzLimit)
			if status2 != status || !bytes.Equal(body2, body) || !bytes.Equal(rest2, rest) || (r == nil) != (r2 == nil) {
				t.Fatalf("in one piece %d %q %q, split %d %q %q", status, body, rest, status2, body2, rest2)
			}
			if r != nil && fmt.Sprint(r.Method, r.RequestURI, r.Host, r.Header) != fmt.Sprint(r2.Method, r2.RequestURI, r2.Host, r2.Header) {
				t.Fatalf("in one piece %+v, split %+v", r, r2)
			}
		}
		if status != 0 {
			return
		}
		block := data[:len(data)-len(rest)]
		if err := oracle(block, r, body); err != nil {
			t.Fatalf("accepted %q: %v", block, err)
		}
	})
}

var (
	oracleLine  = regexp.MustCompile(`^(GET|HEAD|POST|OPTIONS) /[!"$-~]* HTTP/1\.[01]$`)
	oracleField = regexp.MustCompile("^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\u0080-\u00ff]*?)[ \t]*$")
	oracleHost  = regexp.MustCompile(`(?i)^([-._~!$&'()*+,;=0-9a-z]+|\[[0-9a-f:.]+\])(:[0-9]{0,5})?$`)
)

// oracle checks an accepted message by other means than the code under test.
func oracle(message []byte, r *http.Request, body []byte) error {
	message = bytes.TrimPrefix(message, []byte("\r\n"))
	head, after, ok := strings.Cut(string(message), "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	switch {
	case !ok:
		return errors.New("no end of the header")
	case len(head)+4 > 16<<10 || len(lines) > 101:
		return errors.New("header too large")
	case strings.ContainsAny(strings.Join(lines, ""), "\r\n"):
		return errors.New("a line does not end in CRLF")
	case !oracleLine.MatchString(toLatin(lines[0])):
		return errors.New("request line")
	}
	seen := map[string][]string{}
	for _, l := range lines[1:] {
		m := oracleField.FindStringSubmatch(toLatin(l))
		if m == nil {
			return fmt.Errorf("field %q", l)
		}
		name := strings.ToLower(m[1])
		seen[name] = append(seen[name], m[2])
	}
	new := strings.HasSuffix(lines[0], "1")
	hosts, lengths, codings := seen["host"], seen["content-length"], seen["transfer-encoding"]
	switch {
	case new && len(hosts) != 1 || len(hosts) > 1 || len(hosts) == 1 && !oracleHost.MatchString(hosts[0]):
		return fmt.Errorf("hosts %q", hosts)
	case len(lengths) > 1 || len(codings) > 1 || len(codings)+len(lengths) > 1:
		return errors.New("ambiguous framing")
	case len(codings) == 1 && (!new || !strings.EqualFold(codings[0], "chunked")):
		return errors.New("coding")
	}
	switch {
	case len(lengths) == 1:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil || strings.ContainsAny(lengths[0], "+-_") || int(n) != len(after) || after != string(body) {
			return errors.New("length")
		}
	case len(codings) == 1:
		return oracleChunks(after, body)
	case after != "" || len(body) > 0:
		return errors.New("body without framing")
	}
	std, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(message)))
	if err != nil || std.Method != r.Method || std.RequestURI != r.RequestURI || std.Host != r.Host {
		return fmt.Errorf("net/http: %v", err)
	}
	return nil
}

// toLatin makes one character of each byte, so that a pattern sees bytes.
func toLatin(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// oracleChunks has net/http read the chunks that were accepted.
func oracleChunks(wire string, body []byte) error {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + wire)))
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r.Body)
	if err != nil || !bytes.Equal(got, body) {
		return fmt.Errorf("net/http reads %q, %v", got, err)
	}
	return nil
}

// FuzzChunks: the result does not depend on the splits, and net/http reads the same out of what is accepted.
func FuzzChunks(f *testing.F) {
	for _, s := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\nrest", "00a;x=\"y\"\r\n0123456789\r\n0\r\nA: b\r\nC:\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhello!\r\n", "3e9\r\n", "0\r\nx\r\n\r\n", "0x1\r\n", ";\r\n",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		body, read, done, status := transport.ReadBody([][]byte{bytes.Clone(data)}, fuzzLimit)
		for _, pieces := range [][][]byte{split(data, seed), singles(data)} {
			body2, read2, done2, status2 := transport.ReadBody(pieces, fuzzLimit)
			if !bytes.Equal(body, body2) || read != read2 || done != done2 || status != status2 {
				t.Fatalf("in one piece %q %d %v %d, split %q %d %v %d", body, read, done, status, body2, read2, done2, status2)
			}
			body2, read2, done2, status2, ends := transport.StreamBody(pieces, fuzzLimit)
			if !bytes.Equal(body, body2) || read != read2 || done != done2 || status != status2 || (ends == 1) != done {
				t.Fatalf("in one piece %q %d %v %d, streamed %q %d %v %d, %d ends", body, read, done, status, body2, read2, done2, status2, ends)
			}
		}
		if len(body) > fuzzLimit {
			t.Fatalf("%d bytes, limit %d", len(body), fuzzLimit)
		}
		if !done {
			return
		}
		if err := oracleChunks(string(data[:read]), body); err != nil {
			t.Fatalf("accepted %q: %v", data[:read], err)
		}
	})
}

// FuzzFrames: the result does not depend on the splits, and it is what a reader made of gobwas/ws says.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{
		masked(ws.OpText, true, "hello") + masked(ws.OpBinary, true, strings.Repeat("x", 300)),
		masked(ws.OpText, false, "a\xc3") + masked(ws.OpPing, true, "p") + masked(ws.OpContinuation, true, "\xa4"),
		masked(ws.OpText, true, "\xff"), masked(ws.OpClose, true, "\x03\xe8bye") + "junk", masked(ws.OpClose, true, "\x03\xed"), masked(ws.OpClose, true, "x"),
		"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", "\x81\xfe\x00\x05\x00\x00\x00\x00hello",
		masked(ws.OpContinuation, true, ""), masked(ws.OpText, false, "") + masked(ws.OpContinuation, true, ""), "\x81\x05hello", "\xc1\x80\x00\x00\x00\x00",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		want, wantCode := gobwasEvents(data)
		for _, pieces := range [][][]byte{{bytes.Clone(data)}, split(data, seed), singles(data)} {
			for _, turns := range []bool{false, true} {
				got, code := events(clone(pieces), turns)
				if got != want || code != wantCode {
					t.Fatalf("got %q, code %d; gobwas/ws %q, code %d; a turn for each frame: %v", got, code, want, wantCode, turns)
				}
			}
		}
	})
}

// clone copies what a reader changes.
func clone(pieces [][]byte) (copies [][]byte) {
	for _, p := range pieces {
		copies = append(copies, bytes.Clone(p))
	}
	return copies
}

func events(pieces [][]byte, turns bool) (string, int) {
	var out strings.Builder
	var fr transport.FrameReader
	to := &transport.Receiver{
		Turns:   turns,
		Message: func(text bool, p []byte) { fmt.Fprintf(&out, "message %v %q\n", text, p) },
		Control: func(op ws.OpCode, p []byte) { fmt.Fprintf(&out, "control %d %q\n", op, p) },
	}
	for _, p := range pieces {
		if code := fr.Read(p, fuzzLimit, to); code != 0 {
			return out.String(), code
		}
	}
	return out.String(), 0
}

// gobwasEvents reads the same by gobwas's own header reader and checks. Lengths in more bytes than they need, which gobwas accepts, are 1002.
func gobwasEvents(data []byte) (string, int) {
	var out strings.Builder
	var message []byte
	var op ws.OpCode
	state := ws.StateServerSide
	for {
		if len(data) >= 2 { // what two bytes show is reported without the rest
			h := ws.Header{Fin: data[0]&0x80 != 0, Rsv: data[0] >> 4 & 7, OpCode: ws.OpCode(data[0] & 15), Masked: data[1]&0x80 != 0, Length: int64(data[1] & 0x7f)}
			if ws.CheckHeader(h, state) != nil {
				return out.String(), 1002
			}
		}
		r := bytes.NewReader(data)
		h, err := ws.ReadHeader(r)
		used := len(data) - r.Len()
		if errors.Is(err, ws.ErrHeaderLengthMSB) && len(data) < 14 {
			return out.String(), 0 // we look once the mask is there
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return out.String(), 0
		}
		if err != nil || used != ws.HeaderSize(h) || ws.CheckHeader(h, state) != nil {
			return out.String(), 1002
		}
		if !h.OpCode.IsControl() && int64(len(message))+h.Length > fuzzLimit {
			return out.String(), 1009
		}
		data = data[used:]
		if int64(len(data)) < h.Length {
			return out.String(), 0
		}
		p := bytes.Clone(data[:h.Length])
		data = data[h.Length:]
		for i := range p {
			p[i] ^= h.Mask[i%4]
		}
		switch {
		case h.OpCode == ws.OpClose:
			if code := gobwasClose(p); code != 0 {
				return out.String(), code
			}
			fmt.Fprintf(&out, "control %d %q\n", h.OpCode, p)
			return out.String(), 1
		case h.OpCode.IsControl():
			fmt.Fprintf(&out, "control %d %q\n", h.OpCode, p)
			continue
		case h.OpCode != ws.OpContinuation:
			op = h.OpCode
		}
		message = append(message, p...)
		if !h.Fin {
			state = state.Set(ws.StateFragmented)
			continue
		}
		if op == ws.OpText && !utf8.Valid(message) {
			return out.String(), 1007
		}
		fmt.Fprintf(&out, "message %v %q\n", op == ws.OpText, message)
		state, message = ws.StateServerSide, nil
	}
}

func gobwasClose(p []byte) int {
	if len(p) == 0 {
		return 0
	}
	if len(p) == 1 {
		return 1002
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(p))
	err := ws.CheckCloseFrameData(code, string(p[2:]))
	switch {
	case code >= 5000:
		return 1002
	case errors.Is(err, ws.ErrProtocolInvalidUTF8):
		return 1007
	case err != nil:
		return 1002
	}
	return 0
}
