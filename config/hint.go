package config

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// maxTypo is the longest word that a hint is looked for.
const maxTypo = 64

// nearest returns `did you mean "port"?` for the known word that is closest to a mistyped one, or "".
func nearest(word string, known []string) string { return didYouMean(closest(word, known)) }

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", word)
}

// closest returns the known word that is closest to a mistyped one, or "". A third of the letters may be wrong, counting two swapped ones as one; case counts for nothing. A word cut short or written out, such as "warning"
// for "warn", is as good as one wrong letter.
func closest(word string, known []string) string {
	if len(word) > maxTypo {
		return ""
	}
	best, bestDistance := "", max(1, utf8.RuneCountInString(word)/3)+1
	for _, k := range known {
		a, b := strings.ToLower(word), strings.ToLower(k)
		d := distance(a, b)
		if min(len(a), len(b)) >= 4 && (strings.HasPrefix(a, b) || strings.HasPrefix(b, a)) {
			d = min(d, 1)
		}
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the edit distance, with one swap of neighbours for 1 instead of 2.
func distance(a, b string) int {
	d := levenshtein.ComputeDistance(a, b)
	if len(a) != len(b) || d != 2 {
		return d
	}
	for i := range len(a) - 1 {
		if a[i] != b[i] {
			if a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:] {
				return 1
			}
			break
		}
	}
	return d
}

// list writes `"a", "b" or "c"`.
func list(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if len(quoted) == 1 {
		return quoted[0]
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
