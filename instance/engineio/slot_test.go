package engineio_test

import (
	"strings"
	"testing"

	"github.com/sockd/sockd/instance/engineio"
)

func TestSlotIsTheLastMarkOfTheFirstMessage(t *testing.T) {
	t.Parallel()
	const mark = "<00>"
	for _, n := range []int{0, 100, 120, 1000, 1 << 17} { // each length of a frame's header
		text := strings.Repeat("x", n) + mark + mark + "]"
		for name, m := range map[string]*engineio.Message{
			"text":   engineio.Text([]byte(text)),
			"binary": engineio.Binary([]byte(text)),
			"batch":  engineio.Batch(engineio.Text([]byte(text)), engineio.Binary([]byte(mark)), engineio.Text([]byte(mark))),
		} {
			at := m.Slot(mark)
			m.Fill(at, []byte("<42>"))
			if m.Slot("<00><42>]") < 0 || m.Slot("<42>") != at {
				t.Errorf("%s of %d bytes: slot at %d", name, n, at)
			}
		}
	}
	if at := engineio.Batch(engineio.Text([]byte("a")), engineio.Text([]byte(mark))).Slot(mark); at != -1 {
		t.Errorf("found at %d in the second message", at)
	}
}
