package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
)

// transform makes events of one body or line. several tells that it was not exactly one.
func (c *call) transform(body []byte) (events []*Event, several bool, f *fault) {
	sc := newScanner(body)
	start := sc.pos
	flaw := sc.value(0)
	if flaw == nil {
		flaw = sc.end()
	}
	if flaw != nil {
		return nil, false, flaw.fault(body)
	}
	if c.query == nil {
		c.query, _ = url.ParseQuery(c.raw) // what is wrong in it is left out
	}
	outputs, err := c.s.Transform(body[start:], c.header, c.query)
	if err != nil {
		return nil, false, transformFault(err)
	}
	return c.s.outputs(outputs)
}

func transformFault(err error) *fault {
	if errors.Is(err, ErrBusy) {
		return faultOf(err)
	}
	return newFault(badEvent, "transform: "+err.Error())
}

// outputs reads what a transform has made.
func (s *settings) outputs(outputs []json.RawMessage) (events []*Event, several bool, f *fault) {
	for i, out := range outputs {
		if absent(bytes.TrimSpace(out)) {
			continue
		}
		more, array, flaw := s.decode(out)
		if flaw != nil {
			return nil, false, &fault{what: badEvent, text: "transform: output " + strconv.Itoa(i+1) + ": " + flaw.text}
		}
		events = append(events, more...)
		several = several || array
	}
	return events, several || len(events) != 1, nil
}
