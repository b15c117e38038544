package rule

import (
	"errors"
	"fmt"
	"strings"
)

// target is the compiled key to.
type target struct {
	written  bool // otherwise the event goes where its source says
	nowhere  bool // "none"
	fixed    Target
	bare     Target // the same without a sender
	lonely   bool   // names nobody but the sender
	rooms    []*Template
	othersIn []*Template
}

var errTarget = errors.New(`must be "all", "others", "sender", "none", "room:R" or "others:R"`)

func compileTarget(words []string) (target, error) {
	t := target{written: len(words) > 0, lonely: true}
	for _, word := range words {
		room, inRoom := strings.CutPrefix(word, "room:")
		others, inOthers := strings.CutPrefix(word, "others:")
		lonely := false
		switch {
		case word == "all":
			t.fixed.Everyone, t.bare.Everyone = true, true
		case word == "others":
			t.fixed.Others, t.bare.Everyone = true, true
		case word == "sender":
			t.fixed.Sender, lonely = true, true
		case word == "none" && len(words) > 1:
			return t, errors.New(`"none" stands alone`)
		case word == "none":
			t.nowhere = true
		case inRoom && room != "":
			if err := t.room(room, &t.rooms, &t.fixed.Rooms); err != nil {
				return t, err
			}
		case inOthers && others != "":
			if err := t.room(others, &t.othersIn, &t.fixed.OthersIn); err != nil {
				return t, err
			}
		default:
			return t, fmt.Errorf("%w, not %q", errTarget, word)
		}
		t.lonely = t.lonely && lonely
	}
	t.bare.Rooms = append(append(t.bare.Rooms, t.fixed.Rooms...), t.fixed.OthersIn...)
	return t, nil
}

// room adds a room to those whose name is known, or to those with placeholders.
func (t *target) room(name string, open *[]*Template, fixed *[]string) error {
	template, err := CompileTemplate(name)
	if err != nil {
		return err
	}
	if text, ok := template.fixed(); ok {
		*fixed = append(*fixed, text)
	} else {
		*open = append(*open, template)
	}
	return nil
}

// resolve returns where the event goes. The rooms lie in d or in t.
func (t *target) resolve(in *Input, d *Decision) (Target, error) {
	if !t.written {
		return unwritten(in), nil
	}
	to := t.fixed
	if in.Peer == nil {
		to = t.bare
	}
	if len(t.rooms)+len(t.othersIn) == 0 {
		return to, nil
	}
	rooms, err := d.expand(to.Rooms, t.rooms, in)
	if err != nil {
		return to, err
	}
	to.Rooms = rooms
	if in.Peer == nil { // to.Rooms is the end of d.rooms or empty
		to.Rooms, err = d.expand(to.Rooms, t.othersIn, in)
		return to, err
	}
	to.OthersIn, err = d.expand(to.OthersIn, t.othersIn, in)
	return to, err
}

// expand returns names and what the templates give, in memory of d.
func (d *Decision) expand(names []string, templates []*Template, in *Input) ([]string, error) {
	if len(templates) == 0 {
		return names, nil
	}
	start := len(d.rooms)
	d.rooms = append(d.rooms, names...)
	for _, t := range templates {
		name, err := t.text(in)
		if err != nil {
			return nil, err
		}
		d.rooms = append(d.rooms, name)
	}
	return d.rooms[start:len(d.rooms):len(d.rooms)], nil
}

// unwritten is where an event goes that no rule sends anywhere.
func unwritten(in *Input) Target {
	switch {
	case in.Source != Client && len(in.Rooms) > 0:
		return Target{Rooms: in.Rooms}
	case in.Source == Client && in.Peer != nil:
		return Target{Others: true}
	}
	return Target{Everyone: true}
}
