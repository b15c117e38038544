// Package watch tells, after a quiet period, that one of a set of files may have changed. It knows no TOML.
//
// It survives every style of save: writing in place, in pieces, a rename over the file, a backup and a new file, a removal and a new file,
// an edit of the file behind a symbolic link, and the swap of a link to a folder that Kubernetes does. Folders are watched, not files, because a
// watch on a file is lost with the first rename; a stat of every file each 2 s finds what no event told, as on NFS or in a
// bind mount of a single file.
//
// # Ownership
//
// [Watcher.Run] is one goroutine, the caller's. It owns the inotify descriptor and all state but the wanted files and the mode, and ends with its
// context only: no fault ends it, as an editor's bad moment must not make all later edits invisible. Where the system has no
// watch left (ENOSPC, EMFILE) it goes on by stat alone; [Watcher.Trouble] says so.
//
// # Concurrency
//
// All methods are safe from any goroutine. Nothing is called back; the output are the channels of [Watcher.C], which holds one signal at most:
// who is slow sees several changes as one, and of [Watcher.Trouble].
//
// # Meaning of a signal
//
// "May have changed": a touch without a change is a signal too, and who reads compares the content with what he applied last. A signal comes
// when nothing has happened for the quiet period, or 1 s after the first event of an endless burst. What changes between the reader's own reading
// and a call of Set that first names a file is not seen, so name the main file before it is read; a file that stays in
// the set keeps its state over Set.
//
//	w, err := watch.New(0)
//	w.Set([]string{"/etc/sockd/sockd.toml", "/etc/sockd/conf.d/*.toml"})
//	go w.Run(ctx)
//	for range w.C() {
//		reload()
//	}
package watch
