package index

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one word of a text as it is looked up: lower case, without plural.
type word struct {
	text       string
	start, end int // bytes in the text it came from
}

// maxWord is the longest word that is kept, in bytes; longer runs are hashes,
// base64 or noise and are cut here.
const maxWord = 40

// words cuts a text into words: runs of letters and digits, with a point or
// comma inside a number kept ("7.4"). Both notes and the names of concepts go
// through it, so that they are found by the same words.
func words(text string, into []word) []word {
	low := lower(text)
	for i := 0; i < len(low); {
		n := runLength(low, i)
		if n == 0 {
			_, size := utf8.DecodeRuneInString(low[i:])
			i += size
			continue
		}
		into = append(into, word{singular(low[i:min(i+n, cut(low, i))]), i, i + n})
		i += n
	}
	return into
}

// lower is strings.ToLower that never changes byte positions: letters whose
// lower case has another length stay as they are.
func lower(s string) string {
	ascii, upper := true, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		ascii = ascii && c < utf8.RuneSelf
		upper = upper || 'A' <= c && c <= 'Z'
	}
	switch {
	case ascii && !upper:
		return s
	case ascii:
		return strings.ToLower(s)
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if l := unicode.ToLower(r); r != utf8.RuneError && utf8.RuneLen(l) == size {
			b = utf8.AppendRune(b, l)
		} else {
			b = append(b, s[i:i+size]...)
		}
		i += size
	}
	return string(b)
}

// cut is where a word that begins at i is cut, at a whole rune.
func cut(s string, i int) int {
	end := min(i+maxWord, len(s))
	for end < len(s) && !utf8.RuneStart(s[end]) {
		end--
	}
	return end
}

// runLength is the number of bytes of the word at i, 0 when none begins there.
func runLength(s string, i int) int {
	j := i
	for j < len(s) {
		c := s[j]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
			j++
		case (c == '.' || c == ',') && j > i && digit(s[j-1]) && j+1 < len(s) && digit(s[j+1]):
			j++
		case c < utf8.RuneSelf:
			return j - i
		default:
			r, size := utf8.DecodeRuneInString(s[j:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) {
				return j - i
			}
			j += size
		}
	}
	return j - i
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// singular strips an English plural by the three rules of the S stemmer
// (D. Harman, How effective is suffixing?, JASIS 42(1), 1991), without the one
// for -es, and leaves -is (diagnosis, sepsis) alone.
func singular(w string) string {
	n := len(w)
	if n < 4 || w[n-1] != 's' {
		return w
	}
	switch w[n-2] {
	case 's', 'u', 'i':
		return w
	case 'e':
		if w[n-3] == 'i' && n > 4 && w[n-4] != 'e' && w[n-4] != 'a' {
			return w[:n-3] + "y"
		}
	}
	if digit(w[n-2]) {
		return w
	}
	return w[:n-1]
}

// common reports whether a word is so frequent in English that it is left out
// of notes and of the names of concepts. "no", "not", "without" and the like
// are kept: they carry meaning in a clinical text.
func common(w string) bool {
	switch w {
	case "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "ha", "he", "her", "hi", "his", "in", "is", "it",
		"of", "on", "or", "she", "that", "the", "their", "there", "they", "this", "to", "wa", "was", "were", "will", "with":
		return true
	}
	return false
}
