package ingest

import (
	"net/http"
	"strconv"
)

// answer is a whole answer. It does not change once it is made, and may be given several times.
type answer struct {
	what   outcome
	status int
	header http.Header
	body   []byte
}

// What is the same in all answers. Nothing writes to these.
var (
	jsonType      = []string{"application/json"}
	jsonHeader    = http.Header{"Content-Type": jsonType}
	noHeader      = http.Header{}
	minimalHeader = http.Header{"Preference-Applied": {"return=minimal"}}
)

func (a *answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range a.header {
		h[name] = values
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 {
		_, _ = w.Write(a.body) // a client that left is the host's to notice
	}
}

// repeated is the answer for a request that asks for the same again.
func (a *answer) repeated() *answer {
	b := *a
	b.header = a.header.Clone()
	b.header["Idempotency-Replayed"] = []string{"true"}
	if b.status < http.StatusBadRequest {
		b.what = replayed
	}
	return &b
}

// sheet collects what became of the events of a request, in their order, in whatever order that gets known.
type sheet struct {
	quiet   bool // results are not kept
	wait    bool // results tell of acknowledgements
	several bool // the answer is an array
	given   int  // events so far
	known   int  // whose result is written
	late    map[int]verdict
	out     []byte
	ok, bad int
	first   *fault // of those that are bad
}

type verdict struct {
	result Result
	err    error
}

// add takes the result of event n.
func (s *sheet) add(n int, v verdict) {
	if v.err == nil {
		s.ok++
	} else {
		s.bad++
		if s.first == nil {
			s.first = faultOf(v.err)
		}
	}
	if s.quiet {
		return
	}
	if n != s.known {
		if s.late == nil {
			s.late = make(map[int]verdict)
		}
		s.late[n] = v
		return
	}
	for ok := true; ok; {
		s.write(&v)
		s.known++
		if v, ok = s.late[s.known]; ok {
			delete(s.late, s.known)
		}
	}
}

func (s *sheet) write(v *verdict) {
	if s.out == nil {
		s.out = make([]byte, 0, 96)
	}
	if s.known > 0 {
		s.out = append(s.out, ',')
	}
	if v.err != nil {
		s.out = faultOf(v.err).append(s.out, -1)
		return
	}
	s.out = v.result.append(s.out, s.wait)
}

func (r *Result) append(dst []byte, wait bool) []byte {
	if r.Dropped != "" {
		dst = appendString(append(dst, `{"dropped":`...), r.Dropped)
	} else {
		dst = appendString(append(dst, `{"id":`...), r.ID)
		dst = strconv.AppendUint(append(dst, `,"seq":`...), r.Seq, 10)
	}
	dst = appendString(append(dst, `,"namespace":`...), r.Namespace)
	dst = appendInt(append(dst, `,"recipients":`...), r.Recipients)
	if wait {
		dst = appendInt(append(dst, `,"acked":`...), r.Acked)
		dst = appendInt(append(dst, `,"awaited":`...), r.Awaited)
	}
	return append(dst, '}')
}

// answer is made when the last result is known.
func (s *sheet) answer(preferred bool) *answer {
	switch {
	case s.bad > 0 && s.ok == 0:
		return s.first.answer(-1)
	case s.quiet && s.bad > 0: // an empty answer would hide what was lost
		return &answer{what: accepted, status: http.StatusAccepted, header: jsonHeader, body: s.count()}
	case s.quiet && preferred:
		return &answer{what: accepted, status: http.StatusNoContent, header: minimalHeader}
	case s.quiet:
		return &answer{what: accepted, status: http.StatusNoContent, header: noHeader}
	}
	body := s.out
	if s.several {
		body = append(make([]byte, 0, len(s.out)+2), '[')
		body = append(append(body, s.out...), ']')
	}
	return &answer{what: accepted, status: http.StatusAccepted, header: jsonHeader, body: body}
}

// count is what remains to be said when the results were not kept.
func (s *sheet) count() []byte {
	b := appendInt([]byte(`{"accepted":`), s.ok)
	b = appendInt(append(b, `,"failed":`...), s.bad)
	e := s.first.append(nil, -1)
	return append(append(b, ','), e[1:]...)
}
