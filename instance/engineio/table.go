package engineio

import (
	"hash/maphash"
	"sync"
)

const tableShards = 16

// table holds the sessions by id. Socket.mu may be held when its methods are called, not the other way round.
type table struct {
	seed   maphash.Seed
	shards [tableShards]struct {
		mu sync.Mutex
		m  map[string]*Socket
	}
}

// get returns the socket of a session, or nil.
func (t *table) get(id string) *Socket {
	sh := &t.shards[maphash.String(t.seed, id)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.m[id]
}

// add reports whether the id was free.
func (t *table) add(s *Socket) bool {
	sh := &t.shards[maphash.String(t.seed, s.id)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.id == "" || sh.m[s.id] != nil {
		return false
	}
	if sh.m == nil {
		sh.m = make(map[string]*Socket)
	}
	sh.m[s.id] = s
	return true
}

// remove forgets s, if it is the one that has the id.
func (t *table) remove(s *Socket) {
	sh := &t.shards[maphash.String(t.seed, s.id)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m[s.id] == s {
		delete(sh.m, s.id)
	}
}

// all returns a copy.
func (t *table) all() []*Socket {
	var all []*Socket
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, s := range sh.m {
			all = append(all, s)
		}
		sh.mu.Unlock()
	}
	return all
}
