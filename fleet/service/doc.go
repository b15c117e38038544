// Package service is what a daemon owes to a service manager and to its own successor: it tells systemd how it does, takes the sockets that it is given, writes
// the unit that runs it, and hands its listeners over to a new binary.
//
//	sockets, err := service.Activated()
//	n, err := service.NewNotifier(service.NotifyOptions{Ready: f.Settled(), Status: line, Alive: alive, Log: log})
//	go n.Run(ctx)
//
// # Upgrade
//
// The running daemon calls [Handover.Run], the new one [Inherit]:
//
//	old: serves                                   new: (is started with the parts)
//	     Run: manifest ──────────────────────────▶     Inherit, takes the listeners, binds nothing, starts the instances
//	     Run returns ◀──────────────────────────  Ready     Heir.Ready, accepts
//	     stops accepting, drains, closes journals
//	     Release, or its end ────────────────────▶     Heir.Released: may open what only one process can
//
// A listener is one socket with one queue, whoever has it open, so a client that dials is never refused: it is taken by the old daemon, by the new one, or
// it waits for a moment. The lock of the state folder goes along: flock belongs to the open file, so it is never free in between. The old
// daemon must close its copy without unlocking it, and must close the control socket's listener without removing its path.
//
// Whatever goes wrong before Ready, the new process is killed, and the old one has not noticed.
//
// # Ownership
//
// [Notifier.Run] is the only goroutine, and its caller starts it. [Sockets] own what nobody has taken; what [Sockets.Take] returns is the
// caller's. A [Part] stays the sender's, a file of an [Heir] is its taker's.
//
// # Concurrency
//
// A [Notifier] and [Sockets] may be used by many goroutines. A Notifier's mutex is held across a send, which is bounded by a second, so that READY does not
// overtake RELOADING; its callbacks are called without it. An [Heir] is used by one goroutine. [NewNotifier], [Activated] and [Inherit] change the
// environment and are called once each, before other goroutines start children.
//
// # Protocol
//
// https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html and sd_listen_fds.html; units by systemd.service, systemd.exec and
// systemd.syntax; plists by launchd.plist(5).
//
// Between two daemons: descriptor 3 is a stream socket, the parts follow from 4 on. The old one writes one line of JSON, {"version", "parts": [{"kind",
// "name"}]}, the new one another, {"ready"} or {"error"}; after that only the end of the stream has a meaning. The variable SOCKD_HANDOVER holds the version.
//
// # Decisions
//
// go-systemd reads LISTEN_* and WATCHDOG_*, and the clock of RELOADING. Messages are sent here: its SdNotify looks NOTIFY_SOCKET up for each of them,
// so that the variable would have to stay in the environment of every worker.
//
// A socket of the service manager is used only at exactly the address that the file names. ListenStream=8765 is all addresses, and an instance on
// 127.0.0.1 may be open to everybody who reaches it; it must not come to be on the network by a unit.
//
// The listeners are inherited by exec and not sent over the control socket: no file is then in flight when a process dies, and a program that is not
// sockd fails before it has anything.
//
// The unit is Type=notify with ExecReload=kill, which every systemd takes; notify-reload needs 253. RELOADING is sent
// all the same, with the time that it asks for.
//
// A machine's service runs as the user whose file it is, with --state-dir written out, so that this user's command line finds the daemon.
package service
