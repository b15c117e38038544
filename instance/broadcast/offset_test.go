package broadcast_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/broadcast"
)

// An offset that is accepted is exactly the one that is written for its number, so that each event has one.
func FuzzOffset(f *testing.F) {
	o := broadcast.NewOffsets()
	epoch, _, _ := strings.Cut(o.Format(1), "-")
	for _, s := range []string{"-1", "-0", "-", "", "-01", "-+1", "--1", "-1-1", "-18446744073709551615", "-18446744073709551616", "-1 "} {
		f.Add(true, s)
		f.Add(false, s)
	}
	f.Fuzz(func(t *testing.T, ours bool, s string) {
		if ours {
			s = epoch + s
		}
		if seq, ok := o.Parse(s); ok && (seq == 0 || o.Format(seq) != s) {
			t.Errorf("%q was read as %d", s, seq)
		}
	})
}

func TestOffsetsHaveTheLengthOfTheirMarks(t *testing.T) {
	t.Parallel()
	o := broadcast.NewOffsets()
	if other := broadcast.NewOffsets(); o.Format(1) == other.Format(1) {
		t.Error("two starts with one epoch")
	}
	for _, seq := range []uint64{1, 9, 10, 99, 100, 1e9 - 1, 1e9, 1e19 - 1, 1e19, math.MaxUint64} {
		s := o.Format(seq)
		if got, ok := o.Parse(s); !ok || got != seq || len(s) != len(o.Mark(seq)) || strings.Index(s, "-") != 8 {
			t.Errorf("%d: %q, mark %q, read as %d, %v", seq, s, o.Mark(seq), got, ok)
		}
	}
}
