package admin

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sockd/sockd/fleet/control"
)

// part makes a metric of a part of the figures that an instance may be without.
func part[T any](get func(figures) *T) func(string, string, prometheus.ValueType, func(*T) float64) family[figures] {
	return func(name, help string, kind prometheus.ValueType, value func(*T) float64) family[figures] {
		return of(name, help, kind, func(x figures, e emit) {
			if t := get(x); t != nil {
				e(value(t))
			}
		})
	}
}

func deliveryFamilies() []family[figures] {
	type d = control.Delivery
	of1 := part(func(x figures) *d { return x.Delivery })
	return []family[figures]{
		of1("published_events_total", "Events that got a number.", total, func(t *d) float64 { return float64(t.Accepted) }),
		of1("delivery_targeted_total", "Pairs of a published event and a receiver: sent, dropped or pending.", total,
			func(t *d) float64 { return float64(t.Targeted) }),
		of1("delivery_sent_total", "Pairs that arrived at a connection, or were acknowledged if that was asked for.", total,
			func(t *d) float64 { return float64(t.Sent) }),
		of1("delivery_pending", "Pairs that wait for their acknowledgement.", gauge, func(t *d) float64 { return float64(t.Pending) }),
		of("delivery_dropped_total", "Pairs that did not arrive.", total, func(x figures, e emit) {
			if x.Delivery != nil {
				byReason(x.Delivery.Dropped, e)
			}
		}, "reason"),
		of1("replayed_sends_total", "Sends of earlier events to clients that connected.", total, func(t *d) float64 { return float64(t.Replayed) }),
		of1("retries_total", "Sends of an event to a client that were not the first.", total, func(t *d) float64 { return float64(t.Retried) }),
		of1("outbox_depth_events", "Events in the fullest outbox.", gauge, func(t *d) float64 { return float64(t.Outbox) }),
		of1("history_events", "Events that are kept for those who missed them.", gauge, func(t *d) float64 { return float64(t.HistoryEvents) }),
		of1("history_bytes", "Size of the events that are kept.", gauge, func(t *d) float64 { return float64(t.HistoryBytes) }),
		of1("dead_letters", "Dead letters that are kept.", gauge, func(t *d) float64 { return float64(t.DeadLetters) }),
		of1("dead_letters_lost_total", "Dead letters that had to go because there were too many.", total,
			func(t *d) float64 { return float64(t.DeadLettersLost) }),
		of1("watchers", "Readers of the order, over SSE or of the command line.", gauge, func(t *d) float64 { return float64(t.Watchers) }),
		of1("watchers_lost_events_total", "Events that watchers were too slow for.", total, func(t *d) float64 { return float64(t.WatchersLost) }),
		of1("known_clients", "Clients that have an id of their own.", gauge, func(t *d) float64 { return float64(t.Known) }),
		of1("known_clients_away", "Clients with an id of their own that are not connected and may return.", gauge,
			func(t *d) float64 { return float64(t.Away) }),
		of1("known_clients_returned_total", "Clients with an id of their own that came back.", total,
			func(t *d) float64 { return float64(t.Returned) }),
		of1("known_clients_gaps_total", "Clients that came back and were told that events are gone.", total,
			func(t *d) float64 { return float64(t.Gaps) }),
	}
}

func recoveryFamilies() []family[figures] {
	type r = control.RecoveryTotals
	of1 := part(func(x figures) *r {
		if x.Delivery == nil {
			return nil
		}
		return &x.Delivery.Recovery
	})
	return []family[figures]{
		of1("recovery_saved_sessions", "Sessions of clients that may come back.", gauge, func(t *r) float64 { return float64(t.Saved) }),
		of1("recovery_restored_total", "Sessions that were given back.", total, func(t *r) float64 { return float64(t.Restored) }),
		of1("recovery_expired_total", "Sessions whose time was over.", total, func(t *r) float64 { return float64(t.Expired) }),
		of1("recovery_evicted_total", "Sessions that had to go because there were too many.", total, func(t *r) float64 { return float64(t.Evicted) }),
		of1("recovery_lost_total", "Sessions that could not be given back after they were claimed.", total,
			func(t *r) float64 { return float64(t.Lost) }),
		of("recovery_refused_total", "Clients that came back and got a new session instead of their old one.", total, func(x figures, e emit) {
			if x.Delivery != nil {
				byReason(x.Delivery.Recovery.Refused, e)
			}
		}, "reason"),
	}
}

func ingestFamilies() []family[figures] {
	type i = control.IngestTotals
	of1 := part(func(x figures) *i { return x.Ingest })
	return []family[figures]{
		of("ingest_requests_total", "Requests to the ingest path, by what became of them.", total, func(x figures, e emit) {
			if x.Ingest != nil {
				byReason(x.Ingest.Requests, e)
			}
		}, "outcome"),
		of1("ingest_events_total", "Events over HTTP that were accepted.", total, func(t *i) float64 { return float64(t.Events) }),
		of1("ingest_refused_events_total", "Events of well-formed requests that were not accepted.", total, func(t *i) float64 { return float64(t.Refused) }),
		of1("ingest_readers", "Readers of events over SSE.", gauge, func(t *i) float64 { return float64(t.Readers) }),
		of1("ingest_readers_slow_total", "Readers that were cut because they did not read.", total, func(t *i) float64 { return float64(t.Slow) }),
		of1("ingest_readers_gaps_total", "Readers that could not be given all they had missed.", total, func(t *i) float64 { return float64(t.Gaps) }),
		of1("ingest_waiting_requests", "Requests that wait for their answer.", gauge, func(t *i) float64 { return float64(t.Parked) }),
	}
}

func journalFamilies() []family[figures] {
	type j = control.JournalTotals
	of1 := part(func(x figures) *j { return x.Journal })
	return []family[figures]{
		of1("journal_segments", "Files of the journal.", gauge, func(t *j) float64 { return float64(t.Segments) }),
		of1("journal_bytes", "Size of the journal on disk.", gauge, func(t *j) float64 { return float64(t.Bytes) }),
		of1("journal_waiting_bytes", "Size of what is not written yet.", gauge, func(t *j) float64 { return float64(t.Waiting) }),
		of1("journal_records_total", "Records that are durable.", total, func(t *j) float64 { return float64(t.Appended) }),
		of1("journal_refused_records_total", "Records that were not taken.", total, func(t *j) float64 { return float64(t.Refused) }),
		of1("journal_lost_records_total", "Records that were taken and could not be written.", total, func(t *j) float64 { return float64(t.Lost) }),
		of1("journal_failures_total", "Times that the disk began to refuse.", total, func(t *j) float64 { return float64(t.Failures) }),
		of1("journal_fsyncs_total", "Successful fsyncs.", total, func(t *j) float64 { return float64(t.Synced) }),
		of1("journal_fsync_seconds_total", "Time that all fsyncs together took.", total, func(t *j) float64 { return t.TookSync.Seconds() }),
		of1("journal_degraded", "Whether the disk refuses.", gauge, func(t *j) float64 { return truth(t.Degraded) }),
	}
}
