package clients_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// justBefore is how long before a connection broke something may have happened that the disk had not been told of, in milliseconds: a commit on a slow
// machine, and what the process at the other end was late in noticing.
const justBefore = 300

// verdict compares what was answered, what is kept, and what arrived.
type verdict struct {
	t       *testing.T
	load    *load
	history []past
	at      map[string]*past // by key
	said    []string
	members []member

	resumed, anew, lost, again int
	late                       []int // for how long those that came back as somebody else had been there, in milliseconds
	stale                      int   // the longest that an answer was given before the connection broke, and was lost all the same, in milliseconds
}

// member is a client, with what its application was told in turn.
type member struct {
	Name, Kind string
	Visitor    bool
	Log        []told
}

// told is "in", "out" or the name of an event.
type told struct {
	What, SID, Reason, Key, Offset string
	At                             int
	Recovered                      bool
}

func (v *verdict) String() string {
	return fmt.Sprintf("%d events accepted, %d refused, %d without an answer, %d in history; %d times resumed, %d fresh ones too, not those of %v ms; "+
		"%d sends lost to clients without an offset; %d sent again for want of an answer, which was %d ms old at most",
		len(v.load.accepted), len(v.load.refused), v.load.unknown, len(v.history), v.resumed, v.anew, v.late, v.lost, v.again, v.stale)
}

// owed writes the keys of the events that must have reached everybody who stayed into a file.
func (v *verdict) owed() string {
	keys := []string{}
	for i := range v.history {
		if v.history[i].Event == "acked" {
			keys = append(keys, v.history[i].key())
		}
	}
	keys = append(keys, fmt.Sprintf("mark-%d", len(v.load.marks)-1))
	text, _ := json.Marshal(keys)
	file := filepath.Join(v.t.TempDir(), "owed")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		v.t.Fatal(err)
	}
	return file
}

func (v *verdict) read(file string) {
	v.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		v.t.Fatal(err)
	}
	var r struct {
		Said    []string
		Members []member
	}
	if err := json.Unmarshal(text, &r); err != nil {
		v.t.Fatal(err)
	}
	v.said, v.members = r.Said, r.Members
}

func (v *verdict) check() {
	v.t.Helper()
	v.order()
	for i := range v.members {
		m := &v.members[i]
		v.numbers(m)
		switch m.Kind {
		case "pid":
			v.sessions(m)
			v.complete(m, m.Log)
		case "id":
			v.continued(m)
		}
		if m.Kind == "plain" {
			for _, c := range connections(m.Log) {
				v.complete(m, c)
			}
		}
		v.once(m)
	}
}

// order checks that the history is one order, and has what was accepted and nothing that was refused.
func (v *verdict) order() {
	v.at = map[string]*past{}
	var last uint64
	for i := range v.history {
		p := &v.history[i]
		if p.Seq <= last {
			v.t.Errorf("history: %d comes after %d", p.Seq, last)
		}
		last = p.Seq
		if v.at[p.key()] != nil {
			v.t.Errorf("history: %q is there twice, as %d and %d", p.key(), v.at[p.key()].Seq, p.Seq)
		}
		v.at[p.key()] = p
		if v.load.refused[p.key()] {
			v.t.Errorf("history: %q was refused", p.key())
		}
	}
	for key, a := range v.load.accepted {
		if p := v.at[key]; p == nil || p.Seq != a.Seq || p.ID != a.ID {
			v.t.Errorf("%q was accepted as %+v; history: %+v", key, a, p)
		}
	}
	for _, key := range v.said {
		if v.at[key] == nil {
			v.t.Errorf("%q of a client was acknowledged and is lost", key)
		}
	}
}

// numbers checks that an event had the number that the history gives it, whenever it was sent.
func (v *verdict) numbers(m *member) {
	for _, e := range m.Log {
		if e.What == "in" || e.What == "out" {
			continue
		}
		switch p := v.at[e.Key]; {
		case p == nil:
			v.t.Errorf("%s got %s %q, which is not in history", m.Name, e.What, e.Key)
		case e.Offset != "" && e.Offset != p.ID:
			v.t.Errorf("%s got %q as %s; history: %s", m.Name, e.Key, e.Offset, p.ID)
		}
	}
}

