package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
)

// ErrUnreachable means that nobody listens on the control socket: no daemon runs for this file.
var ErrUnreachable = errors.New("daemon not reachable")

// maxAnswer bounds what a client reads: a status of ten thousand instances is about 5 MB.
const maxAnswer = 64 << 20

// Client asks a running fleet. It keeps no connection between calls and may be used by many goroutines.
type Client struct {
	http http.Client
}

// Dial returns a client of the daemon that listens on the unix socket at socketPath. It opens nothing: whether somebody
// listens shows with the first call.
func Dial(socketPath string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socketPath)
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		return conn, err
	}
	return &Client{http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// Status asks for the state of the fleet. The error is or wraps [ErrUnreachable] when there is no daemon, ctx's error when
// ctx ended, else the daemon's own sentence.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var body statusBody
	if err := c.call(ctx, http.MethodGet, "/v1/status", nil, &body); err != nil {
		return Status{}, err
	}
	return body.unwrap(), nil
}

// Reload asks the daemon to read its file anew and waits for the outcome, which is in the report. Errors are those of
// [Client.Status]; when ctx ends first the reload may still take place.
func (c *Client) Reload(ctx context.Context, o ReloadOptions) (Report, error) {
	in, err := json.Marshal(o)
	if err != nil {
		return Report{}, err
	}
	var report Report
	err = c.call(ctx, http.MethodPost, "/v1/reload", in, &report)
	return report, err
}

func (c *Client) call(ctx context.Context, method, path string, in []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://sockd"+path, bytes.NewReader(in))
	if err != nil {
		return err
	}
	req.Header.Set(versionHeader, strconv.Itoa(protocolVersion))
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return cause(ctx, err)
	}
	defer resp.Body.Close()
	return c.answer(ctx, resp, out)
}

func (c *Client) answer(ctx context.Context, resp *http.Response, out any) error {
	theirs, _ := strconv.Atoi(resp.Header.Get(versionHeader))
	if theirs == 0 {
		return fmt.Errorf("control socket: whoever answers there is not sockd")
	}
	if theirs < protocolVersion {
		return errors.New(olderDaemon(theirs, protocolVersion))
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return cause(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return refused(resp.Status, body)
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("answer of the daemon: %w", err)
	}
	return nil
}

func refused(status string, body []byte) error {
	var e errorBody
	if json.Unmarshal(body, &e) != nil || e.Error.Message == "" {
		return fmt.Errorf("daemon answered %s", status)
	}
	if is := sentinel(e.Error.Code); is != nil {
		return &remoteError{e.Error.Message, is}
	}
	return errors.New(e.Error.Message)
}

// cause takes the wrapping of package http off: the operator asked for no URL.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func olderDaemon(daemon, client int) string {
	return fmt.Sprintf("the running daemon is older than this sockd (control protocol %d, needed %d): restart it with `sockd fleet stop` and `sockd fleet start`", daemon, client)
}
