package control_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// calls are all the orders, each on "a" and "b".
func calls(c *control.Client) map[string]func(context.Context) error {
	names := []string{"a", "b"}
	return map[string]func(context.Context) error{
		"start a,b":   func(ctx context.Context) error { return c.Start(ctx, names) },
		"stop a,b":    func(ctx context.Context) error { return c.Stop(ctx, names) },
		"restart a,b": func(ctx context.Context) error { return c.Restart(ctx, names) },
		"wait for ready a,b": func(ctx context.Context) error {
			_, err := c.Wait(ctx, names, control.GoalReady)
			return err
		},
	}
}

func TestOrdersTravel(t *testing.T) {
	t.Parallel()
	b := &backend{orders: make(chan string, 1), status: example()}
	c := control.Dial(serve(t, b))
	for want, call := range calls(c) {
		if err := call(t.Context()); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if got := <-b.orders; got != want {
			t.Errorf("asked for %q, want %q", got, want)
		}
	}
	if err := c.Shutdown(t.Context()); err != nil || <-b.orders != "shutdown " {
		t.Errorf("shutdown: %v", err)
	}
	st, err := c.Wait(t.Context(), nil, control.GoalSettled)
	if err != nil || !reflect.DeepEqual(st, b.status) || <-b.orders != "wait for settled " {
		t.Errorf("wait: %v, status %+v", err, st)
	}
}

func TestOrdersAreRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		err     error
		unknown bool
	}{
		{"by name", fmt.Errorf("%w: %q", control.ErrUnknown, "b"), true},
		{"for another reason", errors.New("the fleet is stopping"), false},
	} {
		for what, call := range calls(control.Dial(serve(t, &backend{err: tt.err}))) {
			err := call(t.Context())
			if err == nil || err.Error() != tt.err.Error() || errors.Is(err, control.ErrUnknown) != tt.unknown {
				t.Errorf("%s %s: got %v", what, tt.name, err)
			}
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := control.Dial(serve(t, &backend{block: true})).Wait(ctx, nil, control.GoalReady)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
