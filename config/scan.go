package config

import (
	"strings"

	"github.com/BurntSushi/toml"
)

// Bounds of a document's shape. The library reads nested arrays by recursion, and a dotted key in time quadratic in its
// parts, so both are checked before it sees the text.
const (
	maxDepth = 64 // brackets around a value
	maxParts = 64 // of a dotted key
)

// mark is where a key, a table or an element of an array stands.
type mark struct {
	off   int  // of the key's first byte; of the bracket of a table's header
	own   bool // the table has a header of its own, not only ones of tables inside it
	sub   map[string]*mark
	items []*mark
}

// child returns the mark of a key in a table, new at off if it was not there.
func (m *mark) child(name string, off int) *mark {
	if c := m.sub[name]; c != nil {
		return c
	}
	if m.sub == nil {
		m.sub = make(map[string]*mark)
	}
	c := &mark{off: off}
	m.sub[name] = c
	return c
}

// last returns the table that a header below m continues: m itself, or its last element if m is an array of tables.
func (m *mark) last() *mark {
	if len(m.items) > 0 {
		return m.items[len(m.items)-1]
	}
	return m
}

// scanner finds positions. It is no judge of TOML: what it does not understand ends the scan, and the library, which reads the
// same text afterwards, says what is wrong. On a text that the library accepts it has found every key (a fuzz test checks this).
type scanner struct {
	text  string
	pos   int
	depth int
	limit string // the bound that was passed, or ""
}

// scan returns the marks of a document. limit is not empty if a bound was passed, at the offset off.
func scan(text string) (root *mark, limit string, off int) {
	s := &scanner{text: text}
	root = &mark{}
	table := root
	for ok := true; ok; {
		s.space(true)
		switch s.peek() {
		case 0:
			return root, s.limit, s.pos
		case '[':
			table, ok = s.header(root)
		default:
			ok = s.pair(table)
		}
	}
	return root, s.limit, s.pos
}

// peek returns the next byte, 0 at the end. TOML allows no NUL.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

// space skips blanks, and with lines also line ends and comments.
func (s *scanner) space(lines bool) {
	for ; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == ' ' || c == '\t':
		case lines && (c == '\n' || c == '\r'):
		case lines && c == '#':
			end := strings.IndexByte(s.text[s.pos:], '\n')
			if end < 0 {
				s.pos = len(s.text)
				return
			}
			s.pos += end
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the table that it opens.
func (s *scanner) header(root *mark) (*mark, bool) {
	off := s.pos
	s.pos++
	array := s.peek() == '['
	if array {
		s.pos++
	}
	key, _, ok := s.key()
	if !ok || s.peek() != ']' {
		return nil, false
	}
	s.pos++
	if array && s.peek() == ']' {
		s.pos++
	}
	m := root
	for _, part := range key[:len(key)-1] {
		m = m.last().child(part, off)
	}
	m = m.last().child(key[len(key)-1], off)
	if array {
		m.items = append(m.items, &mark{off: off, own: true})
		return m.last(), true
	}
	if !m.own {
		m.off, m.own = off, true
	}
	return m, true
}

// pair reads key = value into a table.
func (s *scanner) pair(table *mark) bool {
	key, offs, ok := s.key()
	if !ok || s.peek() != '=' {
		return false
	}
	s.pos++
	m := table
	for i, part := range key {
		m = m.last().child(part, offs[i])
	}
	return s.value(m)
}

// key reads a dotted key and the blanks around it.
func (s *scanner) key() (parts []string, offs []int, ok bool) {
	for {
		s.space(false)
		off := s.pos
		part, ok := s.part()
		if !ok {
			return nil, nil, false
		}
		if len(parts) == maxParts {
			s.limit = "the key has too many parts"
			return nil, nil, false
		}
		parts, offs = append(parts, part), append(offs, off)
		s.space(false)
		if s.peek() != '.' {
			return parts, offs, true
		}
		s.pos++
	}
}

// part reads one part of a key.
func (s *scanner) part() (string, bool) {
	start := s.pos
	switch s.peek() {
	case '"':
		if !s.quoted('"') {
			return "", false
		}
		return unquoteKey(s.text[start:s.pos])
	case '\'':
		if !s.quoted('\'') {
			return "", false
		}
		return s.text[start+1 : s.pos-1], true
	}
	for s.pos < len(s.text) && bareByte(s.text[s.pos]) {
		s.pos++
	}
	return s.text[start:s.pos], s.pos > start
}

// unquoteKey leaves escapes to the library.
func unquoteKey(quoted string) (string, bool) {
	if !strings.Contains(quoted, `\`) {
		return quoted[1 : len(quoted)-1], true
	}
	var doc struct{ K string }
	_, err := toml.Decode("K = "+quoted, &doc)
	return doc.K, err == nil
}

// value reads what follows the equals sign, or an element of an array.
func (s *scanner) value(m *mark) bool {
	s.space(false)
	switch c := s.peek(); c {
	case '"', '\'':
		if triple := strings.Repeat(string(c), 3); strings.HasPrefix(s.text[s.pos:], triple) {
			return s.block(triple)
		}
		return s.quoted(c)
	case '[':
		return s.nested(']', func() bool {
			item := &mark{off: s.pos}
			m.items = append(m.items, item)
			return s.value(item)
		})
	case '{':
		return s.nested('}', func() bool { return s.pair(m) })
	}
	end := strings.IndexAny(s.text[s.pos:], ",]}#\r\n")
	if end < 0 {
		end = len(s.text) - s.pos
	}
	s.pos += end
	return end > 0
}

// nested reads the elements up to a closing bracket.
func (s *scanner) nested(end byte, element func() bool) bool {
	if s.depth++; s.depth > maxDepth {
		s.limit = "the value is nested too deep"
		return false
	}
	defer func() { s.depth-- }()
	s.pos++
	for {
		s.space(true)
		switch s.peek() {
		case end:
			s.pos++
			return true
		case ',':
			s.pos++
		case 0:
			return false
		default:
			if !element() {
				return false
			}
		}
	}
}

// quoted skips a string on one line.
func (s *scanner) quoted(quote byte) bool {
	for s.pos++; s.pos < len(s.text); s.pos++ {
		switch c := s.text[s.pos]; {
		case c == quote:
			s.pos++
			return true
		case c == '\n':
			return false
		case c == '\\' && quote == '"':
			s.pos++
		}
	}
	s.pos = len(s.text)
	return false
}

// block skips a string between triple quotes. Up to two more quotes may stand directly before the closing ones.
func (s *scanner) block(triple string) bool {
	for s.pos += 3; s.pos < len(s.text); s.pos++ {
		if s.text[s.pos] == '\\' && triple[0] == '"' {
			s.pos++
			continue
		}
		if strings.HasPrefix(s.text[s.pos:], triple) {
			s.pos += 3
			for range 2 {
				if s.peek() == triple[0] {
					s.pos++
				}
			}
			return true
		}
	}
	s.pos = len(s.text)
	return false
}
