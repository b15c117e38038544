package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"
)

// logName is the current log file in the state folder. Older ones have a time before the extension.
const logName = "sockd.log"

// unlimited is a size in MiB that no log reaches: lumberjack knows whole MiB only, so the size is counted here.
const unlimited = 1 << 20

// turnPause is between two new files at least: the names of old ones count milliseconds, and one of the same name would be lost. Until then a
// file grows beyond its size.
const turnPause = 2 * time.Millisecond

// logFile writes records to the state folder and begins a new file when one is full. A fault of the disk loses records, and nothing else.
type logFile struct {
	mu   sync.Mutex
	out  *lumberjack.Logger
	size int64 // of the current file
	max  int64 // bytes, 0 = any

	turnedAt time.Time // when the current file was begun
	turned   func()    // called when a new file has been begun; nil = nobody
}

// openLog opens the log at path, or makes it, readable by its owner only.
func openLog(path string) (*logFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return &logFile{out: &lumberjack.Logger{Filename: path, MaxSize: unlimited}, size: info.Size()}, nil
}

// limit applies from the next record on. keep is the number of older files, 0 for all. A logger of lumberjack reads its limits on a goroutine
// of its own, so that a changed one needs a new logger.
func (f *logFile) limit(size int64, keep int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.max = size
	if keep != f.out.MaxBackups {
		_ = f.out.Close() // it writes unbuffered, and opens again if it has to
		f.out = &lumberjack.Logger{Filename: f.out.Filename, MaxSize: unlimited, MaxBackups: keep}
	}
}

// Write takes one record and keeps it in one file.
func (f *logFile) Write(record []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	full := f.max > 0 && f.size > 0 && f.size+int64(len(record)) > f.max
	if full && time.Since(f.turnedAt) >= turnPause {
		if err := f.out.Rotate(); err != nil {
			return 0, err
		}
		f.size, f.turnedAt = 0, time.Now()
		if f.turned != nil {
			defer f.turned() // when there is a file again
		}
	}
	n, err := f.out.Write(record)
	f.size += int64(n)
	return n, err
}

func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.out.Close()
}

// logFiles are the files of the log at path, the oldest first and path last. The names tell their order.
func logFiles(path string) []string {
	ext := filepath.Ext(path)
	stem := strings.TrimSuffix(filepath.Base(path), ext) + "-"
	entries, _ := os.ReadDir(filepath.Dir(path)) // a folder that is not there holds no files
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), stem) && strings.HasSuffix(e.Name(), ext) {
			list = append(list, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	slices.Sort(list)
	return append(list, path)
}
