package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sockd/sockd/fleet/control"
)

func TestSpeed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"5x": 5, "0.5x": 0.5, "2": 2, "1e3x": 1000, "max": math.Inf(1)} {
		if got, err := parseSpeed(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "0", "-1x", "fast", "5xx", "inf", "nan", "NaNx", "1e999"} {
		if got, err := parseSpeed(text); err == nil {
			t.Errorf("%s: got %v, want an error", text, got)
		}
	}
}

func TestEventsAreDueByTheirTimes(t *testing.T) {
	t.Parallel()
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		speed, first, at float64
		want             time.Duration
	}{
		{1, 0, 2, 2 * time.Second},
		{4, 10, 12, 500 * time.Millisecond},
		{0.5, 0, 1, 2 * time.Second},
		{1, 10, 9, 0}, // before the first
		{math.Inf(1), 0, 1e300, 0},
		{1e-300, 0, 1e300, 100 * 365 * 24 * time.Hour},
	} {
		p := &player{speed: c.speed, first: c.first, begun: begun}
		if got := p.due(c.at).Sub(begun); got != c.want {
			t.Errorf("%+v: got %v", c, got)
		}
	}
}

func TestWhatIsRecordedCanBeReplayed(t *testing.T) {
	t.Parallel()
	var file strings.Builder
	begun := time.Now()
	r := &recorder{out: &file, started: begun}
	if err := r.write(recordingHead{Sockd: recordingVersion, Instance: "a", Started: begun}); err != nil {
		t.Fatal(err)
	}
	for _, l := range []control.TailLine{
		{Event: "connect", From: "server", Time: begun},
		{Event: "refused", Dropped: "no_rule", Time: begun},
		{Event: "first", Time: begun.Add(1500 * time.Millisecond), Args: []byte(`[1]`), Rooms: []string{"r"}, Except: []string{"x"}, Namespace: "/n"},
		{Event: "second", Time: begun.Add(2 * time.Second), Lost: 3},
		{Lost: 4, Time: begun.Add(3 * time.Second)},
		{Event: "early", Time: begun.Add(-time.Second)},
	} {
		if err := r.take(l); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	lost := uint64(0)
	err := eachRecorded(strings.NewReader(file.String()), "tape", func(e *recorded) error {
		lost += e.Lost
		if e.Event == "first" && (e.T != 1.5 || string(e.Args) != "[1]" || e.Rooms[0] != "r" || e.Except[0] != "x" || e.Namespace != "/n") {
			t.Errorf("got %+v", e)
		}
		if e.Event != "" {
			got = append(got, e.Event)
		}
		return nil
	})
	if text := strings.Join(got, " "); err != nil || text != "first second early" || r.events != 3 || lost != 7 || r.lost != 7 {
		t.Errorf("got %s, %d lost, %v", text, lost, err)
	}
}

func TestRecordingsThatAreNone(t *testing.T) {
	t.Parallel()
	head := `{"sockd":1}` + "\n"
	for text, want := range map[string]string{
		"":                                "tape:1: the line is not there: the file is empty",
		"[]":                              "tape:1: the line is not the first one of a recording",
		`{"sockd":0}`:                     "tape:1: the line is not the first one",
		`{"sockd":9}`:                     "tape:1: the line is of a newer sockd (format 9, known is 1)",
		head + "{":                        "tape:2: the line is no event",
		head + "{}":                       "tape:2: the line has no event",
		head + "\n" + `{"event":1}`:       "tape:3: the line is no event",
		head + `{"event":"e","t":-1}`:     "tape:2: the line has no event, or a time below zero",
		head + `{"event":"e","rooms":""}`: "tape:2: the line is no event",
	} {
		err := eachRecorded(strings.NewReader(text), "tape", func(*recorded) error { return nil })
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	long := head + `{"event":"e","args":["` + strings.Repeat("x", maxRecorded) + `"]}`
	if err := eachRecorded(strings.NewReader(long), "tape", func(*recorded) error { return nil }); err == nil || !strings.HasPrefix(err.Error(), "tape:2: the line is longer than") {
		t.Errorf("a long line: got %v", err)
	}
}

func FuzzRecording(f *testing.F) {
	for _, seed := range []string{
		"", `{"sockd":1}`, `{"sockd":1}` + "\n" + `{"t":1,"event":"e","args":[1]}`, `{"sockd":1}` + "\n\n" + `{"lost":3}`, `{"sockd":2}`, "[]\n[]",
		`{"sockd":1}` + "\n" + `{"t":1e308,"event":"e"}`,
	} {
		f.Add(seed, "5x")
	}
	f.Add("", "max")
	f.Fuzz(func(t *testing.T, text, pace string) {
		speed, err := parseSpeed(pace)
		if err != nil {
			speed = 1
		}
		p := &player{speed: speed, begun: time.Now()}
		_ = eachRecorded(strings.NewReader(text), "tape", func(e *recorded) error {
			if e.Event == "" && e.Lost == 0 {
				t.Errorf("%q: an event without a name", text)
			}
			if p.due(e.T).Before(p.begun) {
				t.Errorf("%q: due before the begin", text)
			}
			return nil
		})
	})
}
