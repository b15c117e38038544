package fleet

import (
	"cmp"
	"errors"
	"slices"
	"syscall"

	"github.com/sockd/sockd/config"
)

func inUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// place finds an address for every job that needs one: one that the edit gives up elsewhere, or a new one. Fixed ports
// choose first, then those that have a port they would like to keep.
func (t *transaction) place() (faults []error) {
	var jobs []*job
	for _, j := range t.jobs {
		if j.places() {
			jobs = append(jobs, j)
		}
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return cmp.Compare(a.freedom(), b.freedom()) })
	for _, j := range jobs {
		err := t.placeOne(j)
		switch {
		case err == nil:
		case j.alone():
			j.unbound = err
		default:
			faults = append(faults, t.refuse(j, err))
		}
	}
	return faults
}

func (j *job) freedom() int {
	switch {
	case j.cfg.Port.Fixed():
		return 0
	case j.e.bound != nil:
		return 1
	case !j.cfg.Port.Auto:
		return 2
	}
	return 3
}

// has is the port that the instance listens on now, 0 for none.
func (j *job) has() int {
	if j.e.bound == nil {
		return 0
	}
	return j.e.bound.port
}

func (t *transaction) candidates(j *job) []int {
	return candidates(j.cfg.Port, j.has(), t.l.ports.get(j.e.name))
}

func (t *transaction) placeOne(j *job) (err error) {
	ports := t.candidates(j)
	for _, port := range ports {
		addr := address(j.cfg.Host, port)
		if owner := t.owner(j, port); owner != "" {
			err = &ownError{port, owner}
			continue
		}
		if b := t.free[addr]; b != nil {
			delete(t.free, addr)
			t.claimed[b] = true
			t.assign(j, b)
			return nil
		}
		if err = t.open(j, port); err == nil || !inUse(err) {
			return err
		}
		if !j.alone() && t.givesUp(j.cfg.Host, port) {
			j.reopen = true
			t.taken.add(port, claim{j.cfg.Host, j.e.name})
			return nil
		}
	}
	return t.openYielded(j, ports, err)
}

// owner is who keeps j from having a port after the edit: who has it, or for a range who has it in the file.
func (t *transaction) owner(j *job, port int) string {
	if !j.cfg.Port.Fixed() {
		if owner := t.wanted.owner(j.cfg.Host, port, j.e.name); owner != "" {
			return owner
		}
	}
	return t.taken.owner(j.cfg.Host, port, j.e.name)
}

// givesUp reports whether the edit frees port on a host that keeps it from being bound on this one.
func (t *transaction) givesUp(host string, port int) bool {
	for _, b := range t.free {
		if b.port == port && config.Overlap(b.host, host) {
			return true
		}
	}
	return false
}

// reopenPort is the port that placeOne has chosen for a job that is to reopen: the first that the edit frees.
func (t *transaction) reopenPort(j *job) int {
	for _, port := range t.candidates(j) {
		if slices.Contains(t.taken[port], claim{j.cfg.Host, j.e.name}) {
			return port
		}
	}
	return 0
}
