package terms

import "strings"

// token is a word of free text in lower case. sep is the separator in front of
// it that matters: '/', '-', ',' or ';', else 0. number: it begins with a digit.
// bracket: it stands in brackets or parentheses.
type token struct {
	text    string
	sep     byte
	number  bool
	bracket bool
}

// tokens splits free text into lower-case words. Letters and digits stay
// together ("d5w", "b12", "81mg"); apostrophes vanish ("ringer's" = "ringers");
// "&" and "+" are the word "and".
func tokens(text string) []token {
	out := make([]token, 0, 12)
	var sep byte
	depth := 0
	add := func(s string) {
		c := s[0]
		out = append(out, token{text: s, sep: sep, number: c >= '0' && c <= '9', bracket: depth > 0})
		sep = 0
	}
	s := strings.ToLower(text)
	for i := 0; i < len(s); {
		c := s[i]
		if wordByte(c) {
			j := i + 1
			for j < len(s) && (wordByte(s[j]) || s[j] == '\'' || s[j] == '.' && digit(s, j-1) && digit(s, j+1) || s[j] == ',' && digit(s, j-1) && digit(s, j+1)) {
				j++
			}
			add(strings.ReplaceAll(s[i:j], "'", ""))
			i = j
			continue
		}
		switch c {
		case '&', '+':
			add("and")
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		case '/', ';':
			sep = c
		case '-', ',':
			if sep == 0 {
				sep = c
			}
		}
		i++
	}
	return out
}

func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80
}

func digit(s string, i int) bool { return i >= 0 && i < len(s) && s[i] >= '0' && s[i] <= '9' }

// phrase is the normal form of a phrase as a lexicon keys it.
func phrase(text string) string {
	ts := tokens(text)
	parts := make([]string, len(ts))
	for i, t := range ts {
		parts[i] = t.text
	}
	return strings.Join(parts, " ")
}

// entry is what a phrase stands for: indexes whose meaning is the lexicon's.
type entry struct {
	ids   []int
	brand bool
	weak  bool // a word that is also a salt or a solvent: counts only when it leads
}

// lexicon finds the longest known phrases in tokens.
type lexicon struct {
	entries map[string]entry
	longest int
}

func (l *lexicon) add(text string, e entry) {
	if l.entries == nil {
		l.entries = make(map[string]entry)
	}
	p := phrase(text)
	if p == "" {
		return
	}
	l.entries[p] = e
	l.longest = max(l.longest, strings.Count(p, " ")+1)
}

// at is the longest phrase that begins at token i and how many tokens it has,
// 0 when there is none. A phrase does not cross '/' or ';'.
func (l *lexicon) at(ts []token, i int) (entry, int) {
	n := 1
	for n < l.longest && i+n < len(ts) && ts[i+n].sep != '/' && ts[i+n].sep != ';' {
		n++
	}
	var buf [128]byte
	key := buf[:0]
	var ends [16]int
	for k := range min(n, len(ends)) {
		if k > 0 {
			key = append(key, ' ')
		}
		key = append(key, ts[i+k].text...)
		ends[k] = len(key)
	}
	for k := min(n, len(ends)); k > 0; k-- {
		if e, ok := l.entries[string(key[:ends[k-1]])]; ok {
			return e, k
		}
	}
	return entry{}, 0
}
