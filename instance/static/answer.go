package static

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// answer sends c, or as much of it as r asks for.
func (s *Site) answer(sink Sink, r *http.Request, c *content) {
	h := c.header()
	if c.unchanged(r) {
		h.Del("Content-Type")
		h.Del("Content-Encoding")
		h.Del("Accept-Ranges")
		_ = sink.Send(http.StatusNotModified, h, nil)
		return
	}
	part, status := span{0, c.size}, http.StatusOK
	if r.Method == http.MethodGet && c.rangeHolds(r) {
		switch p, v := parseRange(r.Header.Get("Range"), c.size); v {
		case partial:
			part, status = p, http.StatusPartialContent
			h.Set("Content-Range", "bytes "+strconv.FormatInt(p.from, 10)+"-"+strconv.FormatInt(p.to-1, 10)+"/"+strconv.FormatInt(c.size, 10))
		case unsatisfiable:
			refuse(sink, r, http.StatusRequestedRangeNotSatisfiable, "Content-Range", "bytes */"+strconv.FormatInt(c.size, 10))
			return
		}
	}
	h.Set("Content-Length", strconv.FormatInt(part.to-part.from, 10))
	if r.Method == http.MethodHead {
		_ = sink.Send(status, h, nil)
		return
	}
	s.send(sink, r, status, h, c, part)
}

func (c *content) header() http.Header {
	h := http.Header{
		"Content-Type":           {c.kind.name},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-cache"},
		"Vary":                   {"Accept-Encoding"},
		"Accept-Ranges":          {"bytes"},
	}
	h.Set("ETag", c.tag)
	if c.folder.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	if c.coding != "" {
		h.Set("Content-Encoding", c.coding)
	}
	if c.modified.Unix() > 0 {
		h.Set("Last-Modified", c.modified.UTC().Format(http.TimeFormat))
	}
	return h
}

// unchanged reports whether the client has c already (RFC 9110, section 13.2.2). A validator counts more than a time.
func (c *content) unchanged(r *http.Request) bool {
	if tags := r.Header.Values("If-None-Match"); len(tags) > 0 {
		return matches(tags, c.tag)
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && c.modified.Unix() > 0 && !c.modified.Truncate(time.Second).After(since)
}

// rangeHolds implements If-Range: of a file that has changed, or that may have, no part is sent.
func (c *content) rangeHolds(r *http.Request) bool {
	if len(r.Header.Values("Range")) != 1 {
		return false
	}
	held := r.Header.Get("If-Range")
	if held == "" {
		return true
	}
	if at, err := http.ParseTime(held); err == nil {
		return c.modified.Unix() > 0 && c.modified.Unix() == at.Unix()
	}
	return held == c.tag && c.tag[0] == '"'
}

// refuseFor answers for a file that cannot be sent. What is there but must not be read is not there.
func (s *Site) refuseFor(sink Sink, r *http.Request, err error) {
	switch {
	case errors.Is(err, errSlash):
		redirect(sink, r)
	case errors.Is(err, errGrown), errors.Is(err, errMaker), errors.Is(err, syscall.EIO):
		refuse(sink, r, http.StatusInternalServerError)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		refuse(sink, r, http.StatusServiceUnavailable, "Retry-After", "1")
	default:
		refuse(sink, r, http.StatusNotFound)
	}
}

// redirect adds the slash. The path has no empty segment, so it cannot be taken for another host.
func redirect(sink Sink, r *http.Request) {
	to := (&url.URL{Path: r.URL.Path + "/", RawQuery: r.URL.RawQuery}).String()
	_ = sink.Send(http.StatusMovedPermanently, http.Header{"Location": {to}, "Cache-Control": {"no-cache"}, "Content-Length": {"0"}}, nil)
}

// refuse answers with a status that has no file; header holds pairs.
func refuse(sink Sink, r *http.Request, status int, header ...string) {
	body := []byte(`{"error":"` + reason(status) + `"}`)
	h := http.Header{
		"Content-Type":           {"application/json"},
		"X-Content-Type-Options": {"nosniff"},
		"Cache-Control":          {"no-store"},
		"Content-Length":         {strconv.Itoa(len(body))},
	}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	_ = sink.Send(status, h, body)
}

func reason(status int) string {
	switch status {
	case http.StatusNotFound:
		return "not found"
	case http.StatusMethodNotAllowed:
		return "method not allowed"
	case http.StatusRequestedRangeNotSatisfiable:
		return "range not satisfiable"
	case http.StatusServiceUnavailable:
		return "busy"
	}
	return "internal error"
}
