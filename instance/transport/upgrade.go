package transport

import (
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"

	"github.com/sockd/sockd/instance/engineio"
)

// ErrHandshake is returned by [Server.Upgrade] for a request that is no valid WebSocket handshake.
var ErrHandshake = errors.New("bad websocket handshake")

// Upgrade implements [engineio.Host] (RFC 6455, section 4.2). A request for another version of the protocol than 13 is answered 426, every
// other fault 400, and the connection is closed after it. Frames that came with the handshake are read once ServeHTTP has returned.
func (s *Server) Upgrade(w http.ResponseWriter, r *http.Request, frame func(text bool, p []byte), gone func(error)) (engineio.Conn, error) {
	rw, err := s.current(w)
	if err != nil {
		return nil, err
	}
	key, status, err := checkHandshake(r, rw)
	if err != nil {
		s.counters.refuse(handshake)
		refuseHandshake(rw, status, err)
		return nil, err
	}
	var extensions string
	var window uint8
	if s.options.Load().Deflate {
		extensions, window = offered(r.Header["Sec-Websocket-Extensions"])
	}
	c := rw.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase != handling {
		return nil, engineio.ErrClosed
	}
	rw.over = true
	if err := c.send(switching(rw.header, key, extensions)); err != nil {
		return nil, err
	}
	c.phase, c.window, c.most = upgraded, window, s.options.Load().MaxMessage
	c.ws = &webSocket{c: c, frame: frame, gone: gone}
	s.counters.upgrades.Add(1)
	s.counters.sockets.Add(1)
	return c.ws, nil
}

// checkHandshake returns the key of a valid handshake, or the status to refuse it with.
func checkHandshake(r *http.Request, w *response) (key string, status int, err error) {
	keys := r.Header["Sec-Websocket-Key"]
	versions := r.Header["Sec-Websocket-Version"]
	status = http.StatusBadRequest
	switch {
	case r.Method != http.MethodGet || w.old:
		err = fmt.Errorf("%w: not a GET of HTTP/1.1", ErrHandshake)
	case !w.handshake:
		err = fmt.Errorf("%w: request has a body", ErrHandshake)
	case !hasToken(r.Header["Connection"], "upgrade") || !hasToken(r.Header["Upgrade"], "websocket"):
		err = fmt.Errorf("%w: no upgrade to websocket asked for", ErrHandshake)
	case len(versions) != 1 || versions[0] != "13":
		err, status = fmt.Errorf("%w: version is not 13", ErrHandshake), http.StatusUpgradeRequired
	case len(keys) != 1 || !isKey(keys[0]):
		err = fmt.Errorf("%w: key is not 16 bytes in base64", ErrHandshake)
	default:
		key = keys[0]
	}
	return key, status, err
}

func isKey(key string) bool {
	b, err := base64.StdEncoding.Strict().DecodeString(key)
	return err == nil && len(b) == 16
}

// refuseHandshake sets the answer; it is sent when the handler returns.
func refuseHandshake(w *response, status int, err error) {
	h := w.Header()
	h.Set("Connection", "close")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if status == http.StatusUpgradeRequired {
		h.Set("Sec-WebSocket-Version", "13")
	}
	w.WriteHeader(status)
	w.WriteString(err.Error() + "\n")
	w.over = true
}

// switching is the answer 101, with the fields of h that say nothing about a body, and the extensions that were agreed on.
func switching(h http.Header, key, extensions string) []byte {
	h = h.Clone()
	for _, name := range []string{"Upgrade", "Sec-Websocket-Accept", "Sec-Websocket-Extensions", "Content-Type"} {
		delete(h, name)
	}
	var f fields
	f.add(h, nil)
	dst := appendStatus(make([]byte, 0, 160+len(f.lines)), http.StatusSwitchingProtocols)
	dst = append(dst, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	dst = append(dst, acceptKey(key)...)
	dst = append(dst, "\r\n"...)
	if extensions != "" {
		dst = append(dst, "Sec-WebSocket-Extensions: "+extensions+"\r\n"...)
	}
	dst = append(dst, f.lines...)
	return append(dst, "\r\n"...)
}

// acceptKey proves that the handshake was understood (RFC 6455, section 4.2.2).
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}
