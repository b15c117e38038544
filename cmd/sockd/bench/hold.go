package bench

import "time"

// hold is modes idle and connect: clients connect, and stay.
type hold struct{}

func (hold) joined(*client)         {}
func (hold) packet(*client, []byte) {}
func (hold) left(*client, stage)    {}
func (hold) enter(phase)            {}
func (hold) turn() time.Duration    { return idleWait }
func (hold) check(time.Duration)    {}

// churn is the mode of that name.
type churn struct {
	loop  *loop
	again []*client // dial now
	later []*client // dial at the next check, since they were refused
	sent  uint64
}

func (d *churn) joined(c *client) {
	d.sent++
	c.send(d.loop.packets.event.with(d.sent))
	c.leave()
}

func (d *churn) left(c *client, was stage) {
	if was == leaving {
		d.loop.tally.events++
		d.again = append(d.again, c)
	} else {
		d.later = append(d.later, c)
	}
}

func (d *churn) turn() time.Duration {
	lp := d.loop
	for len(d.again) > 0 && !lp.run.ending() && lp.dialing < lp.run.dialWidth() {
		c := d.again[0]
		d.again = d.again[1:]
		lp.dialing++
		c.begin(c.nth)
	}
	if len(d.again) > 0 {
		return time.Millisecond
	}
	return idleWait
}

func (d *churn) packet(*client, []byte) {}
func (d *churn) enter(phase)            {}
func (d *churn) check(time.Duration) {
	d.again, d.later = append(d.again, d.later...), nil
}
