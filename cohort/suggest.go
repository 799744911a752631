package cohort

import (
	"slices"
	"strings"
)

// nearest is a hint that names what of some words is most like a word, "" when
// nothing is.
func nearest(word string, of []string) string {
	best, least := "", 1+len(word)/3
	word = strings.ToLower(word)
	for _, candidate := range of {
		low := strings.ToLower(candidate)
		d := distance(word, low)
		if len(word) > 2 && strings.HasPrefix(low, word) {
			d = min(d, 1)
		}
		if d < least || d == least && best == "" {
			best, least = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// distance is the number of letters to put in, take out, replace or swap with their
// neighbour that leads from a to b (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// hint is the nearest of some words, else all of them when they are few.
func hint(word string, of []string) string {
	if h := nearest(word, of); h != "" {
		return h
	}
	sorted := slices.Clone(of)
	if len(sorted) > 24 {
		return ""
	}
	return "known are " + strings.Join(sorted, ", ")
}

// hasWord reports whether a word of a text begins so.
func hasWord(text, prefix string) bool {
	text, prefix = strings.ToLower(text), strings.ToLower(prefix)
	for i := strings.Index(text, prefix); i >= 0; {
		if i == 0 || !letter(text[i-1]) {
			return true
		}
		next := strings.Index(text[i+1:], prefix)
		if next < 0 {
			return false
		}
		i += 1 + next
	}
	return false
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 }
