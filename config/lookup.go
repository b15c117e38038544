package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrNotFound is returned by [Lookup] when there is no configuration in any of the usual places.
var ErrNotFound = errors.New("no sockd.toml here, in a parent folder up to the repository's root, in $XDG_CONFIG_HOME/sockd or in /etc/sockd")

// fileName is the configuration's usual name.
const fileName = "sockd.toml"

// Lookup returns the path of the configuration, absolute: explicit (the flag -c) if it is given, else $SOCKD_CONFIG, else the
// first sockd.toml that exists in the current folder and its parents up to the root of a repository (a folder with .git or .hg; without one
// up to the root of the file system), in $XDG_CONFIG_HOME/sockd (by default ~/.config/sockd), in /etc/sockd. What explicit and $SOCKD_CONFIG
// name need not exist: a daemon is found by the path of a file that is gone. Nothing is created, links are not resolved.
func Lookup(explicit string) (string, error) {
	cwd, err := os.Getwd()
	if err != nil && !filepath.IsAbs(explicit) {
		return "", fmt.Errorf("current folder: %w", err)
	}
	return find(explicit, os.Getenv, cwd)
}

func find(explicit string, getenv func(string) string, cwd string) (string, error) {
	for _, path := range []string{explicit, getenv("SOCKD_CONFIG")} {
		if path != "" {
			if !filepath.IsAbs(path) {
				path = filepath.Join(cwd, path)
			}
			return filepath.Clean(path), nil
		}
	}
	for _, path := range places(getenv, cwd) {
		if exists(path) {
			return path, nil
		}
	}
	return "", ErrNotFound
}

func places(getenv func(string) string, cwd string) []string {
	var list []string
	for dir := filepath.Clean(cwd); ; dir = filepath.Dir(dir) {
		list = append(list, filepath.Join(dir, fileName))
		if dir == filepath.Dir(dir) || exists(filepath.Join(dir, ".git")) || exists(filepath.Join(dir, ".hg")) {
			break
		}
	}
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		list = append(list, filepath.Join(dir, "sockd", fileName))
	} else if home := getenv("HOME"); filepath.IsAbs(home) {
		list = append(list, filepath.Join(home, ".config", "sockd", fileName))
	}
	return append(list, filepath.Join("/etc/sockd", fileName))
}

// exists also counts a link that leads nowhere: that file is broken, not absent.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
