// Package ingest turns HTTP bodies into events, answers with what became of them, and gives the events of an instance back: as a list, or as a
// stream of server-sent events.
//
//	h, err := ingest.New(ingest.Options{Path: "/api/events"}, host, publish, feed)
//	go h.Run(ctx)
//	h.ServeHTTP(w, r) // for every request to that path
//
// # Bodies
//
// One JSON object is one event:
//
//	{"event": "news", "args": [1, "two"], "namespace": "/", "room": ["a", "b"], "except": "c"}
//
// Only event is required. data stands for args with one argument; with neither there is none. Null is as good as absent, but in data, where it is
// the argument. Other fields are refused. An array holds several events: all of it is checked before the first is published. NDJSON
// (application/x-ndjson, application/jsonl) has an event on each line, and is published as its lines come when the transport hands them
// to [Handler.Lines]; what precedes a bad line is then published, and the answer says how much. With [Options].Transform bodies have any shape.
//
// Content-Type may be any JSON type, text/plain or absent. application/x-www-form-urlencoded is what curl -d says whatever the body is,
// so it is taken too if the body begins as JSON. Contents are never compressed.
//
// # Ownership
//
// Bytes of a body are borrowed: an [Event] has a copy of what it needs. The package has one goroutine, [Handler.Run], the clock of everything that
// has a time. Everything else happens on the caller's goroutine, on that of a Publish's done, and in jobs that are given to Options.Work: bodies
// over 32 KiB, transforms, and reading the history. A request that is not answered when ServeHTTP returns is parked.
//
// # Concurrency
//
// ServeHTTP, Limit and the function of Lines run on pollers and do not block. Everything else may be called from anywhere. Locks: call.mu,
// watcher.mu, watchers.mu, ledger.mu, bucket.mu, clock.mu; none is held while another is taken or anything outside is called, but for
// Stream.Write and Stream.Buffered under watcher.mu, which keep a watcher's events in order.
//
// # Bounds
//
// A body is at most Options.MaxBody long, whatever its shape, and nested 512 deep. An array holds at most 100,000 events, and so many results
// are kept for an answer; NDJSON with Prefer: return=minimal has no such limit. 10,000 answers or 16 MiB are kept for Idempotency-Key, the oldest
// goes first. 1,000 readers may watch; one for which more than 256 KiB wait is cut, and resumes where it was by itself.
//
// # Protocol
//
// Idempotency-Key after the draft of the IETF: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/. A key belongs to the
// token that it came with. Only answers that say that something was accepted are kept: after a 503 the same key may be tried again. Prefer after
// RFC 7240. Server-sent events after the HTML standard: https://html.spec.whatwg.org/multipage/server-sent-events.html. Each has the id of the
// event, its name, and its arguments as one JSON array; sockd:gap has the range of numbers that cannot be given any more.
//
// # Decisions
//
// The JSON scanner is our own: encoding/json would copy the body twice, knows no column, takes invalid UTF-8 and fields in any case. It only
// finds where the fields are. Arguments are published as they were written.
//
// A body with an Idempotency-Key is never streamed, because it must be known whole before its first event is published.
//
// When some of several events fail, the answer is 202 and holds an error in the place of each; when all fail it is the first one's error. After
// return=minimal a partial failure is told in numbers, because an empty answer would hide it.
//
// A rate limits events and not requests, or one array would be a way around it. A stream of lines is stopped by it, and told where.
//
// A request that is parked for 30 s longer than it asked to wait is answered with 504. Its key, if it has one, still gets the true answer.
package ingest
