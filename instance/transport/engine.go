package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lesismal/nbio"
	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/mempool"
)

var errTableFull = errors.New("file number is over the limit that the event loops were made for")

// session is what a connection of ours has stored in nbio's. Both methods are called by nbio: readable on the poller's goroutine, ended once,
// on the one goroutine per engine that reports closed connections.
type session interface {
	readable()
	ended(err error)
}

// bind stores s in nc. The lock is what makes s visible to the poller, which takes it too.
func bind(nc *nbio.Conn, s session) {
	nc.Lock()
	defer nc.Unlock()
	nc.SetSession(s)
}

func bound(nc *nbio.Conn) session {
	nc.Lock()
	defer nc.Unlock()
	return nc.Session().(session)
}

// nbio keeps these for the whole process, so this package does too.
var (
	globals     sync.Mutex // guards nbio.MaxOpenFiles while an engine is being started
	globalsOnce sync.Once
)

// startEngine starts an engine that has no address. Its epoll and event files do not survive an exec.
func startEngine(pollers, maxFiles int) (*nbio.Engine, error) {
	globalsOnce.Do(func() {
		mempool.DefaultMemPool = mempool.NewSTD()
		logging.SetLogger(&bridge{})
	})
	globals.Lock()
	defer globals.Unlock()
	nbio.MaxOpenFiles = maxFiles
	engine := nbio.NewEngine(nbio.Config{
		Name:           "sockd",
		NPoller:        pollers,
		ReadBufferSize: probeBuffer, // we read ourselves
		EpollMod:       nbio.EPOLLLT,
		BodyAllocator:  mempool.DefaultMemPool,
	})
	engine.OnRead(func(nc *nbio.Conn) { bound(nc).readable() })
	engine.OnClose(func(nc *nbio.Conn, err error) { nc.Session().(session).ended(err) })
	engine.OnWrittenSize(func(nc *nbio.Conn, _ []byte, n int) {
		if c, ok := nc.Session().(*conn); ok {
			c.taken(n)
		}
	})
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := engine.Start(); err != nil {
		return nil, err
	}
	closeLoopsOnExec()
	return engine, nil
}

// bridge takes nbio's log lines to the process's logger, at most linesPerSecond of them. A line of nbio is a fault of ours or of the system:
// what it reports in ordinary life stands at level Info there and Debug here.
type bridge struct {
	second atomic.Int64
	lines  atomic.Int64
}

const linesPerSecond = 5

func (b *bridge) Debug(string, ...any) {}

func (b *bridge) Info(format string, v ...any) { b.log(slog.Default().Debug, format, v) }

func (b *bridge) Warn(format string, v ...any) { b.log(slog.Default().Warn, format, v) }

func (b *bridge) Error(format string, v ...any) { b.log(slog.Default().Error, format, v) }

func (b *bridge) log(at func(string, ...any), format string, v []any) {
	now := time.Now().Unix()
	if b.second.Swap(now) != now {
		b.lines.Store(0)
	}
	if b.lines.Add(1) <= linesPerSecond {
		at("event loop", "err", fmt.Sprintf(format, v...))
	}
}
