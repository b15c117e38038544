// Package lane runs jobs on a fixed number of ordered lanes.
//
// Two jobs in one lane never overlap and run in the order in which they were queued; jobs in different lanes run side by
// side. Work for one client, or one shard of a namespace, always goes to the same lane, which is what keeps its order.
//
// # Ownership
//
// The pool owns the lanes' goroutines. A lane has one only while it has work, so a pool that nobody uses costs a few hundred
// bytes and no goroutine, which is why it has Start and Stop where other types have Run; a pool that is busy has as many as it has
// lanes, never more. [Pool.Stop] finishes what is queued first and returns when the last goroutine has ended.
//
// # Concurrency
//
// [Pool.Do] never blocks and may be called from anywhere. Jobs run with no lock held. A queue that is full refuses the
// job with [ErrFull]: the caller counts it. A job that panics is logged and counted, and its lane goes on.
//
//	pool := lane.New(4, 0, log)
//	pool.Start()
//	defer pool.Stop()
//	pool.Do(7, func() { … })
package lane
