package control_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

// moment is when everything has happened.
var moment = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)

func (b *backend) Emit(ctx context.Context, e control.EmitRequest) (control.Emitted, error) {
	return control.Emitted{ID: "abcdefgh-7", Seq: 7, Namespace: e.Namespace, Recipients: len(e.Args), Acked: 1, Awaited: 2}, b.order(ctx, "emit", e.Rooms)
}

func (b *backend) Tail(ctx context.Context, t control.TailRequest, send func(control.TailLine) error) error {
	if err := b.order(ctx, "tail", t.Names); err != nil {
		return err
	}
	for n := range uint64(3) {
		if err := send(control.TailLine{Time: moment, Instance: "a", Dir: control.In, Event: t.Event, Args: json.RawMessage(`[1]`), Seq: n}); err != nil {
			return err
		}
		if err := send(control.TailLine{}); err != nil {
			return err
		}
	}
	return nil
}

func (b *backend) Rooms(ctx context.Context, r control.InstanceRequest) (control.RoomList, error) {
	return control.RoomList{Rooms: []control.Room{{Room: "r", Namespace: "/", Clients: 3}}}, b.order(ctx, "rooms", []string{r.Instance})
}

func (b *backend) Clients(ctx context.Context, r control.InstanceRequest) (control.ClientList, error) {
	list := control.ClientList{Clients: []control.ClientInfo{{SID: "s", Since: moment, Rooms: []string{"r"}, ClientID: "c", Subject: "u"}}, More: 1}
	return list, b.order(ctx, "clients", []string{r.Instance})
}

func (b *backend) Kick(ctx context.Context, k control.KickRequest) (struct{}, error) {
	return struct{}{}, b.order(ctx, "kick", []string{k.Instance, k.SID})
}

func (b *backend) History(ctx context.Context, h control.HistoryRequest) (control.HistoryPage, error) {
	p := control.HistoryPage{Events: []control.PastEvent{{ID: "abcdefgh-2", Seq: 2, Args: json.RawMessage(`[]`), At: moment}}, Gap: &control.Gap{From: 1, To: 1}}
	return p, b.order(ctx, "history", []string{h.Instance, h.Since})
}

func (b *backend) Letters(ctx context.Context, r control.RetryRequest) (control.LetterList, error) {
	l := control.Letter{Seq: 1, Event: "e", Args: []json.RawMessage{json.RawMessage(`1`)}, Namespace: "/", Client: "c", Attempts: 3, Time: moment}
	return control.LetterList{Pending: []control.Letter{l}, Dead: []control.Letter{}}, b.order(ctx, "letters", []string{r.Instance, r.Namespace})
}

func (b *backend) Flush(ctx context.Context, r control.RetryRequest) (control.Retried, error) {
	return control.Retried{Pending: 1, Dead: 2, Away: 3, Failed: 4}, b.order(ctx, "flush", []string{r.Instance, fmt.Sprint(r.Dead)})
}

func (b *backend) Drop(ctx context.Context, r control.RetryRequest) (control.Retried, error) {
	return control.Retried{Pending: 1}, b.order(ctx, "drop", []string{r.Instance, fmt.Sprint(r.Pending)})
}

// requests are all that is asked of one instance, by what the backend is to note.
func requests(c *control.Client) map[string]func(context.Context) (any, error) {
	return map[string]func(context.Context) (any, error){
		"emit r": func(ctx context.Context) (any, error) {
			return c.Emit(ctx, control.EmitRequest{Instance: "a", Event: "e", Args: json.RawMessage(`[1,2]`), Rooms: []string{"r"}})
		},
		"rooms a":   func(ctx context.Context) (any, error) { return c.Rooms(ctx, control.InstanceRequest{Instance: "a"}) },
		"clients a": func(ctx context.Context) (any, error) { return c.Clients(ctx, control.InstanceRequest{Instance: "a"}) },
		"kick a,s": func(ctx context.Context) (any, error) {
			return struct{}{}, c.Kick(ctx, control.KickRequest{Instance: "a", SID: "s"})
		},
		"history a,7": func(ctx context.Context) (any, error) {
			return c.History(ctx, control.HistoryRequest{Instance: "a", Since: "7"})
		},
		"letters a,/n": func(ctx context.Context) (any, error) {
			return c.Letters(ctx, control.RetryRequest{Instance: "a", Namespace: "/n"})
		},
		"flush a,true": func(ctx context.Context) (any, error) {
			return c.Flush(ctx, control.RetryRequest{Instance: "a", Dead: true})
		},
		"drop a,true": func(ctx context.Context) (any, error) {
			return c.Drop(ctx, control.RetryRequest{Instance: "a", Pending: true})
		},
	}
}

