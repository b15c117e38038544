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
// An existing folder that others may enter is tightened to 0700 if it is empty or has been sockd's before, and refused
// otherwise: --state-dir /tmp shall not lock the machine's users out of it.
//
// # Ownership
//
// [runFleet] starts one goroutine for each actor of its [group] (fleet, control, watcher, reload triggers, signals) and
// returns when all have ended. Two contexts order the end: a signal ends the fleet's, which drains while control still
// answers; the fleet's return ends the context of the rest. A second INT does not wait for anybody.
//
// # Concurrency
//
// Only run.go has more than one goroutine. The log's level and format are atomics, set by the fleet's goroutine whenever a
// revision has been applied.
package main
