package ingest

import (
	"crypto/sha256"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// post answers a POST. Its body is in r, or has gone through [Handler.Lines] already.
func (h *Handler) post(s *settings, w http.ResponseWriter, r *http.Request) {
	if l, ok := r.Body.(*lines); ok {
		l.finish()
		l.settle(w, r)
		return
	}
	c, f := h.begin(s, r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	body, lent, f := h.body(s, r)
	if f != nil {
		h.refuse(w, f)
		return
	}
	if len(body) <= inlineBody && s.Transform == nil {
		c.process(body)
	} else {
		c.later(func() { c.process(body) })
	}
	if lent != nil {
		h.bodies.Put(lent)
	}
	c.release()
	c.settle(w, r)
}

// begin checks what the header says, and prepares the call.
func (h *Handler) begin(s *settings, r *http.Request) (*call, *fault) {
	sum, f := s.authorize(r)
	if f != nil {
		return nil, f
	}
	c := &call{h: h, s: s, header: r.Header, raw: r.URL.RawQuery, pending: 1}
	if f := c.kind(r.Header); f != nil {
		return nil, f
	}
	if f := c.askWait(); f != nil {
		return nil, f
	}
	if keys := r.Header["Idempotency-Key"]; len(keys) > 0 {
		if len(keys) > 1 || !printable(keys[0]) {
			return nil, newFault(badKey, "Idempotency-Key must be one value of 1 to 255 printable characters")
		}
		c.key = ledgerKey{sum, keys[0]}
	}
	c.prefers = prefersMinimal(r.Header["Prefer"])
	c.sheet.quiet = c.prefers || s.Empty
	c.sheet.wait = c.wait > 0
	c.sheet.several = c.lined
	if seconds := h.bucket.allow(&s.Options); seconds > 0 {
		return nil, &fault{what: rateLimited, text: "more than " + strconv.FormatFloat(s.Rate, 'g', -1, 64) + " events per second", retry: seconds}
	}
	return c, nil
}

// kind reads Content-Type and Content-Encoding.
func (c *call) kind(h http.Header) *fault {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return newFault(wrongType, "Content-Encoding must be identity")
	}
	kind := h.Get("Content-Type")
	if kind == "application/json" {
		return nil
	}
	kind, _, _ = strings.Cut(kind, ";")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); kind {
	case "", "application/json", "text/plain", "text/json":
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines", "application/x-jsonlines":
		c.lined = true
	case "application/x-www-form-urlencoded":
		c.form = true
	default:
		if !strings.HasSuffix(kind, "+json") {
			return newFault(wrongType, "Content-Type must be application/json or application/x-ndjson")
		}
	}
	return nil
}

func printable(key string) bool {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= maxKey
}

// prefersMinimal looks for return=minimal (RFC 7240).
func prefersMinimal(values []string) bool {
	for _, v := range values {
		for p := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ',' || r == ';' }) {
			name, value, _ := strings.Cut(p, "=")
			if strings.EqualFold(strings.TrimSpace(name), "return") && strings.EqualFold(strings.Trim(value, ` "`), "minimal") {
				return true
			}
		}
	}
	return false
}

// body reads the body that the host has in memory. lent is where a short one is, to be given back.
func (h *Handler) body(s *settings, r *http.Request) (body []byte, lent *[]byte, f *fault) {
	n := r.ContentLength
	switch {
	case n > s.MaxBody:
		return nil, nil, tooLong(s)
	case n == 0 || r.Body == nil:
		return nil, nil, nil
	case n < 0:
		b, err := io.ReadAll(io.LimitReader(r.Body, s.MaxBody+1))
		if int64(len(b)) > s.MaxBody {
			return nil, nil, tooLong(s)
		}
		return b, nil, cut(err)
	case n > inlineBody || s.Transform != nil:
		body = make([]byte, n)
	default:
		lent = h.bodies.Get().(*[]byte)
		body = (*lent)[:n]
	}
	_, err := io.ReadFull(r.Body, body)
	return body, lent, cut(err)
}

func tooLong(s *settings) *fault {
	return newFault(tooLarge, "the body is longer than "+strconv.FormatInt(s.MaxBody, 10)+" bytes")
}

func cut(err error) *fault {
	if err == nil {
		return nil
	}
	return newFault(badJSON, "the body is not whole")
}

// later does job off the poller. The call waits for it, and ends with a fault if it panics.
func (c *call) later(job func()) {
	if c.turn == 0 {
		c.turn = c.h.turns.Add(1)
	}
	c.mu.Lock()
	c.pending++
	c.mu.Unlock()
	err := c.s.Work(c.turn, func() {
		defer c.release()
		whole := false
		defer func() {
			if !whole {
				c.fail(newFault(internal, "the event was not published"))
			}
		}()
		job()
		whole = true
	})
	if err != nil {
		c.fail(&fault{what: busy, text: "too many events wait", retry: 1})
		c.release()
	}
}

// process publishes a whole body, unless it came before with the same key.
func (c *call) process(body []byte) {
	if c.key.key != "" && !c.own(sha256.Sum256(body)) {
		return
	}
	c.read(body)
}

// own reports whether the call is the first with its key. If not, it is answered, or will be with the first one.
func (c *call) own(body [sha256.Size]byte) bool {
	first, a, f := c.h.ledger.begin(c, body)
	switch {
	case f != nil:
		c.fail(f)
	case a != nil:
		c.conclude(a)
	case !first:
		c.mu.Lock()
		c.pending++ // never taken back: the answer is not composed
		c.mu.Unlock()
	}
	return first
}

func (c *call) read(body []byte) {
	switch {
	case c.form && !looksJSON(body):
		c.fail(newFault(wrongType, "a form is no event; Content-Type must be application/json or application/x-ndjson"))
	case c.lined:
		l := lines{call: c}
		l.feed(body, true)
	case c.s.Transform != nil:
		events, several, f := c.transform(body)
		if f != nil {
			c.fail(f)
			return
		}
		c.sheet.several = several
		c.publishAll(events)
	default:
		events, several, f := c.s.decode(body)
		if f != nil {
			c.fail(f.fault(body))
			return
		}
		c.sheet.several = several
		c.publishAll(events)
	}
}

func (c *call) publishAll(events []*Event) {
	for _, e := range events {
		c.publish(e)
	}
}

func looksJSON(body []byte) bool {
	s := newScanner(body)
	switch s.peek() {
	case '{', '[':
		return true
	case 0:
		return s.pos == len(body) // an empty body is bad JSON, whatever it claims to be
	}
	return false
}
