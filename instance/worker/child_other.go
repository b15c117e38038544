//go:build !linux

package worker

import "syscall"

// leaderAttr makes a process the leader of a group of its own. There is no parent-death signal here: the guard does its work.
func leaderAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// wait blocks until the process has ended and kills its group. The guard, which is still in the group, keeps its number from being given away.
func (c *child) wait() error {
	defer c.clear()
	return c.cmd.Wait()
}
