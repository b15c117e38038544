// Package interpreter finds the Python, Node, Ruby or other runtime that belongs to a project.
//
// A command whose first word is the plain name of a runtime ("python", "node", "ruby", ...) means the project's own one. [Detector.Detect] asks
// the rules of that runtime in a fixed order, see [Rules], and takes the first whose interpreter exists, runs and fits what the project
// requires. Any other first word is a program and is only looked up. Every rule that was asked leaves a [Trial], so that a person can see why.
//
//	var d interpreter.Detector
//	choice, trials, err := d.Detect(ctx, interpreter.Spec{Project: dir, Command: []string{"python", "-m", "app"}, System: os.Environ()})
//
// # Ownership
//
// A Detector holds nothing but the answers of interpreters that it has run. Each is run at most once per state of its file and its pyvenv.cfg, in a
// process group of its own, for at most three seconds. Tools (poetry, pipenv, pyenv, mise, ...) are never run: where they keep things is
// computed as they do. The one exception is "hatch env find", asked last and for two seconds.
//
// # Concurrency
//
// Detect reads files and may run a process, so it blocks for seconds in the worst case. It may be called from any goroutine; calls run side by side.
//
// # Protocol
//
// What a probe asks is in probe.go. A fake for tests is a script that answers it.
//
// # Decisions
//
// The path of an interpreter is never resolved: a virtual environment is known by the link it was started through. VIRTUAL_ENV and its kin count only
// when the instance sets them itself; those of the daemon would put one project's environment into all. An environment that is broken is passed over
// with a sentence that says how to mend it, because a worker on the next best interpreter tells more than one that is down; [Choice.Broken] keeps
// the sentence. Only an interpreter that was asked for by path has no next best.
package interpreter
