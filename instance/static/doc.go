// Package static serves files: the browser bundles of the Socket.IO client, from memory, and folders, from disk.
//
//	client, err := static.Load("node_modules/socket.io/client-dist", nil)
//	if f := client.File("socket.io.min.js"); f != nil {
//		f.ServeHTTP(w, r)
//	}
//
//	site, err := static.New(static.Options{Dir: "public", Mounts: []static.Mount{{At: "/assets", Dir: "dist", Immutable: true}}, Go: pool})
//	if site.Match(r.URL.Path) {
//		pool(func() { site.Serve(sink, r) })
//	}
//
// # Ownership
//
// [Load] reads every file once and keeps nothing open. A [Client] is immutable but for what it compresses when a client first asks; a new one is
// loaded when the configuration is applied again, and takes over what has not changed on disk.
//
// A [Site] holds nothing open but the files that it is sending, so it needs no end. All files are opened through [os.Root], so neither a path nor a
// symbolic link leads out of a folder; links inside it work. Names that begin with a dot are never served, and no folder is listed.
//
// # Concurrency
//
// A Client may be used by any number of goroutines. [File.ServeHTTP] copies from memory, so it may run on a poller, but for the first client that
// takes gzip: compressing the largest bundle takes some ten milliseconds. [File.Ready] tells.
//
// [Site.Match] may run on a poller. [Site.Serve] waits for the disk and runs elsewhere. What is over 1 MiB is sent in parts of 128 KiB, each once
// the client has taken the one before it, by a job of [Options].Go: a slow client has a file open and one buffer, but no goroutine. A site has 64
// such transfers; how long a client may take over one is the [Sink]'s to bound. Neither s.mu nor the cache's lock is held during a call out.
//
// # Protocol
//
// For the bundles, the answers are those of the reference server with serveClient, except that the validator is made of the content and not of the
// package's version, and that caches are told of the compression by Vary:
// https://github.com/socketio/socket.io/blob/main/packages/socket.io/lib/index.ts (serve, sendFile). Only gzip is offered: every browser takes it,
// and a second copy in another coding would double the memory.
//
// Folders are served as https://www.rfc-editor.org/rfc/rfc9110 says in its sections 12 to 15. A GET with Range is answered from the file as it is,
// without a coding. Of several ranges none is taken. If-Match and If-Unmodified-Since are not looked at.
//
// # Decisions
//
// The root of a folder is opened for each request, which takes some microseconds: one that was kept would still be the old folder after a build has
// put a new one in its place.
//
// Not [net/http.FileServer]: it writes to a blocking ResponseWriter, lists folders, cleans paths where we refuse them, guesses types from contents,
// and compresses nothing.
//
// A file up to 1 MiB is read whole for each answer and has a strong validator; a larger one has a weak one, of its time and size. Compressed and
// rewritten files are kept, 32 MiB of them for a site, by path, time and size: a file that is replaced by one of the same size within the clock
// tick of the file system would be taken for the old one. A file beside it with .br or .gz at its end is sent in place of a file that is not
// rewritten, if it is not older.
package static