// sessions checks that a client that came back was itself again. One whose CONNECT was answered while the disk did not know yet is counted.
func (v *verdict) sessions(m *member) {
	sid, since, left := "", 0, 0
	for i, e := range m.Log {
		switch {
		case e.What == "out":
			left = e.At
		case e.What == "in" && sid == "":
			sid, since = e.SID, e.At
		case e.What == "in" && e.Recovered && e.SID == sid:
			v.resumed, since = v.resumed+1, e.At
		case e.What == "in":
			if since > left-justBefore {
				v.late = append(v.late, left-since)
			} else {
				v.t.Errorf("%s came back as %s, recovered %v; it was %s for %d ms", m.Name, e.SID, e.Recovered, sid, left-since)
			}
			m.Log = m.Log[i:] // from here on it is another
			v.sessions(m)
			return
		}
	}
	if m.Visitor {
		v.anew++
	}
}

// complete checks that the log has every event for this client between its first and its last, in order.
func (v *verdict) complete(m *member, log []told) {
	got := v.seqs(m, log)
	if len(got) == 0 {
		return
	}
	for i := range v.history {
		p := &v.history[i]
		if p.Seq < got[0] || p.Seq > got[len(got)-1] || !v.meant(m, p) {
			continue
		}
		if _, ok := slices.BinarySearch(got, p.Seq); !ok {
			v.t.Errorf("%s has not got %d %q", m.Name, p.Seq, p.key())
		}
	}
}

// meant tells whether an event without acknowledgement went to this client.
func (v *verdict) meant(m *member, p *past) bool {
	return p.Event != "acked" && (p.Event != "some" || m.Name == "a" || m.Name == "b")
}

// seqs returns the numbers of the events without acknowledgement, and checks that they grow.
func (v *verdict) seqs(m *member, log []told) (got []uint64) {
	for _, e := range log {
		if p := v.at[e.Key]; p != nil && p.Event != "acked" && e.What == p.Event {
			if len(got) > 0 && p.Seq <= got[len(got)-1] {
				v.t.Errorf("%s got %d after %d: %+v", m.Name, p.Seq, got[len(got)-1], e)
			}
			got = append(got, p.Seq)
		}
	}
	return got
}

// connections cuts a log where connections broke.
func connections(log []told) (all [][]told) {
	from := 0
	for i, e := range log {
		if e.What == "out" {
			all, from = append(all, log[from:i]), i+1
		}
	}
	return append(all, log[from:])
}

// continued checks that a client known by its client_id alone has missed nothing but what was under way when a connection broke: the end of what the
// killed process had numbered.
func (v *verdict) continued(m *member) {
	v.seqs(m, m.Log)
	var last uint64
	for _, log := range connections(m.Log) {
		v.complete(m, log)
		got := v.seqs(m, log)
		if len(got) == 0 {
			continue
		}
		for i := range v.history {
			p := &v.history[i]
			if p.Seq <= last || p.Seq >= got[0] || !v.meant(m, p) {
				continue
			}
			v.lost++
			if run, _ := slices.BinarySearch(v.load.marks, last+1); run < len(v.load.marks) && p.Seq >= v.load.marks[run] {
				v.t.Errorf("%s was away when %d %q was published, and has not got it: it got %d before and %d after", m.Name, p.Seq, p.key(), last, got[0])
			}
		}
		last = got[len(got)-1]
	}
}

// once checks that what a client had acknowledged did not come again, but for answers that the killed process had no time to write down.
func (v *verdict) once(m *member) {
	had := map[string]told{}
	var left []int
	for _, e := range m.Log {
		if e.What == "out" {
			left = append(left, e.At)
		}
		if e.What != "acked" {
			continue
		}
		if first, twice := had[e.Key]; twice {
			v.again++
			next, found := slices.BinarySearch(left, first.At)
			switch {
			case !found && next == len(left) || left[next]-first.At > justBefore:
				v.t.Errorf("%s got %q again after %d ms, though it had answered", m.Name, e.Key, e.At-first.At)
			default:
				v.stale = max(v.stale, left[next]-first.At)
			}
		}
		had[e.Key] = e
	}
	for _, e := range m.Log {
		if strings.HasPrefix(e.What, "sockd:") {
			v.t.Errorf("%s was told %s", m.Name, e.What)
		}
	}
}
