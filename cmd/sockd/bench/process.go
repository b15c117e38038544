package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// process observes a server on this machine through /proc.
type process struct {
	pid                int
	first, begin, last sample // before the clients, before the load, after it
}

// sample is what a process has used by now.
type sample struct {
	cpu  time.Duration
	rss  int64 // bytes in memory
	anon int64 // of these, not from files: what its heaps and stacks take
}

func observe(pid int) (*process, error) {
	p := &process{pid: pid}
	var err error
	if p.first, err = p.sample(); err != nil {
		return nil, fmt.Errorf("pid %d: %v", pid, err)
	}
	p.begin, p.last = p.first, p.first
	return p, nil
}

// ticksPerSecond is USER_HZ, the same on every linux.
const ticksPerSecond = 100

func (p *process) sample() (sample, error) {
	dir := "/proc/" + strconv.Itoa(p.pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return sample{}, err
	}
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return sample{}, err
	}
	return sample{cpu: cpuOf(stat), rss: memoryOf(status, "VmRSS:"), anon: memoryOf(status, "RssAnon:")}, nil
}

// cpuOf reads fields 14 and 15, counted behind the name, which may hold anything but ends with the last bracket.
func cpuOf(stat []byte) time.Duration {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(fields[11]), 10, 64)
	system, _ := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

func memoryOf(status []byte, key string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
			n, _ := strconv.ParseInt(string(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte(" kB"))), 10, 64)
			return n << 10
		}
	}
	return 0
}

func (r *run) take(into func(*process, sample)) {
	if r.server == nil {
		return
	}
	if s, err := r.server.sample(); err == nil { // a server that has died keeps its last figures
		into(r.server, s)
	}
}

func (r *run) sampleBegin() {
	r.take(func(p *process, s sample) { p.first, p.begin, p.last = s, s, s })
}
func (r *run) sampleLoad() { r.take(func(p *process, s sample) { p.begin, p.last = s, s }) }
func (r *run) sampleEnd()  { r.take(func(p *process, s sample) { p.last = s }) }
