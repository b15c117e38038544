package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockd/sockd/fleet"
)

func TestGroup(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	untilEnd := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, tt := range []struct {
		name   string
		actors []func(context.Context) error
		want   error
	}{
		{"one returns, the others are ended", []func(context.Context) error{untilEnd, func(context.Context) error { return nil }, untilEnd}, nil},
		{"the first fault counts", []func(context.Context) error{untilEnd, func(context.Context) error { return broken }}, broken},
		{"a fault on the way out counts too", []func(context.Context) error{
			func(context.Context) error { return nil },
			func(ctx context.Context) error { <-ctx.Done(); return broken },
		}, broken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var g group
				for _, a := range tt.actors {
					g.add(a)
				}
				if err := g.run(t.Context()); !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		})
	}
}

// The first signal drains; a second TERM changes nothing; a second interrupt ends the group although the drain goes on.
func TestSecondInterrupt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		drained := make(chan struct{})
		defer close(drained)
		signals := make(chan os.Signal)
		draining, drain := context.WithCancel(t.Context())
		var g group
		g.add(func(context.Context) error {
			<-draining.Done()
			<-drained
			return nil
		})
		g.add(func(ctx context.Context) error { return stops(ctx, signals, drain, slog.New(slog.DiscardHandler)) })
		result := make(chan error, 1)
		go func() { result <- g.run(t.Context()) }()
		for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM} {
			signals <- s
			synctest.Wait()
			if draining.Err() == nil || len(result) > 0 {
				t.Fatalf("after %v: draining %v, ended %d", s, draining.Err(), len(result))
			}
		}
		begun := time.Now()
		signals <- syscall.SIGINT
		if err := <-result; !errors.Is(err, errAtOnce) || time.Since(begun) > 0 {
			t.Errorf("got %v after %v", err, time.Since(begun))
		}
	})
}

// The watcher's trouble comes when it comes, and is logged once.
func TestPollingOnlyIsLoggedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		trouble, ended := make(chan error, 1), make(chan error, 1)
		var out bytes.Buffer
		log := newLog(&out, true, nil, nil)
		go func() {
			ended <- reloads(ctx, announced{Fleet: fleet.New(fleet.Options{})}, triggers{trouble: trouble}, log.Logger)
		}()
		<-time.After(time.Minute)
		for range 2 {
			trouble <- syscall.ENOSPC
			synctest.Wait()
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("reloads: %v", err)
		}
		if n := strings.Count(out.String(), "files are watched by polling only"); n != 1 || !strings.Contains(out.String(), "no space left") {
			t.Errorf("%d lines, want 1:\n%s", n, out.String())
		}
	})
}
