package engineio

import "bytes"

// Slot returns where mark stands last in the first of the messages that m holds, for [Message.Fill], or -1.
func (m *Message) Slot(mark string) int {
	_, payload, rest := cut(m.wire)
	i := bytes.LastIndex(payload, []byte(mark))
	if i < 0 {
		return -1
	}
	return len(m.wire) - len(rest) - len(payload) + i
}

// Fill writes p over the bytes at a place that Slot has returned. Only who made m may call it, and only before m is sent or joined with others:
// from then on it is immutable. p may not be longer than the mark, and must be UTF-8 in a text message.
func (m *Message) Fill(at int, p []byte) { copy(m.wire[at:], p) }
