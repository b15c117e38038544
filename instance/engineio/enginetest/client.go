package enginetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client makes requests to a [Host]. Its fields may be set before the first one.
type Client struct {
	Path       string // "/socket.io/"
	Query      string // appended to each query, such as "token=1"
	Header     http.Header
	RemoteAddr string        // "192.0.2.1:1234"
	SID        string        // the session, set by Handshake
	Patience   time.Duration // how long the methods that wait do so; 1 min

	host *Host
}

// Client returns a new client without a session.
func (h *Host) Client() *Client {
	return &Client{Path: "/socket.io/", Header: make(http.Header), RemoteAddr: "192.0.2.1:1234", Patience: time.Minute, host: h}
}

// Open is the data of an open packet.
type Open struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"` // ms
	PingTimeout  int      `json:"pingTimeout"`  // ms
	MaxPayload   int      `json:"maxPayload"`   // bytes
}

// ParseOpen decodes an open packet.
func ParseOpen(packet string) (o Open, err error) {
	data, ok := strings.CutPrefix(packet, "0")
	if !ok {
		return o, fmt.Errorf("enginetest: %q is not an open packet", packet)
	}
	err = json.Unmarshal([]byte(data), &o)
	return o, err
}

// Do makes a request with the given raw query and returns when the handler has. The request may be unanswered then. A nil
// header is the client's own.
func (c *Client) Do(method, query string, header http.Header, body []byte) *Exchange {
	if header == nil {
		header = c.Header
	}
	if c.Query != "" {
		query += "&" + c.Query
	}
	target := c.Path + "?" + query
	r := &http.Request{
		Method: method, URL: &url.URL{Path: c.Path, RawQuery: query}, RequestURI: target, Host: "sockd.test",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header.Clone(), RemoteAddr: c.RemoteAddr,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	return c.Serve(r)
}

// Serve makes a request as it is.
func (c *Client) Serve(r *http.Request) *Exchange {
	e := &Exchange{host: c.host, patience: c.Patience, header: make(http.Header), done: make(chan struct{})}
	c.host.serve(e, r)
	return e
}

func (c *Client) session(transport string) string {
	query := "EIO=4&transport=" + transport
	if c.SID != "" {
		query += "&sid=" + url.QueryEscape(c.SID)
	}
	return query
}

// Handshake begins a session with polling, which the further calls belong to.
func (c *Client) Handshake() (Open, error) {
	c.SID = ""
	answer := c.Get()
	if answer.Status != http.StatusOK {
		return Open{}, &RefusedError{answer}
	}
	packet, _, _ := strings.Cut(answer.Body, "\x1e")
	o, err := ParseOpen(packet)
	c.SID = o.SID
	return o, err
}

// Poll begins a GET.
func (c *Client) Poll() *Exchange { return c.Do(http.MethodGet, c.session("polling"), nil, nil) }

// Get makes a GET and waits for its answer.
func (c *Client) Get() Response { return c.Poll().Wait() }

// Post sends a payload.
func (c *Client) Post(payload string) Response {
	header := c.Header.Clone()
	header.Set("Content-Type", "text/plain;charset=UTF-8")
	return c.Do(http.MethodPost, c.session("polling"), header, []byte(payload)).Wait()
}

// RefusedError is the answer to a request that was not let in.
type RefusedError struct{ Response Response }

// Error implements error.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("enginetest: refused: %d %s", e.Response.Status, e.Response.Body)
}

// Dial opens a websocket: for the client's session if it has one, as a probe, else for a new session, whose open packet is the
// first that Recv returns.
func (c *Client) Dial() (*Conn, error) { return c.DialQuery(c.session("websocket")) }

// DialQuery opens a websocket with the given raw query.
func (c *Client) DialQuery(query string) (*Conn, error) {
	header := c.Header.Clone()
	for k, v := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		if header.Get(k) == "" {
			header.Set(k, v)
		}
	}
	e := c.Do(http.MethodGet, query, header, nil)
	if e.conn == nil {
		return nil, &RefusedError{e.Wait()}
	}
	return e.conn, nil
}

// Upgrade moves the client's session to a websocket. No poll may be parked.
func (c *Client) Upgrade() (*Conn, error) {
	conn, err := c.Dial()
	if err != nil {
		return nil, err
	}
	if err := conn.Send("2probe"); err != nil {
		return nil, err
	}
	f, err := conn.Recv()
	if err != nil {
		return nil, err
	}
	if f != (Frame{Text: true, Data: "3probe"}) {
		return nil, fmt.Errorf("enginetest: answer to the probe: %q", f.Data)
	}
	return conn, conn.Send("5")
}
