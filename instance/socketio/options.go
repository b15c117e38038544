package socketio

import "time"

// Options configure a [Server]. The zero value is useful.
type Options struct {
	ConnectTimeout time.Duration // how long a connection may stay without having joined any namespace; 45 s
	MaxAttachments int           // binary attachments of one packet, both ways; 10, the limit of the reference clients. Not of Msgpack
	MaxPending     int64         // bytes of one unfinished binary packet that may wait for its attachments; 10 MB
	MaxRooms       int           // rooms that one socket may be in, besides that of its id; 0 = no limit
	Shards         int           // shards of each namespace; 4. It is fixed for the life of the server
	Parser         Parser        // how packets look; Default. It is fixed for the life of the server

	// Open is asked when a client names a namespace that does not exist. True creates it; its handler should be set inside.
	// For one path at a time it runs once: other clients that name the same path wait for its answer, so it must not block.
	// It may call the server. Nil refuses all.
	Open func(*Namespace) bool
}

// filled returns a copy of o with the defaults in place.
func (o Options) filled() *Options {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = 45 * time.Second
	}
	if o.MaxAttachments <= 0 {
		o.MaxAttachments = 10
	}
	if o.MaxPending <= 0 {
		o.MaxPending = 10e6
	}
	if o.Shards <= 0 {
		o.Shards = 4
	}
	return &o
}
