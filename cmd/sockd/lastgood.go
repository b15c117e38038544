package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/sockd/sockd/config"
	"github.com/sockd/sockd/fleet"
	"github.com/urfave/cli/v2"
)

// lastGoodName is the file in the state folder that holds the last applied revision, as [config.Show] writes it: one file without includes
// and variables, with absolute paths, so that it means the same wherever it lies.
const lastGoodName = "last-good.toml"

// lastGoodVersion is the number in the first line of that file.
const lastGoodVersion = 1

// lastGoodHead begins the first line; a version and, after a colon, the path of the file that it stands for follow.
const lastGoodHead = "# sockd last-good "

// unkept is the second line of a revision that cannot be kept.
const unkept = "# incomplete"

func lastGoodFlag() cli.Flag {
	return boolFlag("last-good", "run the last applied revision if the file is invalid")
}

// firstRevision is what a daemon starts with. boot is nil if that is the file itself; with --last-good it may be what was applied last.
func firstRevision(c *cli.Context) (first, boot *config.Config, err error) {
	first, err = loadChecked(c)
	if err == nil {
		return first, nil, nil
	}
	err = invalid(err)
	path, lookupErr := config.Lookup(c.String("config"))
	if lookupErr != nil {
		return nil, nil, err
	}
	p, placeErr := here().locate(c.String("state-dir"), path)
	if placeErr != nil {
		return nil, nil, err
	}
	if !c.Bool("last-good") {
		if exists(filepath.Join(p.dir, lastGoodName)) {
			fmt.Fprintln(c.App.ErrWriter, "sockd: --last-good runs the last revision that was applied")
		}
		return nil, nil, err
	}
	last, lastErr := readLastGood(p, path)
	if lastErr != nil {
		report(c.App.ErrWriter, err)
		return nil, nil, &exitError{exitConfig, lastErr}
	}
	return last, last, nil
}

// readLastGood loads what was kept of the file at path.
func readLastGood(p place, path string) (*config.Config, error) {
	kept := filepath.Join(p.dir, lastGoodName)
	data, err := os.ReadFile(kept)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no revision of %s has been applied before", path)
	}
	if err != nil {
		return nil, err
	}
	var format int
	if _, err := fmt.Sscanf(string(data), lastGoodHead+"%d", &format); err != nil {
		return nil, fmt.Errorf("%s: not written by sockd", kept)
	}
	if format > lastGoodVersion {
		return nil, fmt.Errorf("%s: written by a newer sockd (format %d) than this one (format %d)", kept, format, lastGoodVersion)
	}
	if strings.Contains(string(data), "\n"+unkept) {
		return nil, fmt.Errorf("%s: the last revision holds secrets that stand in the file itself, which are not copied: give them by their *_file keys", kept)
	}
	cfg, err := fleet.Load(kept)
	if err != nil {
		return nil, fmt.Errorf("last applied revision: %w", err)
	}
	here := *cfg
	here.Path = path
	return &here, nil
}

// keeper writes each applied revision to the state folder, on a goroutine of its own: the newest counts, those between are left out.
type keeper struct {
	place
	log  *slog.Logger
	next chan *config.Config // of capacity 1
}

func newKeeper(p place, log *slog.Logger) *keeper {
	return &keeper{place: p, log: log, next: make(chan *config.Config, 1)}
}

// applied never blocks. It is called by one goroutine.
func (k *keeper) applied(cfg *config.Config) {
	select {
	case <-k.next:
	default:
	}
	k.next <- cfg
}

// run begins when the fleet has settled, as a copy of hundreds of instances must not delay their start, writes until ctx ends, and then what is left.
func (k *keeper) run(ctx context.Context, settled <-chan struct{}) error {
	select {
	case <-settled:
	case <-ctx.Done():
	}
	for {
		select {
		case cfg := <-k.next:
			k.keep(cfg)
		case <-ctx.Done():
			select {
			case cfg := <-k.next:
				k.keep(cfg)
			default:
			}
			return nil
		}
	}
}

// keep replaces the file as a whole.
func (k *keeper) keep(cfg *config.Config) {
	text, err := lastGoodText(cfg)
	if err == nil {
		err = k.replace(text)
	}
	if err != nil {
		k.log.Warn("last good revision not kept", "err", err)
	}
}

// lastGoodText is the file. That what [config.Copy] writes means the same is held by the tests of config, not tried out here: with hundreds of
// instances, each with all its keys, to load it again cost more than to load the file itself and was the most that a start left behind in memory.
func lastGoodText(cfg *config.Config) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d: %s\n", lastGoodHead, lastGoodVersion, cfg.Path)
	head := b.Len()
	b.WriteString("# what was applied last, for --last-good; written anew with each revision\n")
	whole, err := config.Copy(&b, cfg)
	if !whole {
		b.Truncate(head)
		b.WriteString(unkept + "\n")
	}
	return b.Bytes(), err
}

func (k *keeper) replace(text []byte) error {
	next := filepath.Join(k.dir, lastGoodName+".next")
	defer os.Remove(next) // gone by then, unless something went wrong
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(k.dir, lastGoodName))
}
