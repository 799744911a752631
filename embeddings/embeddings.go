// Package embeddings gives codes, texts, notes and patients places in one vector
// space, learned from timelines: codes that occur near each other in time lie
// near each other, words lie where the codes lie whose displays they make up, a
// patient lies amid what he has.
//
// [Fit] makes a [Model]; all its vectors have length 1, or are zero when nothing
// is known, so the inner product of two is their cosine.
//
// Its invariant: the same timelines in the same order, the same options and the
// same kind of processor give the same bits, whatever GOMAXPROCS is. Only what
// is handed to Fit is learned from: hand it training patients.
package embeddings

import (
	"math"

	"ember/learn/nn"
	"ember/record"
)

// Model is a fitted embedding. It is immutable and safe for concurrent use. The
// zero Model knows nothing; it is there to be read into.
type Model struct {
	dim      int
	halfLife float64 // days after which an event counts half for a patient
	rare     float32 // weight of a code never seen
	index    map[key]uint32
	codes    []record.Code
	idf      []float32 // by code
	vectors  []float32 // codes × dim
	words    words
}

// key is what a code is compared by.
type key struct{ system, value string }

func keyOf(c record.Code) key { return key{c.System, c.Value} }

// Dim is the length of all vectors.
func (m *Model) Dim() int { return m.dim }

// Len is the number of codes with a vector of their own.
func (m *Model) Len() int { return len(m.codes) }

// Codes are the codes with a vector of their own, most frequent first; shared,
// not to be modified.
func (m *Model) Codes() []record.Code { return m.codes }

// Code is the learned vector of a code, shared and not to be modified; ok is
// false for a code that was not seen often enough. A code that went with no other
// has that of its words, zero when it has none. See [Model.Concept].
func (m *Model) Code(c record.Code) (vector []float32, ok bool) {
	i, ok := m.index[keyOf(c)]
	if !ok {
		return nil, false
	}
	return m.at(i), true
}

func (m *Model) at(i uint32) []float32 {
	return m.vectors[int(i)*m.dim : (int(i)+1)*m.dim : (int(i)+1)*m.dim]
}

// Concept is the vector of a code or, where it has none, of its words: its
// display, or its value in a system whose values are words. ok is false when
// neither is known; the vector is then zero. The result is not to be modified.
func (m *Model) Concept(_ record.Kind, c record.Code) (vector []float32, ok bool) {
	if v, ok := m.Code(c); ok {
		return v, true
	}
	v := make([]float32, m.dim)
	return v, m.words.add(v, wordsOf(c), 1) && normalise(v)
}

// wordsOf is what a code says in words, "" for nothing.
func wordsOf(c record.Code) string {
	if c.Display == "" && (c.System == record.Text || c.System == record.Ingredient) {
		return c.Value
	}
	return c.Display
}

// Text is the vector of a short text such as a display or a query, zero when no
// part of its words is known.
func (m *Model) Text(s string) []float32 {
	v := make([]float32, m.dim)
	m.words.add(v, s, 1)
	normalise(v)
	return v
}

// Note is the vector of a note: its distinct words, those weighing most that few
// displays have, repeated ones a little more. Zero when no word is known.
func (m *Model) Note(text string) []float32 {
	v := make([]float32, m.dim)
	count := make(map[string]int)
	var order []string
	for w := range split(text) {
		if count[w]++; count[w] == 1 {
			order = append(order, w)
		}
	}
	for _, w := range order {
		m.words.add(v, w, float32(1+math.Log(float64(count[w]))))
	}
	normalise(v)
	return v
}

// Patient is the vector of what is known of a patient: each concept once,
// weighted by how few patients have it and by how lately it was recorded.
// Cost grows with the events. It is zero when nothing is known; [Model.Coverage]
// tells that apart.
func (m *Model) Patient(p record.Past) []float32 {
	v := make([]float32, m.dim)
	seen := make(map[key]struct{}, 64)
	events := p.Events()
	for i := len(events) - 1; i >= 0; i-- { // latest first
		c := events[i].Concept
		if _, again := seen[keyOf(c)]; again {
			continue
		}
		seen[keyOf(c)] = struct{}{}
		days := max(0, p.At().Sub(events[i].Known).Hours()/24)
		recent := float32(math.Exp2(-days / m.halfLife))
		if n, ok := m.index[keyOf(c)]; ok {
			nn.Axpy(recent*m.idf[n], m.at(n), v)
		} else if words, ok := m.Concept(events[i].Kind, c); ok {
			nn.Axpy(recent*m.rare, words, v)
		}
	}
	normalise(v)
	return v
}

// Coverage counts the distinct concepts of a past and those of them with a vector
// of their own: of a patient with none known, nothing learned can be said.
func (m *Model) Coverage(p record.Past) (known, all int) {
	seen := make(map[key]struct{}, 64)
	for _, e := range p.Events() {
		if _, again := seen[keyOf(e.Concept)]; again {
			continue
		}
		seen[keyOf(e.Concept)] = struct{}{}
		if _, ok := m.index[keyOf(e.Concept)]; ok {
			known++
		}
	}
	return known, len(seen)
}

// normalise gives v length 1; false means that it is zero, or has no length, and
// is now zero.
func normalise(v []float32) bool {
	n := math.Sqrt(float64(nn.Dot(v, v)))
	if !(n > 1e-12) || math.IsInf(n, 0) {
		clear(v)
		return false
	}
	for i := range v {
		v[i] = float32(float64(v[i]) / n)
	}
	return true
}

// Similarity is the cosine of two vectors of a model, 0 when either is zero.
func Similarity(a, b []float32) float32 { return nn.Dot(a, b) }
