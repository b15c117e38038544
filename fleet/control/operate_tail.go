package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	tailIdle = 5 * time.Second // after which a stream without traffic carries an empty line, so that each end learns that the other is gone
	tailDead = 4 * tailIdle    // after which a stream that carries nothing is taken for broken
	maxLine  = 64 << 20        // bytes of one line of a stream
)

// tailing is the endpoint without end: a JSON object per line, as it happens.
func tailing(b Traffic) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		var t TailRequest
		if err := readJSON(w, r, &t); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		s := &stream{w: w, rc: http.NewResponseController(w)}
		if err := s.write(nil); err != nil { // the caller sees that it has begun
			return nil
		}
		_ = b.Tail(r.Context(), t, s.send) // its end is all that can be told of a fault now
		return nil
	}
}

// stream writes one line after the other to a reader that has to keep up.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// send writes a line; the zero TailLine is an empty one.
func (s *stream) send(l TailLine) error {
	if l.Time.IsZero() {
		return s.write(nil)
	}
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return s.write(line)
}

func (s *stream) write(line []byte) error {
	if _, err := s.w.Write(append(line, '\n')); err != nil {
		return err
	}
	return s.rc.Flush()
}

// Tail asks the daemon for the traffic and calls take with it until ctx ends, take fails, or the daemon ends, which is [io.ErrUnexpectedEOF].
// begun is called when the daemon has taken the request. Errors are those of [Client.Status], take's, or wrap [ErrUnknown].
func (c *Client) Tail(ctx context.Context, t TailRequest, begun func(), take func(TailLine) error) error {
	in, err := json.Marshal(t)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://sockd/v1/tail", bytes.NewReader(in))
	if err != nil {
		return err
	}
	req.Header.Set(versionHeader, strconv.Itoa(protocolVersion))
	resp, err := c.http.Do(req)
	if err != nil {
		return cause(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return c.answer(ctx, resp, nil)
	}
	begun()
	silent := time.AfterFunc(tailDead, func() { cancel(io.ErrUnexpectedEOF) })
	defer silent.Stop()
	err = lines(resp.Body, func(line []byte) error {
		silent.Reset(tailDead)
		return taken(line, take)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// lines calls f with each line of r until f fails or r ends, which is [io.ErrUnexpectedEOF]: a stream has no end of its own.
func lines(r io.Reader, f func([]byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if err := f(s.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("traffic of the daemon: a line of more than %d bytes", maxLine)
	}
	return io.ErrUnexpectedEOF
}

func taken(line []byte, take func(TailLine) error) error {
	if len(line) == 0 {
		return nil
	}
	var l TailLine
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("traffic of the daemon: %w", err)
	}
	return take(l)
}
