package fleet

import (
	"context"
	"time"

	"github.com/sockd/sockd/config"
)

// reopenFor closes the addresses of the fleet that keep j's from being bound (the same port on another host) and binds it. Who
// connects in between is refused; that is less than a millisecond, and there is no other way. It is the last part of an edit that can
// fail, and the only one that clients can notice when it does.
func (t *transaction) reopenFor(j *job) error {
	port := t.reopenPort(j)
	for addr, b := range t.free {
		if b.port != port || !config.Overlap(b.host, j.cfg.Host) {
			continue
		}
		holder := t.l.holderOf(b)
		if holder.run != nil {
			holder.run.member.Serve(nil)
		}
		b.ln.Close()
		delete(t.free, addr)
		t.touched = true
		t.undo = append(t.undo, func() { t.l.restore(holder, b) })
	}
	return t.open(j, port)
}

func (l *loop) holderOf(b *binding) *entry {
	for _, e := range l.entries {
		if e.bound == b {
			return e
		}
	}
	return nil
}

// restore binds an address again that was closed for an edit that was then rolled back. If somebody else was quicker, the
// instance keeps its clients and waits for the address.
func (l *loop) restore(e *entry, b *binding) {
	ln, err := l.f.o.Listen(context.Background(), e.name, b.addr)
	if err != nil {
		l.f.o.Log.Error("address lost while an edit was undone", "instance", e.name, "listen", b.addr, "err", err)
		e.bound, e.retryAt, e.note = nil, time.Now(), err.Error()
		return
	}
	b.ln = ln
	if e.run != nil {
		e.run.member.Serve(ln)
	}
}
