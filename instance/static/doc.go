// Package static serves files from memory. Today these are the browser bundles of the Socket.IO client, as the npm package socket.io carries them
// in its folder client-dist.
//
//	client, err := static.Load("node_modules/socket.io/client-dist", nil)
//	if f := client.File("socket.io.min.js"); f != nil {
//		f.ServeHTTP(w, r)
//	}
//
// # Ownership
//
// [Load] reads and compresses every file once and keeps nothing open. A [Client] is immutable; a new one is loaded when the configuration is
// applied again, and takes over what has not changed on disk. Files are opened through [os.Root], so a symbolic link cannot lead out of the
// folder, and only the eight known names are ever looked for.
//
// # Concurrency
//
// A Client may be used by any number of goroutines. [File.ServeHTTP] copies from memory and never blocks, so it may run on a poller. Load reads
// files and compresses: one or two hundred milliseconds, off the pollers.
//
// # Protocol
//
// The answers are those of the reference server with serveClient, except that the validator is made of the content and not of the package's
// version, and that caches are told of the compression by Vary:
// https://github.com/socketio/socket.io/blob/main/packages/socket.io/lib/index.ts (serve, sendFile). Only gzip is offered: every browser takes it, and a
// second copy in another coding would double the memory.
package static
