// Package rule decides, without side effects, what an incoming event causes.
//
// It is the meaning of the tables on.EVENT of an instance: [Compile] turns them into a [Set], and [Set.Eval] says for each event where it goes,
// under which name and with which arguments, which rooms the sender joins and leaves, and what it is answered.
//
//	set, err := rule.Compile(c)                  // every fault at once, each with its key
//	var d rule.Decision                          // reused from event to event
//	set.Eval(&rule.Input{Event: e.Name, Namespace: "/", Payload: e, Peer: &peer}, &d)
//	for _, emit := range d.Emits { … }
//
// The parts that other tables of the file share are exported too: [Template] for the rooms of auth.join, [Program] for ingest.transform, [Reply] for
// JSON answers.
//
// # Ownership
//
// A [Set] keeps nothing of the configuration and nothing of an event. Everything in an [Input] is borrowed for the call; a [Decision] owns its
// slices, and the strings in it that were made from the arguments are copies. No goroutine and no timer is started, nothing is read or fetched.
//
// # Concurrency
//
// Set, Template, Program and Reply are immutable: any number of goroutines may use them at once. A Decision belongs to one of them at a time.
// Eval blocks only for jq, at most [ProgramTime] for each program and the length of one of its steps; [Set.Slow] tells beforehand whether an event
// may need that. Without jq and schema the payload is not decoded, and Eval allocates nothing but the texts that placeholders give.
//
// # Protocol
//
// The language of args, when and ack is jq 1.7 as gojq understands it: https://github.com/itchyny/gojq. Schemas are JSON Schema, 2020-12 unless
// they say otherwise: https://json-schema.org; they describe the array of all arguments.
//
// # Decisions
//
//   - connect and disconnect are taken by rules of that very name only, never by a glob: a rule "*" is about what clients send. Their names
//     cannot be sent on, so without emit such a rule sends nothing itself; to or args without emit is a fault.
//   - An event has all its effects or none: a placeholder without value, a program that fails, a violated schema drops it whole, wherever in the rule
//     it is. The one exception is an element of also that is for the sender alone when there is none, which is left out.
//   - A rule whose when fails drops the event rather than let a more general rule have it: that one may be wider open.
//   - "none" stands alone, and "sender" beside other targets is left out when there is no sender.
//   - Only an acknowledgement that somebody waits for is computed.
//   - A placeholder whose value is an object, an array, null or an empty string has no value. Only join, leave and auth.join take an array, of texts.
//   - Of a key that an object holds twice, placeholders see the first and programs the last.
//   - The clock of a program is looked at between gojq's steps, from the context that gojq asks before each: that needs no timer and no goroutine.
//     Steps that could grow without end are guarded, see guard.go. What remains are programs that are written to compare or flatten
//     a value whose parts are shared a billion times; they come from the operator and not from the network.
package rule
