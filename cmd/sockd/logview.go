package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// logView shows records of the log to people.
type logView struct {
	out   *bufio.Writer
	names []string  // of instances, or globs; none = everything
	since time.Time // zero = any age
	raw   bool      // as they were written
}

// wants reports whether a line is asked for. One that is no record, such as the last words of a crash, is so unless a name is given.
func (v *logView) wants(line []byte) bool {
	if len(v.names) == 0 && v.since.IsZero() {
		return true
	}
	var record struct {
		Time     time.Time `json:"time"`
		Instance string    `json:"instance"`
	}
	if json.Unmarshal(line, &record) != nil {
		return len(v.names) == 0
	}
	return !record.Time.Before(v.since) && (len(v.names) == 0 || matchesAny(v.names, record.Instance))
}

// write shows one line. Its errors come with the flush.
func (v *logView) write(line []byte) {
	if !v.raw {
		line = readable(line)
	}
	_, _ = v.out.Write(line)
	_ = v.out.WriteByte('\n')
}

// readable turns {"time":…,"level":"INFO","msg":"instance ready","instance":"chat"} into
// 2026-01-31 12:00:00.000 INFO  instance ready instance=chat. What is no record stays as it is, but for characters that a terminal obeys.
func readable(line []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return []byte(printable(string(line)))
	}
	var when, level, message string
	var rest strings.Builder
	for d.More() {
		key, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return []byte(printable(string(line)))
		}
		switch text := plainValue(value); key {
		case "time":
			when = localTime(text)
		case "level":
			level = text
		case "msg":
			message = text
		case "took":
			rest.WriteString(" took=" + span(text))
		default:
			rest.WriteString(" " + key.(string) + "=" + quoted(text))
		}
	}
	return []byte(printable(when + " " + (level + "     ")[:max(5, len(level))] + " " + message + rest.String()))
}

// plainValue is a string without its quotes, anything else as it is.
func plainValue(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func localTime(text string) string {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return t.Local().Format("2006-01-02 15:04:05.000")
}

// span writes the nanoseconds of a record as people write a time.
func span(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return quoted(text)
	}
	return time.Duration(n).Round(time.Microsecond).String()
}

func quoted(text string) string {
	if text == "" || strings.ContainsAny(text, " =\"\n\t") {
		return strconv.Quote(text)
	}
	return text
}

// printable keeps foreign text from steering a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return '?'
		}
		return r
	}, text)
}
