package enginetest

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/sockd/sockd/instance/engineio"
)

// Response is the answer to a request.
type Response struct {
	Status int // 0 = there was none: the request was aborted, or patience ran out
	Header http.Header
	Body   string
}

// Exchange is a request under way. To the handler it is the ResponseWriter.
type Exchange struct {
	host     *Host
	patience time.Duration
	conn     *Conn         // after an upgrade; written before the handler returns
	header   http.Header   // the handler's
	done     chan struct{} // closed when the response is whole, or the request aborted

	mu       sync.Mutex
	response Response
	parked   bool
	over     bool
	gone     func(error)
}

var (
	errParked   = errors.New("enginetest: the request is parked or answered already")
	errReplied  = errors.New("enginetest: a second Reply")
	errPatience = errors.New("enginetest: nothing came")
)

// Header implements [http.ResponseWriter].
func (e *Exchange) Header() http.Header { return e.header }

// WriteHeader implements [http.ResponseWriter].
func (e *Exchange) WriteHeader(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.response.Status == 0 && !e.parked {
		e.response.Status, e.response.Header = status, e.header.Clone()
	}
}

// Write implements [http.ResponseWriter].
func (e *Exchange) Write(p []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parked {
		return 0, errParked
	}
	e.response.Body += string(p)
	return len(p), nil
}

// returned is called when the handler has.
func (e *Exchange) returned() {
	e.WriteHeader(http.StatusOK)
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.parked {
		e.finish()
	}
}

func (e *Exchange) finish() {
	if !e.over {
		e.over = true
		close(e.done)
	}
}

func (e *Exchange) park(gone func(error)) (engineio.Reply, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.parked || e.response.Status != 0 {
		return nil, errParked
	}
	e.parked, e.gone = true, gone
	e.response.Header = e.header.Clone()
	e.host.add(1)
	return e.reply, nil
}

func (e *Exchange) reply(status int, h http.Header, body []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over && e.response.Status != 0 {
		e.host.fault(errReplied)
		return errReplied
	}
	if e.over {
		return engineio.ErrClosed
	}
	maps.Copy(e.response.Header, h.Clone())
	e.response.Status, e.response.Body = status, string(body)
	e.host.add(-1)
	e.finish()
	return nil
}

// Abort leaves before the answer, as a client does that closes its connection. Afterwards the request does nothing.
func (e *Exchange) Abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over || !e.parked {
		return
	}
	e.host.add(-1)
	e.finish()
	go e.gone(context.Canceled)
}

// Done is closed when the answer has come or the request was aborted.
func (e *Exchange) Done() <-chan struct{} { return e.done }

// Answered reports whether the answer has come.
func (e *Exchange) Answered() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.over
}

// Wait returns the answer. Its Status is 0 if none came for as long as the client has patience.
func (e *Exchange) Wait() Response {
	timer := time.NewTimer(e.patience)
	defer timer.Stop()
	select {
	case <-e.done:
	case <-timer.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.over {
		return Response{Body: errPatience.Error()}
	}
	return e.response
}
