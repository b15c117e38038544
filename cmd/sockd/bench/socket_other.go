//go:build !linux

package bench

import (
	"errors"
	"net/netip"
	"time"
)

var errSystem = errors.New("bench runs on linux only: its event loop is epoll")

type poller struct{}

type event struct {
	slot, gen int32
	writable  bool
}

var errAgain = errors.New("again")

func newPoller() (*poller, error)                            { return nil, errSystem }
func (*poller) close()                                       {}
func (*poller) wake()                                        {}
func (*poller) add(int, int32, int32) error                  { return errSystem }
func (*poller) watch(int, int32, int32, bool) error          { return errSystem }
func (*poller) wait(time.Duration, []event) ([]event, error) { return nil, errSystem }
func dial(netip.AddrPort, netip.Addr) (int, error)           { return -1, errSystem }
func dialed(int) error                                       { return errSystem }
func read(int, []byte) (int, error)                          { return 0, errSystem }
func write(int, []byte) (int, error)                         { return 0, errSystem }
func hangUp(int)                                             {}
func raiseFiles(int) error                                   { return errSystem }
func ownCPU() time.Duration                                  { return 0 }
func reason(err error) string                                { return err.Error() }
