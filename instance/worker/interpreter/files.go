package interpreter

import (
	"os"
	"path/filepath"
	"slices"
)

func (s *search) file(names ...string) string {
	return filepath.Join(append([]string{s.spec.Project}, names...)...)
}

func (s *search) home(names ...string) string {
	if s.env["HOME"] == "" {
		return ""
	}
	return filepath.Join(append([]string{s.env["HOME"]}, names...)...)
}

// root is the folder that a variable names, else the one below HOME; "" without both.
func (s *search) root(variable string, names ...string) string {
	if dir := s.env[variable]; filepath.IsAbs(dir) {
		return dir
	}
	return s.home(names...)
}

// data is a folder below $XDG_DATA_HOME, by default ~/.local/share.
func (s *search) data(names ...string) string {
	if dir := s.root("XDG_DATA_HOME", ".local", "share"); dir != "" {
		return filepath.Join(append([]string{dir}, names...)...)
	}
	return ""
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func existing(dir string) []string {
	if isDir(dir) {
		return []string{dir}
	}
	return nil
}

// maxFile bounds what is read of a project's file.
const maxFile = 1 << 20

// read returns the text of a small file, "" if it is not there.
func read(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	buf := make([]byte, 0, 4096)
	for len(buf) < maxFile {
		if len(buf) == cap(buf) {
			buf = slices.Grow(buf, len(buf))
		}
		n, err := f.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			break
		}
	}
	return string(buf)
}

// upwards returns the folders above the project up to the first with one of the marks, that one included; nil if there is none, or if the
// project has one itself.
func (s *search) upwards(marks ...string) []string {
	marked := func(dir string) bool {
		return slices.ContainsFunc(marks, func(m string) bool {
			_, err := os.Lstat(filepath.Join(dir, m))
			return err == nil
		})
	}
	if marked(s.spec.Project) {
		return nil
	}
	var dirs []string
	for dir := filepath.Dir(s.spec.Project); ; dir = filepath.Dir(dir) {
		dirs = append(dirs, dir)
		if marked(dir) {
			return dirs
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}
