package static

import (
	"container/list"
	"errors"
	"sync"
)

// cache keeps files that took work to make. What was not asked for the longest goes when there are more bytes than the limit.
type cache struct {
	limit int

	mu      sync.Mutex
	size    int
	entries map[cacheKey]*list.Element
	order   list.List // of *cached; the last used first
	making  map[cacheKey]*making
}

// cacheKey tells the content: a file that is changed has another time or size.
type cacheKey struct {
	at, name       string
	modified, size int64
	coding         string
}

// prepared is a file in the form in which it is sent; not to be changed.
type prepared struct {
	body []byte
	tag  string
}

type cached struct {
	key cacheKey
	prepared
}

type making struct {
	done chan struct{}
	prepared
	err error
}

var errMaker = errors.New("ended early")

// get returns what is kept for k, or makes it. Of callers that come at the same time, one makes it and the others wait.
func (c *cache) get(k cacheKey, do func() (prepared, error)) (prepared, error) {
	c.mu.Lock()
	if e := c.entries[k]; e != nil {
		c.order.MoveToFront(e)
		c.mu.Unlock()
		return e.Value.(*cached).prepared, nil
	}
	if m := c.making[k]; m != nil {
		c.mu.Unlock()
		<-m.done
		return m.prepared, m.err
	}
	m := &making{done: make(chan struct{}), err: errMaker}
	if c.making == nil {
		c.making, c.entries = map[cacheKey]*making{}, map[cacheKey]*list.Element{}
	}
	c.making[k] = m
	c.mu.Unlock()

	defer c.made(k, m) // also if do panics: others wait for it
	m.prepared, m.err = do()
	return m.prepared, m.err
}

func (c *cache) made(k cacheKey, m *making) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.making, k)
	close(m.done)
	if m.err != nil {
		return
	}
	c.entries[k] = c.order.PushFront(&cached{k, m.prepared})
	c.size += m.cost(k)
	for c.size > c.limit {
		last := c.order.Back()
		e := c.order.Remove(last).(*cached)
		delete(c.entries, e.key)
		c.size -= e.cost(e.key)
	}
}

// cost is about what an entry takes, so that empty ones are bounded too.
func (p prepared) cost(k cacheKey) int { return len(p.body) + len(k.name) + 256 }
