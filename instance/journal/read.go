package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Replay gives f every record that is kept, in order, those of snapshots among them. r.Data is borrowed for the call. Reading is streamed: memory is
// bounded by the largest record. It is called after [Open], before [Journal.Run] and any Read; it blocks for as long as the disk does, and ends with the
// first error that f returns. What cannot be read is skipped to the end of its segment and added to [Recovered].
func (j *Journal) Replay(f func(Record) error) error {
	j.recovered.Damage = j.recovered.Damage[:j.recovered.found]
	for i, s := range j.segments {
		if s.broken {
			continue
		}
		s.seqs = map[string]uint64{}
		end, err := j.records(s, func(r Record) error {
			s.saw(r.Space, r.Seq)
			return f(r)
		})
		if err != nil && !bad(err) {
			s.seqs = nil
			return err
		}
		if i+1 < len(j.segments) && end.next != s.next {
			if err == nil {
				err = errMissing
			}
			j.damaged(j.recovered, Damage{Segment: s.name, Offset: end.off, From: end.next, To: s.next, Reason: err.Error()})
			s.seqs = nil
		}
	}
	return nil
}

var errMissing = errors.New("missing records")

// records gives f the records of one segment, without the journal's own. A bad error (see bad) is about what follows the last of them.
func (j *Journal) records(s *segment, f func(Record) error) (*scanner, error) {
	file, err := j.fs.Open(j.path(s.name), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sc := s.scan(file, s.size)
	for sc.next < s.next { // what is beyond was taken back before the next segment was begun
		r, err := sc.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return sc, err
		}
		if r.Kind == kindClosed {
			continue
		}
		if err := f(r); err != nil {
			return sc, err
		}
	}
	return sc, nil
}

// Query selects records for [Journal.Read]. The zero Query selects all.
type Query struct {
	From  uint64 // positions from here on
	Kind  uint8  // 0: any
	Space string // "": any, and After is not looked at
	After uint64 // only with a higher Seq than this
	Limit int    // at most so many; 0: no limit
}

func (q *Query) wants(r *Record) bool {
	return r.Pos >= q.From && (q.Kind == 0 || r.Kind == q.Kind) && (q.Space == "" || r.Space == q.Space && r.Seq > q.After)
}

// skips tells that nothing in s is wanted, as far as is known without reading it.
func (q *Query) skips(s *segment) bool {
	if s.broken || s.next <= q.From {
		return true
	}
	return q.Space != "" && s.seqs != nil && s.seqs[q.Space] <= q.After
}

// errEnough ends a Read at its limit.
var errEnough = errors.New("limit reached")

// Read gives f the durable records that q selects, in order. r.Data is borrowed for the call. It may be called from any goroutine at any time;
// after a [Journal.Replay] it knows which segments it need not read. It has file descriptors of its own and holds no lock while it reads or
// calls f, so it never delays Append. It blocks for as long as the disk does: not for a poller. It ends with the first error that f
// returns. Records that are removed meanwhile, or cannot be read, are left out.
func (j *Journal) Read(q Query, f func(Record) error) error {
	n := 0
	each := func(r Record) error {
		if !q.wants(&r) {
			return nil
		}
		if err := f(r); err != nil {
			return err
		}
		if n++; n == q.Limit {
			return errEnough
		}
		return nil
	}
	for _, s := range j.selected(q) {
		_, err := j.records(&s, each)
		switch {
		case err == errEnough:
			return nil
		case err == nil, errors.Is(err, fs.ErrNotExist):
		case bad(err):
			j.o.Log.Warn("journal segment not read to its end", "reason", s.name, "err", err)
		default:
			return err
		}
	}
	return nil
}

// selected returns the segments that q needs as they are now, without what is written to them later.
func (j *Journal) selected(q Query) []segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	var list []segment
	for _, s := range j.segments {
		if !q.skips(s) {
			c := *s
			c.seqs = nil
			list = append(list, c)
		}
	}
	return list
}
