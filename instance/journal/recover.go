package journal

import (
	"fmt"
	"os"
	"slices"
	"time"
)

// Recovered tells what [Open] has found. Damage in other segments than the last is added by [Journal.Replay].
//
// After an end that is neither clean nor of this run of the machine, and after damage, records may be missing that others have seen: the caller
// must not count on from the last one that is there.
type Recovered struct {
	Segments int
	Last     uint64 // position of the last record; 0 if there is none
	Torn     int64  // bytes that were cut off the end: what a writer was ended in the middle of. None of it was ever answered as durable
	CleanEnd bool   // the last writer was closed, and so all is there that it was given; true for an empty log
	SameBoot bool   // the machine has run since the last writer began; false if that is not known
	Damage   []Damage

	found int // of them, by Open
}

// Damage is a part of the log that cannot be read. Nothing of it is removed but at the end of the last segment, after which records are written.
type Damage struct {
	Segment string // the file's name
	Offset  int64  // from where on it is skipped
	From    uint64 // the first position that is missing
	To      uint64 // the first that is there again; equal to From if that is not known
	Reason  string
}

func (j *Journal) damaged(r *Recovered, d Damage) {
	j.o.Log.Error("journal damaged", "reason", d.Segment+": "+d.Reason, "n", d.To-d.From)
	r.Damage = append(r.Damage, d)
}

// recover finds the segments, mends the end, and makes the writer go on there.
func (j *Journal) recover() (*Recovered, error) {
	r := &Recovered{CleanEnd: true}
	if err := j.find(r); err != nil {
		return nil, err
	}
	w := &j.writer
	w.fresh, w.next, w.looked = true, 1, time.Now()
	if s := j.last(); s != nil {
		if err := j.mend(s, r); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		w.next = s.next
		r.SameBoot = s.boot == j.o.Boot && s.boot != ""
	}
	w.clean = r.CleanEnd
	j.next = w.next
	r.Segments, r.Last, r.found = len(j.segments), w.next-1, len(r.Damage)
	return r, nil
}

// find lists the segments in order and reads their headers. A last one that was not finished being made is removed.
func (j *Journal) find(r *Recovered) error {
	names, err := j.fs.List(j.o.Dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if first, ok := parseName(name); ok {
			j.segments = append(j.segments, &segment{name: name, first: first, next: first})
		}
	}
	for i, s := range j.segments {
		if i > 0 {
			j.segments[i-1].next = s.first
		}
		err := j.look(s)
		switch {
		case err == nil:
		case err == errNoHeader && i == len(j.segments)-1:
			r.Torn, r.CleanEnd = s.size, false
			if err := j.fs.Remove(j.path(s.name)); err != nil {
				return err
			}
			j.segments = j.segments[:i]
		case bad(err):
			s.broken, s.created = true, time.Now()
		default:
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	for _, s := range j.segments {
		if s.broken {
			if s == j.last() { // nothing is written to it; the positions that it may have are not given out again
				s.next = s.first + uint64(s.size)/headSize + 1
			}
			j.damaged(r, Damage{Segment: s.name, From: s.first, To: s.next, Reason: errHeader.Error()})
		}
	}
	return nil
}

// look reads size and header of a segment.
func (j *Journal) look(s *segment) error {
	f, err := j.fs.Open(j.path(s.name), os.O_RDONLY)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.size, err = f.Size(); err != nil {
		return err
	}
	return s.readHeader(f, s.size)
}

// mend cuts the last segment off behind its last whole record. It leaves it open for more if it is of this run of the machine and was ended well:
// a writer that was killed may have had an fsync that failed, and what follows must not be in one file with what that has lost.
func (j *Journal) mend(s *segment, r *Recovered) error {
	r.CleanEnd = false
	if s.broken {
		return nil
	}
	f, err := j.fs.Open(j.path(s.name), os.O_RDWR)
	if err != nil {
		return err
	}
	j.writer.file = f // Open closes it after an error
	size := s.size
	end, err := s.measure(f, r)
	s.size, s.next = end.off, end.next
	switch {
	case bad(err):
		if err != errTorn {
			j.damaged(r, Damage{Segment: s.name, Offset: end.off, From: end.next, To: end.next, Reason: err.Error()})
		}
		r.Torn = size - s.size
		r.CleanEnd = false
		j.o.Log.Warn("journal end cut off", "reason", s.name+": "+err.Error(), "n", r.Torn)
		if err := f.Truncate(s.size); err != nil {
			return err
		}
		if err := f.Sync(); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	if s.boot != j.o.Boot || !r.CleanEnd {
		j.writer.file = nil
		return f.Close()
	}
	return nil
}

// measure reads the last segment to its end. The error is nil if all of it is whole.
func (s *segment) measure(f File, r *Recovered) (*scanner, error) {
	sc := s.scan(f, s.size)
	s.seqs = map[string]uint64{}
	for {
		rec, err := sc.record()
		if err != nil {
			if sc.left == 0 {
				err = nil
			}
			return sc, err
		}
		r.CleanEnd = rec.Kind == kindClosed
		s.saw(rec.Space, rec.Seq)
	}
}
