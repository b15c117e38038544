// Command sockd runs the Socket.IO servers that a TOML file declares, and talks to the process that runs them.
//
// main.go starts, app.go names the commands and the flags that all of them share, and each subcommand has a file of its
// own; run.go, which assembles the daemon, is the place to begin. Nothing here knows Socket.IO: the daemon is package
// fleet, the file is package config, and what an operator asks travels through package control.
//
// # The command line
//
// cli wants flags before arguments and each on its own level. People do not, so [arrange] reads the words first, by the
// app's own flag table, and hands cli a line without doubt: flags anywhere before "--", global ones on any level, -qv for
// -q -v, -cFILE and -c=FILE for -c FILE, the last of two wins. A word of a dash and a digit is an argument, and what
// follows "--" is not looked at. A single dash before a long name is refused, since -config could also mean -c onfig.
//
// # The state folder
//
// A daemon owns a folder: a lock, and a control socket that is only touched by who holds the lock. The folder follows
// from the file's path alone (statedir.go), never from what the file says, so that every command finds the daemon of a
// file that is broken, empty or gone. The lock is the truth about who runs: it dies with its process, while the number in
// the lock file only names the owner in a message. Commands that only read create neither folder nor file.
//
// Besides, it holds the log, the ports that were chosen, the last applied revision for --last-good, and in time the journal. Each format
// but the log's carries a version, and one that is newer than this program is refused.
//
// An existing folder that others may enter is tightened to 0700 if it is empty or has been sockd's before, and refused
// otherwise: --state-dir /tmp shall not lock the machine's users out of it.
//
// # In the background
//
// start runs the program anew and never forks: the daemon is `fleet run` in a session of its own, with the whole environment, since any variable
// may stand in the file, and with no descriptor of its starter but a pipe (spawn.go). On that pipe it tells, unasked, that it is up, that
// every instance is ready or has failed once, or why it has ended (herald.go); what the instances are like then is asked over the control
// socket. stop asks too, and a lock that is free is its proof that the daemon has gone. Only --force sends a signal, to a process whose
// boot and start time are those in a lock file that is locked.
//
// # Ownership
//
// [process.serve] starts one goroutine for each actor of its [group] (fleet, control, watcher, keeper of the last good revision, reload
// triggers, signals) and returns when all have ended. Two contexts order the end: a signal ends the fleet's, which drains while control still
// answers; the fleet's return ends the context of the rest. A second INT does not wait for anybody.
//
// # Concurrency
//
// Only the daemon has more than one goroutine, but for a pipe that start reads. The log's level and format are atomics, set by the fleet's
// goroutine whenever a revision has been applied; the log file has a lock of its own.
//
// # Decisions
//
// Why the log file is always JSON, whatever log.format says: `fleet logs` tells instances apart by it, over every change of that key. Why the
// sizes are counted here and not by the library: it knows whole MiB only.
//
// Why the last good revision is kept as [config.Show] writes it, and not as a copy of the files: it then means the same wherever it lies, also
// when an include or a variable is gone by then. Its secrets are read from their files anew. One that stands in the file itself is not
// written anywhere else; a revision that has such a secret is tried out, found to be another one without it, and marked as not kept, because
// an instance whose token is a mask would let in who guesses it.
//
// Why restart does nothing after an edit that was refused: who asks for it wants the file to count.
package main
