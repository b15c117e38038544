package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// identity tells a process from a later one with the same number.
type identity struct {
	BootID string `json:"boot_id"`
	Ticks  uint64 `json:"start_ticks"` // since the boot, when the process was started
}

// errStranger means that a number in a lock file is not that of the process that has the lock, as far as can be known.
var errStranger = errors.New("the process that the lock file names cannot be verified, it gets no signal")

// identityOf is the zero value where there is no /proc.
func identityOf(pid int) identity {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return identity{}
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return identity{}
	}
	return identity{BootID: strings.TrimSpace(string(boot)), Ticks: startTicks(string(stat))}
}

// startTicks reads field 22 of man 5 proc_pid_stat. The second field, the command in parentheses, may hold anything. 0 if it is not found.
func startTicks(stat string) uint64 {
	const startTime = 22 - 3 // counted from what follows the command
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) <= startTime {
		return 0
	}
	ticks, _ := strconv.ParseUint(fields[startTime], 10, 64)
	return ticks
}

// verified reports whether the process that o names is the one that wrote it.
func (o owner) verified() bool {
	return o.PID > 0 && o.Ticks > 0 && o.identity == identityOf(o.PID)
}

// kill ends the daemon that has the lock, if that is beyond doubt. What is verified is signalled by a handle that was taken before, so
// that the number cannot change hands in between.
func (p place) kill() error {
	o, ok := readOwner(p.lock)
	if taken, err := held(p.lock); err != nil || !taken || !ok {
		return errors.Join(err, errStranger)
	}
	process, err := os.FindProcess(o.PID)
	if err != nil {
		return err
	}
	defer process.Release()
	if !o.verified() {
		return errStranger
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %d: %w", o.PID, err)
	}
	return nil
}
