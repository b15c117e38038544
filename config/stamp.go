package config

import (
	"io/fs"
	"os"
	"slices"
	"strconv"
)

// maxStamped bounds how many entries of a folder are looked at.
const maxStamped = 1000

// stamp tells the states of a folder apart by the names, sizes and times of what lies in it, so that a reload carries out what changed there
// though the text of the file did not. A folder that is not there has the stamp "": what needs it says so.
func stamp(dir string) string {
	if dir == "" {
		return ""
	}
	d, err := os.Open(dir)
	if err != nil {
		return ""
	}
	defer d.Close()
	entries, _ := d.Readdir(maxStamped) // not a folder, or empty: none
	slices.SortFunc(entries, func(a, b fs.FileInfo) int {
		if a.Name() < b.Name() {
			return -1
		}
		return 1
	})
	var b []byte
	for _, e := range entries {
		b = append(strconv.AppendQuote(b, e.Name()), ' ')
		b = append(strconv.AppendInt(b, e.Size(), 10), ' ')
		b = append(strconv.AppendInt(b, e.ModTime().UnixNano(), 36), '\n')
	}
	return string(b)
}
