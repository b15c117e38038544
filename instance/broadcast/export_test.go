package broadcast

// Offsets makes and reads the offsets of a new epoch.
type Offsets struct{ m *marks }

// NewOffsets returns those of one start.
func NewOffsets() Offsets { return Offsets{newMarks(newEpoch())} }

// Format returns the offset of a number.
func (o Offsets) Format(seq uint64) string { return string(o.m.appendOffset(nil, seq)) }

// Mark returns what stands for it while it is not known.
func (o Offsets) Mark(seq uint64) string { return o.m.all[o.m.width(seq)] }

// Parse reads an offset.
func (o Offsets) Parse(s string) (uint64, bool) {
	seq, _, ok := o.m.parse(s)
	return seq, ok
}
