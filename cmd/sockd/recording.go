package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxRecorded bounds one line of a recording, in bytes.
const maxRecorded = maxArguments + 1<<20

// recordingVersion is the number in the first line of a recording.
const recordingVersion = 1

// recordingHead is the first line of a recording.
type recordingHead struct {
	Sockd    int       `json:"sockd"` // version of the format
	Instance string    `json:"instance"`
	Started  time.Time `json:"started"`
	Event    string    `json:"event,omitempty"` // the glob by which events were chosen
}

// recorded is any other line: an event, or with Lost alone how many are missing there.
type recorded struct {
	T         float64         `json:"t"` // seconds since the start
	Namespace string          `json:"namespace,omitempty"`
	Event     string          `json:"event,omitempty"`
	Args      json.RawMessage `json:"args,omitempty"`
	Rooms     []string        `json:"rooms,omitempty"`
	Except    []string        `json:"except,omitempty"`
	Lost      uint64          `json:"lost,omitempty"`
}

// eachRecorded calls f with the events of a recording, and with what is missing. Errors of the recording name the line.
func eachRecorded(r io.Reader, name string, f func(*recorded) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxRecorded)
	n := 0
	for s.Scan() {
		n++
		if err := eachLine(s.Bytes(), n, f); err != nil {
			return wherever(name, n, err)
		}
	}
	switch {
	case errors.Is(s.Err(), bufio.ErrTooLong):
		return wherever(name, n+1, badRecording("is longer than %d bytes", maxRecorded))
	case s.Err() != nil:
		return s.Err()
	case n == 0:
		return wherever(name, 1, badRecording("is not there: the file is empty"))
	}
	return nil
}

// badLine is a fault of the recording itself.
type badLine struct{ message string }

func (b *badLine) Error() string { return b.message }

func badRecording(format string, args ...any) error { return &badLine{fmt.Sprintf(format, args...)} }

// wherever says where a fault of the recording is; others stay as they are.
func wherever(name string, n int, err error) error {
	if bad, ok := errors.AsType[*badLine](err); ok {
		return fmt.Errorf("%s:%d: the line %s", name, n, bad.message)
	}
	return err
}

func eachLine(line []byte, n int, f func(*recorded) error) error {
	if n == 1 {
		var head recordingHead
		switch err := json.Unmarshal(line, &head); {
		case err != nil || head.Sockd < 1:
			return badRecording("is not the first one of a recording of `sockd record`")
		case head.Sockd > recordingVersion:
			return badRecording("is of a newer sockd (format %d, known is %d)", head.Sockd, recordingVersion)
		}
		return nil
	}
	if len(line) == 0 {
		return nil
	}
	var e recorded
	if err := json.Unmarshal(line, &e); err != nil {
		return badRecording("is no event: %v", err)
	}
	if e.Event == "" && e.Lost == 0 || e.T < 0 {
		return badRecording("has no event, or a time below zero")
	}
	return f(&e)
}
