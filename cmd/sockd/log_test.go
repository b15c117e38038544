package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/sockd/sockd/config"
)

func TestLogFollowsTheFile(t *testing.T) {
	t.Parallel()
	verbose := slog.LevelDebug
	for _, tt := range []struct {
		name     string
		terminal bool
		forced   *slog.Level
		config   config.Log
		prefix   string
		lines    int // of debug, info, warn
	}{
		{"auto on a terminal", true, nil, config.Log{Level: "info", Format: "auto"}, "time=", 2},
		{"auto elsewhere", false, nil, config.Log{Level: "info", Format: "auto"}, "{", 2},
		{"text", false, nil, config.Log{Level: "warn", Format: "text"}, "time=", 1},
		{"json", true, nil, config.Log{Level: "debug", Format: "json"}, "{", 3},
		{"-v beats the file", true, &verbose, config.Log{Level: "error", Format: "text"}, "time=", 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			l := newLog(&out, tt.terminal, nil, tt.forced)
			derived := l.With("instance", "chat") // made before the file is known
			l.apply(tt.config)
			derived.Debug("one")
			derived.Info("two")
			derived.Warn("three")
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(lines) != tt.lines {
				t.Errorf("got %d lines, want %d: %s", len(lines), tt.lines, &out)
			}
			for _, line := range lines {
				if !strings.HasPrefix(line, tt.prefix) || !strings.Contains(line, "chat") {
					t.Errorf("got %q, want %s… with the instance", line, tt.prefix)
				}
			}
		})
	}
}
