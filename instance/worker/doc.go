// Package worker runs the project's own process, with the project's own interpreter, and exchanges events with it, one JSON value per line.
//
// A [Worker] finds the interpreter ([Resolve], package interpreter), starts the command in a process group of its own, waits for its
// {"ready":true}, hands it the events of [Worker.Send] and calls a [Sink] with what it answers. When the process ends it is started again after a
// growing pause, until it has failed too often in a row. With [Options].OnDemand it is started by the first event and stopped when it had none for a while.
//
//	w := worker.New(worker.Options{Instance: "chat", Project: dir, Command: []string{"python", "-m", "app"}}, sink)
//	go w.Run(ctx)
//	id, err := w.Send(worker.Event{Type: "event", SID: sid, Name: "ask", Args: args, Ack: true})
//
// # Ownership
//
// [Worker.Run] owns everything: the loop that decides (the caller's goroutine), and while the process runs four goroutines more, which read its two
// outputs, write its input, and wait for its end. Run returns when all have ended and the process has gone. A worker that does not
// run costs one goroutine.
//
// The one that waits is locked to its thread, because the kernel's parent-death signal is sent when the thread that forked ends. It also keeps a
// guard in the worker's group: a shell that reads from a pipe of ours, and kills the group when that ends. So the children of the worker do not outlive a
// daemon that was killed either. What has left the group (setsid) is beyond reach; it can still see its input end.
//
// # Concurrency
//
// Send, Status, Configure and Restart may be called from anywhere and never block. Callbacks of the Sink come from the goroutine that reads, those of
// Lost from Run or, for an unanswered event, from Run's clock; none with a lock held, and they must not block. A Sink that cannot take an emit answers
// [ErrBusy]: reading stops until it can, and so does the worker when the pipe is full. Nothing else waits for it.
//
// # Protocol
//
// Section 6 of the product contract. The first line to the worker is
//
//	{"hello":{"protocol":1,"instance":"chat","project":"/home/me/chat","url":"http://127.0.0.1:8765","port":8765}}
//
// and events follow when it is ready. They are numbered from 1 for the life of the Worker, so an id is never used twice. An event of
// [Event].Keep is unconfirmed until the worker acks it; if the worker ends before, it is handed over again with "again":true, before younger ones. Any
// other is handed over once: what was not written waits for the next start, what was written and asked for an answer is reported by [Sink].Lost.
//
// # Decisions
//
// Files are watched by a look once a second: inotify instances are few (128 a user), and thirty projects would take a quarter of them.
//
// The environment is made from nothing at every start. gotenv parses the files, but references in them are replaced here: it would ask
// the daemon's environment first.
//
// A line that is not understood is counted, logged with its number and passed over; a program that prints for debugging goes on working.
package worker
