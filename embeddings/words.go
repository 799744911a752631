package embeddings

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ember/learn/nn"
	"ember/record"
)

// words places texts: a word is its character sequences, by their hashes, and
// sequences have vectors (Bojanowski et al., TACL 2017), fitted so that those of a
// display add up to its code's vector.
type words struct {
	row     map[uint32]uint32 // hash → row of vectors
	vectors []float32         // rows × dim
	idf     map[string]float32
	rare    float32 // weight of a word in no display
}

// stop reports words that displays and notes share without saying anything.
func stop(word string) bool {
	switch word {
	case "an", "and", "are", "as", "at", "be", "been", "but", "by", "for", "from", "had", "has", "have", "he", "her",
		"his", "in", "into", "is", "it", "its", "no", "not", "of", "on", "or", "she", "that", "the", "their", "there",
		"they", "this", "to", "was", "were", "which", "who", "with", "without", "other", "unspecified", "specified":
		return true
	}
	return false
}

// split yields the words of a text in lower case: runs of letters and digits,
// without stop words and single letters.
func split(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			w = strings.ToLower(w)
			if len(w) > 1 && len(w) <= 64 && !stop(w) && !yield(w) {
				return
			}
		}
	}
}

// sequences yields the hashes (FNV-1a) of the word as a whole and of its runs of
// three to five characters, with marks at its ends.
func sequences(word string, yield func(hash uint32, whole bool)) {
	const offset, prime = 2166136261, 16777619
	marked := "<" + word + ">"
	for i := range marked {
		h := uint32(offset)
		for j, n := i, 0; j < len(marked); {
			_, size := utf8.DecodeRuneInString(marked[j:])
			for _, b := range []byte(marked[j : j+size]) {
				h = (h ^ uint32(b)) * prime
			}
			j, n = j+size, n+1
			if whole := i == 0 && j == len(marked); whole || n >= 3 && n <= 5 {
				yield(h, whole)
			}
			if n == 5 && i > 0 {
				break
			}
		}
	}
}

// weigh yields the weights of a text's sequences, some of them more than once:
// each word weighs its idf, shared evenly among its sequences.
func (w *words) weigh(text string, yield func(hash uint32, weight float32)) {
	for word := range split(text) {
		idf, ok := w.idf[word]
		if !ok {
			idf = w.rare
		}
		n := 0
		sequences(word, func(uint32, bool) { n++ })
		share := idf / float32(math.Sqrt(float64(n)))
		sequences(word, func(h uint32, _ bool) { yield(h, share) })
	}
}

// add adds a text's vector, times scale, to v and reports whether any sequence
// was known.
func (w *words) add(v []float32, text string, scale float32) bool {
	known := false
	w.weigh(text, func(h uint32, weight float32) {
		if r, ok := w.row[h]; ok {
			known = true
			nn.Axpy(scale*weight, w.vectors[int(r)*len(v):(int(r)+1)*len(v)], v)
		}
	})
	return known
}

// fitWords counts words and sequences of the codes' displays and fits the
// sequences' vectors. Displays of codes in a system of words are their values.
func fitWords(ctx context.Context, codes []record.Code, vectors []float32, dim int) (words, error) {
	w := words{row: make(map[uint32]uint32), idf: make(map[string]float32)}
	displays := 0
	for _, c := range codes {
		seen := make(map[string]bool)
		for word := range split(wordsOf(c)) {
			if !seen[word] {
				seen[word] = true
				w.idf[word]++
			}
		}
		if len(seen) > 0 {
			displays++
		}
	}
	for word, n := range w.idf {
		w.idf[word] = float32(math.Log(1 + float64(displays)/float64(n)))
	}
	w.rare = float32(math.Log(1+float64(displays))) / 2
	w.number(codes)
	solution, err := w.design(codes).solve(ctx, vectors, dim)
	w.vectors = solution
	return w, err
}

// number gives a row to each whole word and to each sequence that more than one
// code has.
func (w *words) number(codes []record.Code) {
	last := make(map[uint32]int) // the latest code that has the sequence, plus 1
	for i, c := range codes {
		for word := range split(wordsOf(c)) {
			sequences(word, func(h uint32, whole bool) {
				before := last[h]
				last[h] = i + 1
				if _, known := w.row[h]; !known && (whole || before > 0 && before <= i) {
					w.row[h] = uint32(len(w.row))
				}
			})
		}
	}
}

// design is one unit-length row per code over the sequences that have a number.
func (w *words) design(codes []record.Code) *design {
	d := &design{columns: len(w.row), start: make([]int, len(codes)+1)}
	for i, c := range codes {
		weights := make(map[uint32]float32)
		w.weigh(wordsOf(c), func(h uint32, weight float32) {
			if r, ok := w.row[h]; ok {
				weights[r] += weight
			}
		})
		columns := slices.Sorted(maps.Keys(weights))
		var square float64
		for _, r := range columns {
			square += float64(weights[r]) * float64(weights[r])
		}
		for _, r := range columns {
			d.column = append(d.column, r)
			d.value = append(d.value, weights[r]/float32(math.Sqrt(square)))
		}
		d.start[i+1] = len(d.column)
	}
	return d
}
