package ingest

import (
	"errors"
	"net/http"
	"strconv"
)

// outcome is what became of a request. For errors it is the code that is answered.
type outcome uint8

const (
	accepted outcome = iota
	replayed
	listed
	watched
	badJSON
	badEvent
	badQuery
	badKey
	unauthorized
	wrongMethod
	notAcceptable
	wrongType
	tooLarge
	mismatch
	rateLimited
	busy
	degraded
	crowded
	timedOut
	internal
	outcomes
)

var outcomeNames = [outcomes]string{
	accepted: "accepted", replayed: "replayed", listed: "listed", watched: "watched",
	badJSON: "bad_json", badEvent: "bad_event", badQuery: "bad_query", badKey: "bad_idempotency_key",
	unauthorized: "unauthorized", wrongMethod: "method_not_allowed", notAcceptable: "not_acceptable",
	wrongType: "unsupported_media_type", tooLarge: "too_large", mismatch: "idempotency_mismatch", rateLimited: "rate_limited",
	busy: "busy", degraded: "degraded", crowded: "too_many_watchers", timedOut: "timeout", internal: "internal",
}

// statuses of the errors; the others are not looked up.
var statuses = [outcomes]int{
	badJSON: http.StatusBadRequest, badEvent: http.StatusBadRequest, badQuery: http.StatusBadRequest, badKey: http.StatusBadRequest,
	unauthorized: http.StatusUnauthorized, wrongMethod: http.StatusMethodNotAllowed, notAcceptable: http.StatusNotAcceptable,
	wrongType: http.StatusUnsupportedMediaType, tooLarge: http.StatusRequestEntityTooLarge, mismatch: http.StatusUnprocessableEntity,
	rateLimited: http.StatusTooManyRequests, busy: http.StatusServiceUnavailable, degraded: http.StatusServiceUnavailable,
	crowded: http.StatusServiceUnavailable, timedOut: http.StatusGatewayTimeout, internal: http.StatusInternalServerError,
}

// fault is an error as it is answered.
type fault struct {
	what         outcome
	text         string
	line, column int // from 1; 0 = not of a place
	retry        int // seconds, for Retry-After; 0 = not said
}

func newFault(what outcome, text string) *fault { return &fault{what: what, text: text} }

// faultOf translates an error of [Publish], [Feed] or Options.Work.
func faultOf(err error) *fault {
	var invalid *Invalid
	switch {
	case errors.Is(err, ErrBusy):
		return &fault{what: busy, text: "too many events wait", retry: 1}
	case errors.Is(err, ErrDegraded):
		return &fault{what: degraded, text: "events cannot be stored at present", retry: 10}
	case errors.As(err, &invalid):
		return newFault(badEvent, invalid.Message)
	}
	return newFault(internal, "the event was not published") // err is not the producer's to read
}

// Error lets a fault be returned to the transport.
func (f *fault) Error() string { return outcomeNames[f.what] + ": " + f.text }

// message is the text with its place.
func (f *fault) message() string {
	if f.line == 0 {
		return f.text
	}
	return "line " + strconv.Itoa(f.line) + ", column " + strconv.Itoa(f.column) + ": " + f.text
}

// append writes {"error":{…}} as one entry of an answer. before is how many events were accepted before it; under 0 it is not said.
func (f *fault) append(dst []byte, before int) []byte {
	dst = append(dst, `{"error":{"code":"`...)
	dst = append(dst, outcomeNames[f.what]...)
	dst = append(dst, `","message":`...)
	dst = appendString(dst, f.message())
	if f.line > 0 {
		dst = appendInt(append(dst, `,"line":`...), f.line)
		dst = appendInt(append(dst, `,"column":`...), f.column)
	}
	if before >= 0 {
		dst = appendInt(append(dst, `,"accepted":`...), before)
	}
	return append(dst, "}}"...)
}

// answer is the fault as a whole answer.
func (f *fault) answer(before int) *answer {
	a := &answer{what: f.what, status: statuses[f.what], header: http.Header{"Content-Type": jsonType}, body: f.append(nil, before)}
	switch {
	case f.what == unauthorized:
		a.header.Set("WWW-Authenticate", "Bearer")
	case f.what == wrongMethod:
		a.header.Set("Allow", "GET, POST")
	case f.retry > 0:
		a.header.Set("Retry-After", strconv.Itoa(f.retry))
	}
	return a
}
