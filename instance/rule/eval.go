package rule

import (
	"encoding/json"
	"fmt"
)

// Eval decides what in causes, and overwrites d with it. It has no side effects, may be called by many goroutines at once, each with a Decision
// of its own, and blocks only for programs, at most [ProgramTime] for each. What d holds borrows from in until both are used up: the rooms of an HTTP
// body, the names of a client's event.
func (s *Set) Eval(in *Input, d *Decision) {
	d.reset(in)
	defer d.forget()
	t := s.table(in.Namespace)
	r, err := t.pick(in, &d.facts)
	switch {
	case err != nil:
		d.Rule = r.name
		d.fail(jqReason(err), err)
	case r != nil:
		d.Rule = r.name
		if why, err := r.apply(in, d); why != Kept {
			d.fail(why, err)
		}
	case Lifecycle(in.Event):
	case in.Source == Client && !t.hub:
		d.fail(NoRule, errNoRule)
	default:
		d.Emits = append(d.Emits, Emit{Same: true, To: unwritten(in), History: true})
	}
}

// forget lets go of the input.
func (d *Decision) forget() { d.facts = facts{} }

func (r *rule) takesFrom(s Source) bool { return r.from == 0 || r.from&(1<<s) != 0 }

// takes reports whether the rule, whose name fits, takes the event.
func (r *rule) takes(f *facts) (bool, error) {
	if !r.takesFrom(f.in.Source) {
		return false, nil
	}
	if r.when == nil {
		return true, nil
	}
	ok, err := f.truth(r.when)
	if err != nil {
		return false, fmt.Errorf("when: %w", err)
	}
	return ok, nil
}

// apply fills in d, or says why the event is dropped.
func (r *rule) apply(in *Input, d *Decision) (why Reason, err error) {
	if r.drop {
		return Dropped, errDropped
	}
	if r.schema != nil {
		args, err := d.facts.arguments()
		if err != nil {
			return Schema, err
		}
		if args == nil {
			args = []any{}
		}
		if err := r.schema.check(args); err != nil {
			return Schema, err
		}
	}
	if d.Join, err = expandAll(d.Join, r.join, in); err != nil {
		return Placeholder, fmt.Errorf("join: %w", err)
	}
	if d.Leave, err = expandAll(d.Leave, r.leave, in); err != nil {
		return Placeholder, fmt.Errorf("leave: %w", err)
	}
	if r.main != nil {
		if r.main.to.lonely && r.main.to.written && in.Peer == nil {
			return NoSender, errNoSender
		}
		if why, err := r.main.add(r, in, d); why != Kept {
			return why, err
		}
	}
	for i := range r.also {
		if why, err := r.further(&r.also[i], in, d); why != Kept {
			return why, fmt.Errorf("also: %w", err)
		}
	}
	return r.answer(d)
}

// further adds one of also. One that is for a sender who does not exist is left out.
func (r *rule) further(e *emission, in *Input, d *Decision) (Reason, error) {
	if e.to.lonely && e.to.written && in.Peer == nil {
		return Kept, nil
	}
	if e.when != nil {
		ok, err := d.facts.truth(e.when)
		if err != nil {
			return jqReason(err), fmt.Errorf("when: %w", err)
		}
		if !ok {
			return Kept, nil
		}
	}
	return e.add(r, in, d)
}

// add appends one emit to d.
func (e *emission) add(r *rule, in *Input, d *Decision) (Reason, error) {
	if e.to.nowhere {
		return Kept, nil
	}
	emit := Emit{Same: e.args == nil, Delivery: r.delivery, History: r.history}
	var err error
	if emit.To, err = e.to.resolve(in, d); err != nil {
		return Placeholder, fmt.Errorf("to: %w", err)
	}
	if e.name != nil {
		if emit.Event, err = e.name.text(in); err != nil {
			return Placeholder, fmt.Errorf("emit: %w", err)
		}
		if reserved(emit.Event) {
			return Reserved, fmt.Errorf("emit: %q is reserved and cannot be sent", emit.Event)
		}
	}
	if e.args != nil {
		if emit.Args, err = d.facts.list(e.args); err != nil {
			return jqReason(err), fmt.Errorf("args: %w", err)
		}
	}
	d.Emits = append(d.Emits, emit)
	return Kept, nil
}

// answer fills in the acknowledgement and what concerns the worker.
func (r *rule) answer(d *Decision) (Reason, error) {
	if r.ackArgs != nil && !d.facts.in.NoAck {
		args, err := d.facts.list(r.ackArgs)
		if err != nil {
			return jqReason(err), fmt.Errorf("ack: %w", err)
		}
		d.AckArgs = args
	}
	d.Ack, d.Worker, d.Acked = r.ack, r.worker, r.delivery == Acked
	if d.facts.in.NoAck {
		d.Ack = AckNone
	}
	return Kept, nil
}

// list runs a program that makes arguments: an array is all of them, anything else is the only one, no output is none.
func (f *facts) list(p *Program) ([]json.RawMessage, error) {
	outputs, err := f.run(p)
	if err != nil || len(outputs) == 0 {
		return nil, err
	}
	if len(outputs) > 1 {
		return nil, errOutputs
	}
	values, ok := outputs[0].([]any)
	if !ok {
		values = outputs
	}
	args, room := make([]json.RawMessage, len(values)), ProgramBytes
	for i, v := range values {
		if args[i], err = appendJSON(nil, v, room, 0); err != nil {
			return nil, err
		}
		room -= len(args[i]) + 1
	}
	return args, checkBinary(values, f.in.Binary) // last: encoding has shown that the values have an end
}

func expandAll(to []string, templates []*Template, in *Input) ([]string, error) {
	for _, t := range templates {
		var err error
		if to, err = t.appendAll(to, in); err != nil {
			return to, err
		}
	}
	return to, nil
}
