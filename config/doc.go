// Package config reads, checks and compares sockd.toml.
//
// Most callers want [Load]. It returns a [Config] that is complete and checked, or an *[Errors] that holds every mistake of the file,
// each with its place, the offending line and, for a mistyped word, the nearest one that exists:
//
//	cfg, err := config.Load("sockd.toml")
//	var faults *config.Errors
//	if errors.As(err, &faults) {
//		for _, f := range faults.List {
//			fmt.Printf("%v\n%s\n", f, f.Snippet)
//		}
//	}
//
// [Diff] tells two revisions apart and says of each changed key what it costs ([Class]). [Show] writes the effective file, [Reference] the list of
// all keys, [Lookup] finds the file.
//
// # Ownership
//
// A Config is immutable after Load: nobody may write to it, and everybody may keep it. The package starts no goroutine and keeps no state.
//
// # Concurrency
//
// Every function may be called from any goroutine. Load blocks on the file system; the others do not block.
//
// # Protocol
//
// The file is TOML 1.0 (https://toml.io/en/v1.0.0), with these rules of ours on top. Keys are case-sensitive and unknown ones are faults. Durations and sizes are
// strings with a unit. ${VAR} forms are expanded in string values after parsing, see expand.go. A path is relative to the
// file that wrote it, so a path in [defaults] means the same file in every instance. [defaults] is merged table by table
// under each instance; arrays are replaced, not joined. The key x_file names a file that holds the secret x.
//
// # Decisions
//
// The tags of the types are the one description of a key: its default, its class, its rules, and whether it is supported yet. Load,
// Diff, Show, Reference and the digest all walk them, which is why this package uses reflection.
//
// The TOML library gives no position for most of what we report (an unknown key, an element of an array, a table that was only
// implied), and stops at the first mismatch. So it is used for the syntax and the values alone, into plain maps, and a second reader, scan.go, finds
// where each key stands. That reader judges nothing. A fuzz test holds the two together: whatever the library accepts, the scanner
// knows the place of every key.
//
// A variable that is not set is a fault: a token or a host that is silently empty is worse than a refused file. A fault in a
// value that comes from [defaults] is reported once, where it was written. Two instances on one address are refused here,
// before anything is bound; what only the system can know, such as a port that a stranger holds, is not looked at.
package config
