package fleet

import (
	"io"
	"time"

	"github.com/sockd/sockd/config"
)

// Budget is the backoff of one instance.
type Budget = budget

func (b *budget) Next(now time.Time, r config.Backoff, dice float64) (time.Duration, bool) {
	return b.next(now, r, dice)
}

func BusyWait(n int, dice float64) time.Duration { return busyWait(n, dice) }

func Candidates(p config.Port, has, had int) []int { return candidates(p, has, had) }

// ListeningOn returns the addresses and the inodes, as in 127.0.0.1 12345.
func ListeningOn(r io.Reader, host string, port int) (list []string) {
	for _, l := range listeningOn(r, host, port) {
		list = append(list, l.addr.String()+" "+l.inode)
	}
	return list
}

func ParsePorts(data []byte) (map[string]int, error) { return parsePorts(data) }
