package socketio

import (
	"maps"
	"sync"
	"sync/atomic"
)

const (
	maxNames   = 256 // names that are kept
	maxNameLen = 64  // bytes; longer ones are not kept
)

// names keeps the first event names it sees, so that the events of a busy server share their strings. Clients can fill it with
// nonsense; then the others are copied for each event, as they would be without it.
type names struct {
	known atomic.Pointer[map[string]string]

	mu sync.Mutex
}

// string returns b as a string.
func (n *names) string(b []byte) string {
	known := n.known.Load()
	if known != nil {
		if s, ok := (*known)[string(b)]; ok {
			return s
		}
	}
	if len(b) > maxNameLen || known != nil && len(*known) >= maxNames {
		return string(b)
	}
	return n.add(string(b))
}

func (n *names) add(s string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	next := make(map[string]string)
	if known := n.known.Load(); known != nil {
		next = maps.Clone(*known)
	}
	if len(next) < maxNames {
		next[s] = s
		n.known.Store(&next)
	}
	return s
}
