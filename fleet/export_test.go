package fleet

import (
	"context"
	"io"
	"time"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/instance/transport"
)

// Budget is the backoff of one instance.
type Budget = budget

func (b *budget) Next(now time.Time, r config.Backoff, dice float64) (time.Duration, bool) {
	return b.next(now, r, dice)
}

func BusyWait(n int, dice float64) time.Duration { return busyWait(n, dice) }

func Candidates(p config.Port, has, had int) []int { return candidates(p, has, had) }

func ListeningInodes(r io.Reader, port int) []string { return listeningInodes(r, port) }

func ParsePorts(data []byte) (map[string]int, error) { return parsePorts(data) }

func PortHolder(port int) (int, string) { return portHolder(port) }

func ListenTCP(ctx context.Context, addr string) (transport.Listener, error) {
	return listenTCP(ctx, addr)
}
