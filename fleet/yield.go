package fleet

// yieldFor has whoever else of this process listens on one of ports let go of it, for an instance that finds no other address: the dashboard,
// which takes the next free port. It returns that port, or 0 if nobody is in the way or may go. A rehearsal changes nothing.
func (f *Fleet) yieldFor(host string, ports []int, free func(port int) bool, rehearsal bool) int {
	if f.o.Yield == nil {
		return 0
	}
	for _, port := range ports {
		if port > 0 && free(port) && f.o.Yield(host, port, rehearsal) {
			return port
		}
	}
	return 0
}

// bindYielded opens an address for e that somebody else of this process has given up; err is why there is none otherwise.
func (l *loop) bindYielded(e *entry, ports []int, err error) (*binding, error) {
	port := l.f.yieldFor(e.cfg.Host, ports, func(port int) bool { return l.owner(e, port) == "" }, false)
	if port == 0 {
		return nil, err
	}
	b, err := l.f.open(e.name, e.cfg.Host, port)
	if err != nil {
		return nil, err
	}
	l.chose(e.name, e.cfg.Port, b)
	return b, nil
}

// openYielded is the same for an edit.
func (t *transaction) openYielded(j *job, ports []int, err error) error {
	port := t.l.f.yieldFor(j.cfg.Host, ports, func(port int) bool { return t.owner(j, port) == "" }, t.rehearsal)
	switch {
	case port == 0:
		return err
	case t.rehearsal:
		t.taken.add(port, claim{j.cfg.Host, j.e.name})
		return nil
	}
	return t.open(j, port)
}
