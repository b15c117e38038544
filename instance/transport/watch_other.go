//go:build !linux

package transport

func findPoll(int) int { return -1 }

// watch cannot tell a kqueue of nbio anything: what comes while nobody wants it is kept up to maxHeld, and the connection is cut beyond.
func (c *conn) watch(on bool) bool { return on }

func (c *conn) peerDone() bool { return false }

func (c *conn) expectLife(int) {}
