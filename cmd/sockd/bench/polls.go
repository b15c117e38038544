package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// polls is a client's HTTP long-polling: one connection that asks, and one that posts.
type polls struct {
	client  *client
	query   string // with the session's id
	ask     *link
	post    *link
	posting bool   // a POST is under way
	pending []byte // packets for the next one
}

const separator = 0x1e

func (s *polls) connected(l *link) {
	if l == s.post {
		s.flush()
		return
	}
	s.ask = l
	s.poll(s.client.loop.run.target.query(polling))
}

func (s *polls) poll(query string) {
	s.ask.write(append(s.client.loop.run.requestHead("GET", query), "\r\n"...))
}

func (s *polls) received(l *link, p []byte) (used int, err error) {
	for l.fd >= 0 {
		answer, err := nextResponse(p[used:])
		if err != nil || answer.size == 0 {
			return used, err
		}
		used += answer.size
		if answer.status != 200 {
			if s.client.stage == leaving {
				return used, errClosed
			}
			return used, refused(answer)
		}
		if l == s.post {
			s.posted()
		} else if err := s.polled(answer.body); err != nil {
			return used, err
		}
	}
	return used, nil
}

func (s *polls) polled(body []byte) error {
	if s.query == "" {
		if err := s.opened(body); err != nil {
			return err
		}
	}
	for p := range bytes.SplitSeq(body, []byte{separator}) {
		if err := s.client.message(p); err != nil {
			return err
		}
	}
	if s.client.stage != gone {
		s.poll(s.query)
	}
	return nil
}

// opened reads the handshake and dials the connection that posts.
func (s *polls) opened(body []byte) error {
	var open struct {
		SID string `json:"sid"`
	}
	if len(body) < 2 || json.Unmarshal(body[1:], &open) != nil || open.SID == "" || hasBreak(open.SID) {
		return fmt.Errorf("handshake: %.40q", body)
	}
	lp := s.client.loop
	s.query = lp.run.target.query(polling) + "&sid=" + open.SID
	s.post = lp.connect(s.client, s.client.source())
	return nil
}

func (s *polls) send(p []byte) {
	if len(s.pending) > 0 {
		s.pending = append(s.pending, separator)
	}
	s.pending = append(s.pending, p...)
	s.flush()
}

// flush posts what has gathered, unless a POST is under way: then its answer does.
func (s *polls) flush() {
	if s.posting || len(s.pending) == 0 || s.post == nil || !s.post.open {
		return
	}
	s.posting = true
	head := s.client.loop.run.requestHead("POST", s.query)
	head = append(head, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: "...)
	s.post.write(append(strconv.AppendInt(head, int64(len(s.pending)), 10), "\r\n\r\n"...))
	s.post.write(s.pending)
	s.pending = s.pending[:0]
}

func (s *polls) posted() {
	s.posting = false
	if s.client.stage == leaving && len(s.pending) == 0 {
		s.client.lost(s.post, errClosed)
		return
	}
	s.flush()
}

func (s *polls) close() {
	if s.post != nil {
		s.post.close()
	}
}
