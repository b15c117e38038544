package main

import (
	"context"
	"io"
	"log/slog"
	"sync/atomic"

	"github.com/sockd/sockd/config"
)

// liveLog is a logger whose level and format follow the running configuration.
type liveLog struct {
	*slog.Logger
	level    *slog.LevelVar
	json     *atomic.Bool
	file     *logFile // nil = none
	terminal bool
	forced   *slog.Level // by -q or -v; beats the file
}

// newLog writes to w, at level info until apply is called, as text if terminal is true, and to file, always as JSON so that `fleet logs` can
// tell instances apart. Either may be nil.
func newLog(w io.Writer, terminal bool, file *logFile, forced *slog.Level) *liveLog {
	l := &liveLog{level: new(slog.LevelVar), json: new(atomic.Bool), file: file, terminal: terminal, forced: forced}
	o := &slog.HandlerOptions{Level: l.level}
	var handlers []slog.Handler
	if w != nil {
		handlers = append(handlers, &eitherHandler{text: slog.NewTextHandler(w, o), json: slog.NewJSONHandler(w, o), asJSON: l.json})
	}
	if file != nil {
		handlers = append(handlers, slog.NewJSONHandler(file, o))
	}
	l.Logger = slog.New(slog.NewMultiHandler(handlers...))
	l.apply(config.Log{Level: "info", Format: "auto"})
	return l
}

// apply takes effect with the next record, also for loggers that were derived before.
func (l *liveLog) apply(c config.Log) {
	l.json.Store(c.Format == "json" || c.Format == "auto" && !l.terminal)
	if l.file != nil {
		l.file.limit(int64(c.MaxSize), c.Keep)
	}
	if l.forced != nil {
		l.level.Set(*l.forced)
		return
	}
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) == nil {
		l.level.Set(level)
	}
}

// eitherHandler keeps both formats ready, so that a switch needs no rebuilding of derived loggers.
type eitherHandler struct {
	text, json slog.Handler
	asJSON     *atomic.Bool
}

func (h *eitherHandler) current() slog.Handler {
	if h.asJSON.Load() {
		return h.json
	}
	return h.text
}

func (h *eitherHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.current().Enabled(ctx, l)
}

func (h *eitherHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.current().Handle(ctx, r)
}

func (h *eitherHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &eitherHandler{h.text.WithAttrs(attrs), h.json.WithAttrs(attrs), h.asJSON}
}

func (h *eitherHandler) WithGroup(name string) slog.Handler {
	return &eitherHandler{h.text.WithGroup(name), h.json.WithGroup(name), h.asJSON}
}
