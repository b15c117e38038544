package transport_test

import (
	"fmt"
	"testing"

	"github.com/sockd/sockd/instance/transport"
)

// TestKernelWatchesPausedClients: nobody reads from them, so only the kernel can notice that a host is dead.
func TestKernelWatchesPausedClients(t *testing.T) {
	t.Parallel()
	p := newPauseRig(t, transport.Options{})
	_, conn := p.open()
	is := func(want string) func() bool {
		return func() bool {
			asks, gives := transport.Patience(p.Server)
			return fmt.Sprint(asks, gives) == want
		}
	}
	until(t, "system's patience", is("[1] [0]"))
	conn.Pause(true)
	until(t, "less patience while paused", is("[1] [45000]"))
	conn.Pause(false)
	until(t, "system's patience again", is("[1] [0]"))
}
