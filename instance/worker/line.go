package worker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// message is one line to the worker.
type message struct {
	Type      string          `json:"type"`
	SID       string          `json:"sid,omitempty"`
	Namespace string          `json:"namespace"`
	Event     string          `json:"event"`
	Args      json.RawMessage `json:"args"`
	Auth      json.RawMessage `json:"auth,omitempty"`
	Claims    json.RawMessage `json:"claims,omitempty"`
	Ack       bool            `json:"ack,omitempty"`
}

// encode returns the line for an event, but for its number; it checks and compacts what it is given.
func encode(e Event) ([]byte, error) {
	m := message{e.Type, e.SID, e.Namespace, e.Name, e.Args, e.Auth, e.Claims, e.Ack}
	if len(m.Args) == 0 {
		m.Args = json.RawMessage("[]")
	}
	if m.Namespace == "" {
		m.Namespace = "/"
	}
	return encodeLine(m)
}

func encodeLine(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, ErrInvalid
	}
	return b.Bytes(), nil
}

// numbered puts the id of an event into its line.
func numbered(line []byte, id uint64) []byte {
	out := make([]byte, 0, len(line)+24)
	out = strconv.AppendUint(append(out, `{"id":`...), id, 10)
	return append(append(out, ','), line[1:]...)
}

// marked returns a line with the mark of one that is handed over again.
func marked(line []byte) []byte { return append([]byte(`{"again":true,`), line[1:]...) }

func hello(o Options) []byte {
	type facts struct {
		Protocol int    `json:"protocol"`
		Instance string `json:"instance"`
		Project  string `json:"project"`
		URL      string `json:"url"`
		Port     int    `json:"port"`
	}
	line, _ := encodeLine(map[string]facts{"hello": {1, o.Instance, o.Project, o.URL, o.Port}})
	return line
}

// said is one line from the worker. Exactly one of the verbs is set.
type said struct {
	Ready      *bool   `json:"ready"`
	Emit       *string `json:"emit"`
	Ack        *uint64 `json:"ack"`
	Join       *words  `json:"join"`
	Leave      *words  `json:"leave"`
	Disconnect *string `json:"disconnect"`
	Accept     *uint64 `json:"accept"`
	Refuse     *uint64 `json:"refuse"`

	Args      json.RawMessage `json:"args"`
	To        words           `json:"to"`
	Except    words           `json:"except"`
	Namespace string          `json:"namespace"`
	SID       string          `json:"sid"`
	Message   string          `json:"message"`
	Data      json.RawMessage `json:"data"`
	Error     *string         `json:"error"`
}

// words is a string or an array of strings.
type words []string

func (s *words) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var one string
		err := json.Unmarshal(b, &one)
		*s = words{one}
		return err
	}
	return json.Unmarshal(b, (*[]string)(s))
}

var (
	errVerb = errors.New("not exactly one of ready, emit, ack, join, leave, disconnect, accept, refuse")
	errArgs = errors.New("args is not an array")
	errSID  = errors.New("sid is missing")
)

// decode parses and checks one line from the worker.
func decode(line []byte) (*said, error) {
	s := new(said)
	if err := json.Unmarshal(line, s); err != nil {
		return nil, err
	}
	if s.verbs() != 1 {
		return nil, errVerb
	}
	if s.Namespace == "" {
		s.Namespace = "/"
	}
	if s.Namespace[0] != '/' {
		return nil, fmt.Errorf("namespace %q does not begin with /", s.Namespace)
	}
	if len(s.Args) == 0 || string(s.Args) == "null" {
		s.Args = json.RawMessage("[]")
	}
	if s.Args[0] != '[' {
		return nil, errArgs
	}
	return s, s.check()
}

func (s *said) verbs() int {
	n := 0
	for _, set := range []bool{s.Ready != nil, s.Emit != nil, s.Ack != nil, s.Join != nil, s.Leave != nil, s.Disconnect != nil, s.Accept != nil, s.Refuse != nil} {
		if set {
			n++
		}
	}
	return n
}

func (s *said) check() error {
	switch {
	case s.Emit != nil:
		return s.checkEmit()
	case (s.Join != nil || s.Leave != nil) && s.SID == "":
		return errSID
	case s.Disconnect != nil && *s.Disconnect == "":
		return errSID
	case s.Ack != nil && s.Error != nil:
		text, _ := json.Marshal(*s.Error)
		s.Args = json.RawMessage(`[{"error":{"code":"worker","message":` + string(text) + `}}]`)
	}
	return nil
}

func (s *said) checkEmit() error {
	if *s.Emit == "" {
		return errors.New("emit is empty")
	}
	if len(s.To) == 0 {
		s.To = words{"all"}
	}
	for _, to := range s.To {
		if to != "all" && !target(to) {
			return fmt.Errorf("to is %q, not all, sid:… or room:…", to)
		}
	}
	for i, except := range s.Except {
		if !target(except) {
			s.Except[i] = "sid:" + except
		}
	}
	return nil
}

func target(s string) bool {
	return strings.HasPrefix(s, "sid:") && len(s) > 4 || strings.HasPrefix(s, "room:") && len(s) > 5
}
