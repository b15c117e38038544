package control

import "time"

// Meter measures a whole fleet; *fleet.Fleet satisfies it. It never blocks and may be called from any goroutine.
type Meter interface {
	Metrics() Metrics
}

// Metrics are the figures of a fleet beside its status, of the same moment. What is nil, empty or missing is not counted, which is
// another thing than zero.
type Metrics struct {
	Status    Status            // what every other view of that moment is made from
	Reloads   map[Outcome]int64 // since the start, by what became of them
	LastTook  time.Duration     // of the last reload; 0 before
	SumTook   time.Duration     // of all reloads
	Loops     []time.Duration   // lag of the event loops that instances share, by number
	Instances []InstanceMetrics // one for each of Status.Instances, in that order
}

// InstanceMetrics are the figures of one instance. Totals begin anew when it is restarted.
type InstanceMetrics struct {
	Name    string
	Polling int // sessions that use polling, of Status.Clients

	Refused map[string]uint64 // "layer.reason": what was not accepted
	Dropped map[string]uint64 // "layer.reason": accepted events that did not reach one of their receivers
	Ended   map[string]uint64 // sessions, by reason

	Loops []time.Duration // lag of the loops that are its own, by number

	Delivery *Delivery // nil while it does not run, as are those below
	Ingest   *IngestTotals
	Journal  *JournalTotals // nil without a journal

	FanOut *Latency // from publishing an event to handing it to the last of its receivers
	Ack    *Latency // from sending an event to its acknowledgement
}

// Delivery is what became of events, over all namespaces. Targeted = Sent + the sum of Dropped + Pending, when nothing is on its way.
type Delivery struct {
	Accepted uint64            // events that got a number
	Targeted uint64            // pairs of an event and a receiver
	Sent     uint64            // pairs that arrived at a connection, or were acknowledged if that was asked for
	Dropped  map[string]uint64 // pairs that did not, by reason
	Pending  uint64            // pairs that wait for their acknowledgement
	Replayed uint64            // sends of earlier events to clients that connected
	Retried  uint64            // sends that were not the first
	Outbox   int               // events in the fullest outbox

	HistoryEvents, HistoryBytes int

	DeadLetters     int    // that are kept
	DeadLettersLost uint64 // that had to go because there were too many

	Watchers     int    // readers of the order, as SSE, now
	WatchersLost uint64 // events that they were too slow for

	Known    int    // clients with an id of their own
	Away     int    // of them, those that are not connected
	Returned uint64 // clients that came back and were sent what they had missed
	Gaps     uint64 // of them, those that were told that events are gone

	Recovery RecoveryTotals
}

// RecoveryTotals are about connection state recovery.
type RecoveryTotals struct {
	Saved                            int // sessions that may come back
	Restored, Expired, Evicted, Lost uint64
	Refused                          map[string]uint64 // by reason
}

// IngestTotals are about events that came over HTTP.
type IngestTotals struct {
	Requests map[string]uint64 // by what became of them
	Events   uint64            // accepted
	Refused  uint64            // events of well-formed requests that were not
	Readers  int               // of SSE, now
	Slow     uint64            // readers that were cut because they did not read
	Gaps     uint64            // readers that could not be given all they had missed
	Parked   int               // requests that wait for their answer now
}

// JournalTotals are about the durable log.
type JournalTotals struct {
	Segments int
	Bytes    int64  // on disk
	Waiting  int    // bytes that are not written yet
	Appended uint64 // records
	Refused  uint64 // records that were not taken
	Lost     uint64 // records that were taken and could not be written
	Failures uint64 // times that the disk began to refuse
	Synced   uint64 // fsyncs that succeeded
	TookSync time.Duration
	Degraded bool // the disk refuses
}

// Latency is a histogram of spans of time. Counts[i] are those of at most Bounds[i]; the last of Counts, one more than there are Bounds,
// are all others. They are not cumulative.
type Latency struct {
	Bounds []time.Duration // ascending
	Counts []uint64
	Sum    time.Duration
}
