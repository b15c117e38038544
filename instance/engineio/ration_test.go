package engineio_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
)

// python-engineio ends its session over more than 16 packets in one payload. It gets the rest with its next polls, in order.
func TestPythonClientsGetNoMoreThanTheyTake(t *testing.T) {
	for _, agent := range []string{"python-requests/2.28.1", "Python/3.11 aiohttp/3.8.4"} {
		t.Run(agent, func(t *testing.T) {
			bubble(t, engineio.Options{}, func(r *rig) {
				r.client.Header.Set("User-Agent", agent)
				r.handshake()
				s := r.session(0).socket
				var want, got []string
				send := func(n int) {
					var parts []*engineio.Message
					for range n {
						p := fmt.Sprintf("4%d", len(want))
						want = append(want, p)
						parts = append(parts, text(p[1:]))
					}
					_ = s.Send(engineio.Batch(parts...))
				}
				take := func(body string) {
					packets := strings.Split(body, "\x1e")
					if len(packets) > 16 {
						t.Errorf("%d packets in one payload", len(packets))
					}
					got = append(got, packets...)
				}
				poll := r.client.Poll()
				send(50) // more than a parked poll takes
				take(poll.Wait().Body)
				send(10)
				send(7)
				for range 100 {
					send(1)
				}
				for len(got) < len(want) {
					take(r.client.Get().Body)
				}
				if strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("got %v", got)
				}
				if s.Buffered() != 0 {
					t.Errorf("%d bytes are left", s.Buffered())
				}
				poll = r.client.Poll()
				send(16)
				take(poll.Wait().Body)
			})
		})
	}
}
