package main

import (
	"context"
	"strings"
	"testing"

	"github.com/sockd/sockd/fleet/control"
)

func TestSince(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]control.HistoryRequest{
		"": {}, "0": {Since: "0"}, "17": {Since: "17"}, "abcdefgh-17": {Since: "abcdefgh-17"}, "10m": {AgeMS: 600_000}, "1h30m": {AgeMS: 5_400_000},
		"1us": {AgeMS: 1}, "yesterday": {Since: "yesterday"},
	} {
		if got, err := since(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"-10m", "0s"} {
		if got, err := since(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// paged answers with parts of a history of events 1 to 5, two at a time.
func (d *double) History(_ context.Context, h control.HistoryRequest) (control.HistoryPage, error) {
	first := map[string]uint64{"0": 1, "e-2": 3, "e-4": 5}[h.Since]
	p := control.HistoryPage{Epoch: "e"}
	for seq := first; seq < min(first+2, 6); seq++ {
		p.Events = append(p.Events, control.PastEvent{ID: "e-" + string(rune('0'+seq)), Seq: seq, Event: "tick", Args: []byte("[]"), Room: []string{"r"}})
	}
	switch first {
	case 1:
		p.Gap, p.Next = &control.Gap{From: 1, To: 2}, "e-2"
	case 3:
		p.Next = "e-4"
	}
	return p, nil
}

func TestHistoryIsReadToItsEnd(t *testing.T) {
	code, stdout, stderr := (&double{}).play(t, "history", "chat", "--since", "0")
	if code != exitOK || strings.Count(stdout, " tick ") != 5 || !strings.HasSuffix(stdout, " e-5 tick  rooms=r\n") || !strings.Contains(stderr, "1 to 2 are not kept") {
		t.Errorf("code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = (&double{}).play(t, "history", "chat", "--since", "0", "-n", "3")
	if code != exitOK || strings.Count(stdout, " tick ") != 3 || strings.Contains(stdout, "e-2") || stderr != "" {
		t.Errorf("the last 3: code %d, %s%s", code, stdout, stderr)
	}
}
