package aiaas

import (
	"math"
	"slices"

	"ember/learn"
)

// Related knows, for words that no labelled text has, which of those that they
// have are used like them: in unlabelled texts, with the same words around and
// of the same subjects.
type Related map[string][]Kin

// Kin is a word related to another, and how closely.
type Kin struct {
	Word       string
	Similarity float32
}

const (
	mostKin   = 8
	shortWord = 4   // shorter ones are related to everything
	kinOfWord = 2.0 // a shared subject counts as much as two shared words
)

// findRelated compares the words of unlabelled texts that labelled ones do not
// have with those that they have, by the cosine of what occurs with them.
func findRelated(labelled, texts, subject []string) (Related, error) {
	known := make(map[string]bool)
	for _, t := range labelled {
		for _, w := range splitWords(t) {
			known[w] = true
		}
	}
	around := make(map[string]map[uint32]float64)
	at := make(map[string]uint32)
	column := func(name string) uint32 {
		k, ok := at[name]
		if !ok {
			k = uint32(len(at))
			at[name] = k
		}
		return k
	}
	for i, t := range texts {
		words := splitWords(t)
		for a, w := range words {
			if around[w] == nil {
				around[w] = make(map[uint32]float64)
			}
			around[w][column(charMark+subject[i])] += kinOfWord
			for b, o := range words {
				if a != b {
					around[w][column(o)]++
				}
			}
		}
	}
	return nearestKnown(around, known, len(at))
}

func nearestKnown(around map[string]map[uint32]float64, known map[string]bool, columns int) (Related, error) {
	var names []string
	var rows []learn.Row
	for _, w := range sortedKeys(around) {
		if known[w] && len(w) >= shortWord {
			names, rows = append(names, w), append(rows, logRow(around[w]))
		}
	}
	near, err := learn.NewNeighbours(rows, columns)
	if err != nil {
		return nil, err
	}
	out := make(Related)
	for _, w := range sortedKeys(around) {
		if known[w] || len(w) < shortWord {
			continue
		}
		for _, n := range near.Nearest(logRow(around[w]), mostKin, nil) {
			out[w] = append(out[w], Kin{names[n.Row], n.Similarity})
		}
	}
	return out, nil
}

func logRow(m map[uint32]float64) learn.Row {
	var r learn.Row
	for _, k := range sortedKeys(m) {
		r.Index, r.Value = append(r.Index, k), append(r.Value, float32(math.Log1p(m[k])))
	}
	return r
}

// row is the row of a text with the rows of words related to those it has and
// labelled texts do not.
func (r Related) row(v *Vectoriser, text string) learn.Row {
	base := v.Row(text)
	words := splitWords(text)
	sum := make(map[uint32]float32)
	for _, w := range words {
		for _, kin := range r[w] {
			add := v.Row(kin.Word)
			scale := kinWeight * kin.Similarity / float32(math.Sqrt(float64(len(words))))
			for k, f := range add.Index {
				sum[f] += scale * add.Value[k]
			}
		}
	}
	if len(sum) == 0 {
		return base
	}
	for k, f := range base.Index {
		sum[f] += base.Value[k]
	}
	return unit(sum)
}

// kinWeight is how much a related word of similarity 1 counts beside the words
// of the text.
const kinWeight = 1

// unit is the sparse row of length 1.
func unit(m map[uint32]float32) learn.Row {
	var out learn.Row
	var square float64
	for _, f := range sortedKeys(m) {
		out.Index, out.Value = append(out.Index, f), append(out.Value, m[f])
		square += float64(m[f]) * float64(m[f])
	}
	for k := range out.Value {
		out.Value[k] /= float32(math.Sqrt(square))
	}
	return out
}

// stems are the groups that the names of classes fall into by their leading
// letters, where they are codes such as INJ042: nil unless all names have
// letters and then a digit, and groups are few and larger than one class.
func stems(classes []string) (group []int, n int) {
	at := make(map[string]int)
	for _, name := range classes {
		k := slices.IndexFunc([]byte(name), func(b byte) bool { return b >= '0' && b <= '9' })
		if k < 1 {
			return nil, 0
		}
		g, ok := at[name[:k]]
		if !ok {
			g = len(at)
			at[name[:k]] = g
		}
		group = append(group, g)
	}
	if len(at) < 2 || len(at)*2 > len(classes) {
		return nil, 0
	}
	return group, len(at)
}
