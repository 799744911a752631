package aiaas

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode"

	"ember/learn"
)

// Grams says which parts of a text are features. The zero value has none.
type Grams struct {
	Words   int  `json:"words,omitempty"`   // runs of up to this many words
	Low     int  `json:"low,omitempty"`     // shortest and
	High    int  `json:"high,omitempty"`    // longest run of characters within a word
	Least   int  `json:"least,omitempty"`   // subjects that must have a feature, 0 = 1
	Most    int  `json:"most,omitempty"`    // features kept, the most frequent, 0 = all
	ByCount bool `json:"byCount,omitempty"` // a feature said often weighs more, by the logarithm
}

// Vectoriser turns texts into sparse rows: the parts of a text weighed by how
// few subjects have them (TF-IDF), with word parts and character parts each of
// length 1 before they are put together. Counting subjects instead of texts
// keeps one patient's hundred notes from making a word common.
type Vectoriser struct {
	Grams Grams             `json:"grams"`
	Index map[string]uint32 `json:"index"`
	IDF   []float32         `json:"idf"`
}

// Word parts and character parts share one table; character parts begin with
// this mark, which no word contains.
const charMark = "\x00"

// FitVectoriser counts the parts of texts; subject names whose each text is.
func FitVectoriser(texts []string, subject []string, g Grams) (*Vectoriser, error) {
	if len(texts) != len(subject) {
		return nil, fmt.Errorf("aiaas: %d texts, %d subjects", len(texts), len(subject))
	}
	count, subjects := countParts(texts, subject, g)
	least := max(g.Least, 1)
	maps.DeleteFunc(count, func(_ string, n int) bool { return n < least })
	parts := slices.SortedFunc(maps.Keys(count), func(a, b string) int {
		return cmp.Or(cmp.Compare(count[b], count[a]), cmp.Compare(a, b))
	})
	if g.Most > 0 && len(parts) > g.Most {
		parts = parts[:g.Most]
	}
	slices.Sort(parts)
	v := &Vectoriser{Grams: g, Index: make(map[string]uint32, len(parts)), IDF: make([]float32, len(parts))}
	for i, p := range parts {
		v.Index[p] = uint32(i)
		v.IDF[i] = float32(math.Log(float64(1+subjects)/float64(1+count[p])) + 1)
	}
	return v, nil
}

// countParts is in how many subjects each part occurs, and how many there are.
func countParts(texts, subject []string, g Grams) (count map[string]int, subjects int) {
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(subject[a], subject[b]) })
	count, last := make(map[string]int), make(map[string]int)
	for k, i := range order {
		if k == 0 || subject[order[k-1]] != subject[i] {
			subjects++
		}
		g.each(texts[i], func(part []byte) {
			if last[string(part)] != subjects {
				p := string(part)
				last[p] = subjects
				count[p]++
			}
		})
	}
	return count, subjects
}

// Features is the number of columns of rows.
func (v *Vectoriser) Features() int { return len(v.IDF) }

// Row is the text as a sparse row. Parts that the fit did not see are left out.
func (v *Vectoriser) Row(text string) learn.Row {
	seen := make(map[uint32]float64)
	chars := make(map[uint32]bool)
	v.Grams.each(text, func(part []byte) {
		if f, ok := v.Index[string(part)]; ok {
			seen[f]++
			if part[0] == charMark[0] {
				chars[f] = true
			}
		}
	})
	var square [2]float64
	kind := func(f uint32) int {
		if chars[f] {
			return 1
		}
		return 0
	}
	index := slices.Sorted(maps.Keys(seen))
	value := make([]float32, len(index))
	for i, f := range index {
		tf := 1.0
		if v.Grams.ByCount {
			tf += math.Log(seen[f])
		}
		w := tf * float64(v.IDF[f])
		square[kind(f)] += w * w
		value[i] = float32(w)
	}
	for i, f := range index {
		value[i] /= float32(math.Sqrt(square[kind(f)]))
	}
	return learn.Row{Index: index, Value: value}
}

// Rows are the rows of texts.
func (v *Vectoriser) Rows(texts []string) []learn.Row {
	rows := make([]learn.Row, len(texts))
	for i, t := range texts {
		rows[i] = v.Row(t)
	}
	return rows
}

// each calls yield with every part of a text; the bytes are only good until it
// returns.
func (g Grams) each(text string, yield func(part []byte)) {
	words := splitWords(text)
	var buf []byte
	for i := range words {
		buf = buf[:0]
		for n := 0; n < g.Words && i+n < len(words); n++ {
			if n > 0 {
				buf = append(buf, ' ')
			}
			buf = append(buf, words[i+n]...)
			yield(buf)
		}
	}
	if g.High == 0 {
		return
	}
	for _, w := range words {
		g.runs([]rune("<"+w+">"), yield)
	}
}

// runs are the character sequences within one marked word.
func (g Grams) runs(word []rune, yield func(part []byte)) {
	for i := range word {
		for n := g.Low; n <= g.High && i+n <= len(word); n++ {
			if n == len(word) && g.Words > 0 {
				break // the word itself is a part already
			}
			yield([]byte(charMark + string(word[i:i+n])))
		}
	}
}

// splitWords are the runs of letters and digits in lower case.
func splitWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}
