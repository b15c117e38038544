package fleet

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet/control"
)

// refusal is why an edit that could be read cannot be applied.
type refusal struct {
	instance string
	key      string // below the instance; "" = all of it
	hint     string // what to do about it
	err      error  // names the instance itself
}

func (r *refusal) Error() string { return r.err.Error() }

func (r *refusal) Unwrap() error { return r.err }

// refuse names the instance, the address and, if it is in use, who uses it.
func (t *transaction) refuse(j *job, err error) error {
	name, c := j.e.name, j.cfg
	r := &refusal{instance: name, key: "port", hint: remedy(err), err: fmt.Errorf("instance.%s: %w", name, err)}
	if j.e.bound != nil && j.e.cfg.Port == c.Port {
		r.key = "host"
	}
	switch {
	case j.yields != "":
		r.instance, r.key, r.hint = j.yields, "port", "choose another port, or give that instance more ports"
		r.err = fmt.Errorf("instance.%s: port %d is in use by instance %s of this fleet, which finds no other one in %s", j.yields, j.e.bound.port, name, c.Port)
	case inUse(err):
		r.err = fmt.Errorf("instance.%s: listen %s: %s", name, c.Addr(), t.l.f.busyNote(c, err))
	}
	return r
}

// remedy is what helps against an address that cannot be bound.
func remedy(err error) string {
	_, own := errors.AsType[*ownError](err)
	switch {
	case own:
		return "choose another port"
	case errors.Is(err, syscall.EADDRINUSE):
		return "stop that process or choose another port"
	case errors.Is(err, syscall.EACCES):
		return "choose a port from 1024 on, or allow sockd the lower ones (CAP_NET_BIND_SERVICE)"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "choose an address of this machine"
	}
	return ""
}

// busyNote says which port is in use and by whom, as far as that can be known.
func (f *Fleet) busyNote(c *config.Instance, err error) string {
	if !c.Port.Fixed() {
		return "ports " + c.Port.String() + " all in use"
	}
	if own, ok := errors.AsType[*ownError](err); ok {
		return own.Error()
	}
	pid, command := f.o.Holder(c.Host, c.Port.First)
	switch {
	case pid == 0:
		return fmt.Sprintf("port %d in use", c.Port.First)
	case command == "":
		return fmt.Sprintf("port %d in use by pid %d", c.Port.First, pid)
	}
	return fmt.Sprintf("port %d in use by pid %d (%s)", c.Port.First, pid, command)
}

// faultIn is a fault of an edit that could be read, with its place in the file if it has one.
func faultIn(c *config.Config, err error) control.Fault {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return control.Fault{File: c.Path, Message: err.Error()}
	}
	f := control.Fault{Message: err.Error(), Hint: r.hint}
	f.File, f.Line, f.Col = c.Position(r.instance, r.key)
	return f
}

func faultsIn(c *config.Config, errs []error) []control.Fault {
	faults := make([]control.Fault, len(errs))
	for i, err := range errs {
		faults[i] = faultIn(c, err)
	}
	return faults
}
