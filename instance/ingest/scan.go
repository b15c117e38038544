package ingest

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const maxDepth = 512 // of arrays and objects in each other

// scanner checks JSON after RFC 8259, in valid UTF-8, and says where things are. It does not allocate unless it finds a flaw.
type scanner struct {
	src []byte
	pos int
}

// span is src[start:end]. The zero span is absent: no value begins at the start of an object.
type span struct{ start, end int }

func (p span) of(src []byte) []byte { return src[p.start:p.end] }

// flaw is a place where a text is not what it should be.
type flaw struct {
	what outcome // badJSON or badEvent
	at   int
	text string
}

// fault gives the flaw its line and column, in characters.
func (f *flaw) fault(src []byte) *fault {
	before := src[:min(f.at, len(src))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	before = before[bytes.LastIndexByte(before, '\n')+1:]
	return &fault{what: f.what, text: f.text, line: line, column: 1 + utf8.RuneCount(bytes.TrimPrefix(before, bom))}
}

var bom = []byte("\xef\xbb\xbf")

func newScanner(src []byte) scanner {
	s := scanner{src: src}
	if bytes.HasPrefix(src, bom) {
		s.pos = len(bom)
	}
	return s
}

// peek returns the next byte that is not white space, without taking it; 0 at the end.
func (s *scanner) peek() byte {
	for ; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) bad(text string) *flaw { return &flaw{badJSON, s.pos, text} }

// unexpected describes what is there instead of what should be. An end is where the text ends, not the white space behind it.
func (s *scanner) unexpected(want string) *flaw {
	rest := s.src[s.pos:]
	if len(rest) == 0 {
		s.pos = len(bytes.TrimRight(s.src, " \t\r\n"))
		return s.bad("unexpected end, expected " + want)
	}
	r, size := utf8.DecodeRune(rest)
	if r == utf8.RuneError && size == 1 {
		return s.bad("invalid UTF-8")
	}
	return s.bad("unexpected " + strconv.QuoteRune(r) + ", expected " + want)
}

// end checks that nothing follows.
func (s *scanner) end() *flaw {
	s.peek()
	if s.pos < len(s.src) {
		return s.unexpected("the end: several events are an array, or NDJSON with Content-Type: application/x-ndjson")
	}
	return nil
}

// value skips one value. depth is how many arrays and objects it is in.
func (s *scanner) value(depth int) *flaw {
	switch c := s.peek(); {
	case c == '"':
		_, f := s.text()
		return f
	case c == '{':
		return s.object(depth+1, func(span) *flaw { return s.value(depth + 1) })
	case c == '[':
		return s.array(depth+1, func() *flaw { return s.value(depth + 1) })
	case c == '-' || '0' <= c && c <= '9':
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.unexpected("a value")
}

// object calls member for each member, which has to take the value. key is the name with its quotes.
func (s *scanner) object(depth int, member func(key span) *flaw) *flaw {
	if depth > maxDepth {
		return s.bad("nested deeper than " + strconv.Itoa(maxDepth))
	}
	s.pos++
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.unexpected("a field name in double quotes")
		}
		key, f := s.text()
		if f != nil {
			return f
		}
		if s.peek() != ':' {
			return s.unexpected("':'")
		}
		s.pos++
		if f := member(key); f != nil {
			return f
		}
		if more, f := s.more('}'); !more {
			return f
		}
	}
}

// array calls element for each element, which has to take it.
func (s *scanner) array(depth int, element func() *flaw) *flaw {
	if depth > maxDepth {
		return s.bad("nested deeper than " + strconv.Itoa(maxDepth))
	}
	s.pos++
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if f := element(); f != nil {
			return f
		}
		if more, f := s.more(']'); !more {
			return f
		}
	}
}

// more takes a comma, or what closes the array or object.
func (s *scanner) more(end byte) (bool, *flaw) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, nil
	case end:
		s.pos++
		return false, nil
	}
	return false, s.unexpected("',' or '" + string(end) + "'")
}

// text skips a string and returns it with its quotes.
func (s *scanner) text() (span, *flaw) {
	start := s.pos
	s.pos++
	for s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '"':
			s.pos++
			return span{start, s.pos}, nil
		case c == '\\':
			if f := s.escape(); f != nil {
				return span{}, f
			}
		case c < ' ':
			return span{}, s.bad("control character in a string, it has to be escaped")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.src[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return span{}, s.bad("invalid UTF-8")
			}
			s.pos += size
		}
	}
	return span{}, s.unexpected("the end of a string")
}

func (s *scanner) escape() *flaw {
	s.pos++
	if s.pos == len(s.src) {
		return s.unexpected("the rest of an escape")
	}
	c := s.src[s.pos]
	if c != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), c) < 0 {
			return s.unexpected(`one of "\/bfnrtu after the backslash`)
		}
		s.pos++
		return nil
	}
	s.pos++
	for range 4 {
		if s.pos == len(s.src) || !isHex(s.src[s.pos]) {
			return s.unexpected("a hexadecimal digit")
		}
		s.pos++
	}
	return nil
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func (s *scanner) word(w string) *flaw {
	for i := range len(w) {
		if s.pos == len(s.src) || s.src[s.pos] != w[i] {
			return s.unexpected(w)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) number() *flaw {
	s.accept('-')
	if !s.accept('0') && !s.digits() {
		return s.unexpected("a digit")
	}
	if s.accept('.') && !s.digits() {
		return s.unexpected("a digit")
	}
	if s.accept('e') || s.accept('E') {
		if !s.accept('+') {
			s.accept('-')
		}
		if !s.digits() {
			return s.unexpected("a digit")
		}
	}
	return nil
}

func (s *scanner) accept(c byte) bool {
	if s.pos < len(s.src) && s.src[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.src) && '0' <= s.src[s.pos] && s.src[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
