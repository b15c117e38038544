package transport

// maxGathered bounds what is gathered during a turn.
const maxGathered = 64 << 10

// cork has what is sent gathered until uncork, and returns the phase. The poller calls both, for one of its connections at a time: they share its
// buffer. Whoever else writes to the connection meanwhile adds to it, and waits no longer than a turn takes.
func (c *conn) cork() phase {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.corked = true
	return c.phase
}

// gathers tells whether something waits for the end of the turn; c.mu is held.
func (c *conn) gathers() bool { return c.corked && len(c.probe.gathered) > 0 }

func (c *conn) uncork() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.release() // its end is told by gone
	c.corked = false
}

// release sends what was gathered; c.mu is held.
func (c *conn) release() error {
	if !c.gathers() {
		return nil
	}
	b := c.probe.gathered
	c.probe.gathered = b[:0]
	return c.give(b)
}
