package bench

import (
	"sync/atomic"
	"time"
)

// ringSize is how many broadcasts may be under way.
const ringSize = 1 << 16

// flight is one broadcast. Loop 0 launches it, any loop lands it.
type flight struct {
	seq  atomic.Uint64
	due  atomic.Int64 // ns since the run began
	left atomic.Int64 // receivers that lack it; far below 0 when it was given up
}

// givenUp is far enough below zero for every receiver to come late.
const givenUp = -1 << 40

// board is what loops share of broadcasts: times and missing receivers by sequence number. Numbers begin with 1.
type board struct {
	flights [ringSize]flight
	open    atomic.Int64 // launched, neither complete nor given up

	// Of loop 0 alone.
	next   uint64 // number of the next one
	oldest uint64 // all below are complete or given up
}

func newBoard() *board { return &board{next: 1, oldest: 1} }

// full reports whether the next number's place is still in use.
func (b *board) full() bool {
	b.settle()
	return b.next-b.oldest >= ringSize
}

// settle moves oldest up.
func (b *board) settle() {
	for b.oldest < b.next && b.flights[b.oldest%ringSize].left.Load() <= 0 {
		b.oldest++
	}
}

// launch takes the next number for so many receivers. The caller has asked full.
func (b *board) launch(due time.Duration, receivers int64) uint64 {
	seq := b.next
	b.next++
	f := &b.flights[seq%ringSize]
	f.seq.Store(seq)
	f.due.Store(int64(due))
	f.left.Store(receivers)
	if receivers > 0 {
		b.open.Add(1)
	}
	return seq
}

// landing is what one delivery meant.
type landing struct {
	due   time.Duration
	last  bool // it was the last one missing
	late  bool // it had been given up
	extra bool // nobody lacked it any more
	known bool
}

// land notes that one receiver has it.
func (b *board) land(seq uint64) landing {
	f := &b.flights[seq%ringSize]
	if now := f.seq.Load(); now != seq {
		return landing{late: seq < now}
	}
	left := f.left.Add(-1)
	if left == 0 {
		b.open.Add(-1)
	}
	return landing{due: time.Duration(f.due.Load()), last: left == 0, late: left < givenUp/2, extra: givenUp/2 <= left && left < 0, known: true}
}

// giveUp ends what is due longer ago than that, and returns how many deliveries are missing.
func (b *board) giveUp(olderThan time.Duration) (missing uint64) {
	for seq := b.oldest; seq < b.next; seq++ {
		if time.Duration(b.flights[seq%ringSize].due.Load()) > olderThan {
			break
		}
		missing += b.cancel(seq)
	}
	b.settle()
	return missing
}

// cancel ends one broadcast, and returns how many receivers lack it.
func (b *board) cancel(seq uint64) (missing uint64) {
	f := &b.flights[seq%ringSize]
	if f.seq.Load() != seq || f.left.Load() <= 0 {
		return 0
	}
	left := f.left.Swap(givenUp)
	if left <= 0 { // complete meanwhile
		return 0
	}
	b.open.Add(-1)
	return uint64(left)
}
