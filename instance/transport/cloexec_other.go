//go:build !linux

package transport

// closeLoopsOnExec has nothing to do where a poller is a kqueue: those are not inherited (kqueue(2)).
func closeLoopsOnExec() {}
