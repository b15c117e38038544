package instance

import (
	"context"
	"fmt"
	"strings"

	"github.com/sockd/sockd/instance/broadcast"
)

// Letter is an event that one client has not acknowledged, or never will.
type Letter = broadcast.Letter

// Retried is what [Instance.Flush] and [Instance.Discard] have done, in pairs of event and client.
type Retried struct {
	Pending int // sent again, or given up
	Dead    int // published anew, or forgotten
	Away    int // dead letters that stay because their client is not there
	Failed  int // dead letters that stay because they were refused
}

// Letters returns what waits for an acknowledgement and the last that was given up, in one namespace or, with "", in all.
func (in *Instance) Letters(namespace string) (pending, dead []Letter, err error) {
	found, err := in.chosen(namespace)
	for _, sp := range found {
		pending = append(pending, shown(sp.b.Unanswered())...)
		dead = append(dead, shown(sp.b.Dead())...)
	}
	return pending, dead, err
}

// chosen are the namespaces that an operator means, at least one.
func (in *Instance) chosen(namespace string) ([]*space, error) {
	found := in.operable(namespace)
	if len(found) == 0 && namespace != "" {
		return nil, fmt.Errorf("%w: %q", ErrNoNamespace, namespace)
	}
	return found, nil
}

// shown takes what keeps the ids of different subjects apart off the clients' ids.
func shown(letters []Letter) []Letter {
	for i := range letters {
		if _, id, ok := strings.Cut(letters[i].Client, "\x00"); ok {
			letters[i].Client = id
		}
	}
	return letters
}

// Flush sends all that waits for an acknowledgement again, now, to the clients that are there. With dead, the dead letters of clients that are there are
// published anew, each for its client alone; it waits until they have their place in the order.
func (in *Instance) Flush(ctx context.Context, namespace string, dead bool) (Retried, error) {
	if !in.serving() {
		return Retried{}, ErrNotServing
	}
	found, err := in.chosen(namespace)
	var sum Retried
	for _, sp := range found {
		sum.Pending += sp.b.Flush()
		if dead && err == nil {
			err = sum.revive(ctx, sp)
		}
	}
	return sum, err
}

// revive publishes the dead letters of a namespace anew.
func (sum *Retried) revive(ctx context.Context, sp *space) error {
	done := make(chan [3]int, 1)
	sp.b.Revive(func(sent, failed, away int) { done <- [3]int{sent, failed, away} })
	select {
	case n := <-done:
		sum.Dead, sum.Failed, sum.Away = sum.Dead+n[0], sum.Failed+n[1], sum.Away+n[2]
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Discard forgets the dead letters and, with pending, gives up what waits for an acknowledgement.
func (in *Instance) Discard(namespace string, pending bool) (Retried, error) {
	found, err := in.chosen(namespace)
	var sum Retried
	for _, sp := range found {
		if !pending {
			sum.Dead += sp.b.Forget()
			continue
		}
		p, d := sp.b.Discard()
		sum.Pending, sum.Dead = sum.Pending+p, sum.Dead+d
	}
	return sum, err
}
