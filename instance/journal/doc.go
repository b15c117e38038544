// Package journal is the durable log of one instance: typed records in segmented files, with group commit, recovery and retention.
//
// It knows nothing of Socket.IO. A [Record] has a kind, a space (a namespace), a seq, a time and bytes, and all but its position mean what the
// caller makes of them: events, positions of clients, sessions, acknowledgements, dead letters.
//
//	j, found, err := journal.Open(journal.Options{Dir: dir})
//	err = j.Replay(func(r journal.Record) error { … })
//	go j.Run(ctx)
//	err = j.Append(journal.Record{Kind: event, Space: "/", Seq: seq, At: now, Data: data}, func(err error) { … })
//	err = j.Close()
//
// # Ownership
//
// A Journal has its folder alone, by a lock that ends with the process. [Journal.Run] is its one goroutine and the only writer. Append
// copies what it is given. Records that are read are borrowed for the call. The one who called Open calls Close, which ends Run.
//
// # Concurrency
//
// [Journal.Append], [Journal.Read] and [Journal.Stats] may be called from any goroutine, Append from a poller too: it copies the record into the
// batch that waits, under a lock that is never held during a call of the system or of the caller. Run takes the whole batch, writes it with one
// write(2) and one fsync, and calls each done. Meanwhile the next batch gathers, so the more wait, the less each costs. The caller's lock may be
// held during Append and during the emit of a snapshot; Journal.mu comes after it. A done is called with no lock held.
//
// # What is promised
//
// A done is called with nil only when the record is durable: after its fsync, or with [Off] once the system has it. It is then found by every
// Replay and Read until retention removes it, whenever the process is killed; in the order of the Append calls, with nothing missing before it. A
// record that was answered [ErrDegraded] is cut off again before anything else is written; should the process end, or the machine fail, before the
// disk lets it, such a record may be found after all, as may one that was not answered yet.
//
// # When the disk refuses
//
// After a write that fails (disk full, short write) the segment is cut back to its last durable record. After an fsync that fails nothing is tried
// again on that descriptor, since the kernel may report the lost pages as clean: the segment is closed, cut through a new descriptor at the last
// synced record, and a new one is begun. All that waits is answered ErrDegraded, and so is Append, until a try of the size of what failed (up to
// 1 MiB) has been written and synced: after 1 s, 2 s, … 30 s, or sooner while Append is called, but never more than once a second.
//
// # Recovery
//
// Open reads the headers of all segments and the records of the last, and cuts off what a writer was ended in the middle of, or what else is
// no record there. A bad record in another segment costs the rest of that segment, is left on disk, and is reported by Replay, which is the one to
// read it. A checksum proves that bytes are those that were written, not that they are a record: data may contain what looks like one. So nothing
// is ever looked for behind bad bytes. After an unclean end, or of another run of the machine, a new segment is begun. The first record after an
// Open is synced even with Off, so that a log whose last records were lost with the machine cannot look cleanly ended.
//
// # Retention
//
// Whole segments go, from the front, never the one that is written. What they hold of the caller's state is written anew first: see
// Options.Snapshot. That should be less than an eighth of MaxBytes, or it is written with every segment. A segment spans at most an eighth of MaxAge
// while the journal runs.
//
// # Protocol
//
// The format is this package's own; record.go and segment.go have its layout. A segment is called after its first position. A log
// of a newer format is refused and left as it is.
//
// # Decisions
//
// No library does this. github.com/tidwall/wal has neither checksums nor repair of a torn end (its issue 21) and no lock. go.etcd.io/etcd's wal
// is made for raft entries, brings protobuf, raft and zap, syncs once for each call of Save, and leaves the end of a failed write to a restart.
// github.com/hashicorp/raft-wal calls itself experimental (v0.4.2), is a raft LogStore with contiguous indexes and one writer, commits what one call
// brings, and has a BoltDB file beside it for its metadata. Each would need the queue, the retention by age, the degraded state and the snapshots
// built around it, which is most of this package.
//
// There is no preallocation: it saves a change of metadata per fsync, and costs the simple rule that a file ends with its last record. There is no index:
// a segment is read in some ten milliseconds, and the highest seq of each space tells which ones need not be.
package journal