func TestRequestsTravel(t *testing.T) {
	t.Parallel()
	b := &backend{orders: make(chan string, 1)}
	for want, request := range requests(control.Dial(serve(t, b))) {
		got, err := request(t.Context())
		if err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if asked := <-b.orders; asked != want {
			t.Errorf("asked for %q, want %q", asked, want)
		}
		if reflect.ValueOf(got).IsZero() && want != "kick a,s" {
			t.Errorf("%s: the answer is empty", want)
		}
	}
}

func TestAnswersTravelWhole(t *testing.T) {
	t.Parallel()
	b := &backend{}
	c := control.Dial(serve(t, b))
	ctx := t.Context()
	clients, _ := b.Clients(ctx, control.InstanceRequest{})
	if got, err := c.Clients(ctx, control.InstanceRequest{}); err != nil || !reflect.DeepEqual(got, clients) {
		t.Errorf("clients: got %+v, %v, want %+v", got, err, clients)
	}
	page, _ := b.History(ctx, control.HistoryRequest{})
	if got, err := c.History(ctx, control.HistoryRequest{}); err != nil || !reflect.DeepEqual(got, page) {
		t.Errorf("history: got %+v, %v, want %+v", got, err, page)
	}
	letters, _ := b.Letters(ctx, control.RetryRequest{})
	if got, err := c.Letters(ctx, control.RetryRequest{}); err != nil || !reflect.DeepEqual(got, letters) {
		t.Errorf("letters: got %+v, %v, want %+v", got, err, letters)
	}
}

func TestRequestsAreRefused(t *testing.T) {
	t.Parallel()
	sentinels := []error{control.ErrUnknown, control.ErrBusy, control.ErrNotServing, control.ErrUnknownClient}
	for _, is := range append(sentinels, errors.New("another reason")) {
		b := &backend{err: fmt.Errorf("%w: of a", is)}
		for what, request := range requests(control.Dial(serve(t, b))) {
			_, err := request(t.Context())
			if err == nil || err.Error() != b.err.Error() {
				t.Errorf("%s: got %v, want %v", what, err, b.err)
			}
			for _, s := range sentinels {
				if errors.Is(err, s) != (s == is) {
					t.Errorf("%s: %v is taken for %v", what, err, s)
				}
			}
		}
	}
}

func TestLargeEventTravels(t *testing.T) {
	t.Parallel()
	c := control.Dial(serve(t, &backend{}))
	args := json.RawMessage(`["` + strings.Repeat("x", 2<<20) + `"]`)
	r, err := c.Emit(t.Context(), control.EmitRequest{Instance: "a", Event: "e", Args: args})
	if err != nil || r.Recipients != len(args) {
		t.Errorf("got %+v, %v", r, err)
	}
	args = json.RawMessage(`["` + strings.Repeat("x", 18<<20) + `"]`)
	if _, err = c.Emit(t.Context(), control.EmitRequest{Instance: "a", Event: "e", Args: args}); err == nil {
		t.Error("an event of 18 MiB is taken")
	}
}

func TestTailTravels(t *testing.T) {
	t.Parallel()
	b := &backend{orders: make(chan string, 1)}
	c := control.Dial(serve(t, b))
	var got []control.TailLine
	begun := 0
	err := c.Tail(t.Context(), control.TailRequest{Names: []string{"a", "b*"}, Event: "e"}, func() { begun++ }, func(l control.TailLine) error {
		got = append(got, l)
		return nil
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || begun != 1 {
		t.Errorf("got %v, begun %d times, want the end of the daemon and once", err, begun)
	}
	if asked := <-b.orders; asked != "tail a,b*" {
		t.Errorf("asked for %q", asked)
	}
	if len(got) != 3 || got[2].Seq != 2 || !got[2].Time.Equal(moment) || string(got[2].Args) != "[1]" {
		t.Errorf("got %+v", got)
	}
}

func TestTailEndsWithItsReader(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	c := control.Dial(serve(t, &backend{}))
	if err := c.Tail(t.Context(), control.TailRequest{Event: "e"}, func() {}, func(control.TailLine) error { return full }); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c = control.Dial(serve(t, &backend{block: true}))
	if err := c.Tail(ctx, control.TailRequest{}, cancel, func(control.TailLine) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err := control.Dial("nowhere").Tail(t.Context(), control.TailRequest{}, func() {}, nil); !errors.Is(err, control.ErrUnreachable) {
		t.Errorf("got %v, want %v", err, control.ErrUnreachable)
	}
}

func FuzzTailLines(f *testing.F) {
	for _, seed := range []string{"", "\n\n", `{"time":"2026-01-02T03:04:05Z","event":"e"}` + "\n", "{", `{"args":[1}`, "[]\n", `{"lost":7}` + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := 0
		err := control.TailLines(strings.NewReader(text), func(control.TailLine) error { lines++; return nil })
		if err == nil {
			t.Error("a stream has no end of its own")
		}
		if n := strings.Count(text, "\n") + 1; lines > n {
			t.Errorf("%d events in %d lines", lines, n)
		}
	})
}
