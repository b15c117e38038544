package ingest

import "unicode/utf8"

// match tells whether name fits a pattern, in which '*' stands for any characters and '?' for one. It takes at most len(pattern)·len(name) steps.
func match(pattern, name string) bool {
	p, n := 0, 0
	star, again := -1, 0 // the last star, and where the name goes on if it takes one more
	for n < len(name) {
		_, size := utf8.DecodeRuneInString(name[n:])
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, again = p, n
			p++
		case p < len(pattern) && pattern[p] == '?':
			p, n = p+1, n+size
		case p < len(pattern) && pattern[p] == name[n]:
			p, n = p+1, n+1
		case star >= 0:
			_, size = utf8.DecodeRuneInString(name[again:])
			again += size
			p, n = star+1, again
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
