package socketio_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/sockd/sockd/instance/socketio"
)

func TestLimitOfRooms(t *testing.T) {
	bubble(t, socketio.Options{MaxRooms: 3}, func(r *rig) {
		n := r.noted("/")
		n.connect = func(s *socketio.Socket, _ json.RawMessage) error {
			if err := s.Join("a", "b", "c", "d"); !errors.Is(err, socketio.ErrRooms) {
				r.Errorf("four during Connect: %v", err)
			}
			return s.Join("a")
		}
		_, s := r.socket("/")
		join := func(want error, rooms ...string) {
			t.Helper()
			if err := s.Join(rooms...); !errors.Is(err, want) {
				t.Errorf("join %q: got %v, want %v", rooms, err, want)
			}
		}
		is := func(want ...string) {
			t.Helper()
			if got := s.Rooms()[1:]; !slices.Equal(got, want) {
				t.Errorf("in %q, want %q", got, want)
			}
		}
		join(socketio.ErrRooms, "b", "c", "d")
		is("a") // none of them
		join(nil, "a", s.ID(), "b", "b", "a", "c", "c")
		is("a", "b", "c")
		join(nil, "a", "b", "c", s.ID())
		join(socketio.ErrRooms, "d")
		s.Leave("b")
		join(nil, "d")
		is("a", "c", "d")
		r.io.Configure(socketio.Options{MaxRooms: 1})
		is("a", "c", "d")
		join(nil, "a")
		join(socketio.ErrRooms, "b")
		r.io.Configure(socketio.Options{})
		join(nil, "b", "e", "f")
		s.Disconnect(false)
		r.io.Configure(socketio.Options{MaxRooms: 1})
		join(nil, "too", "late")
	})
}
