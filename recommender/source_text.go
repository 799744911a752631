package recommender

import (
	"context"
	"math"

	"ember/record"
)

// vectors are the embeddings of the vocabulary, flat by concept id, each of
// length 1 or 0 where nothing is known of the concept's words.
type vectors struct {
	dim  int
	flat []float32
}

func (v *vectors) of(concept uint32) []float32 {
	return v.flat[int(concept)*v.dim : (int(concept)+1)*v.dim]
}

// textSource scores by how near the words of what is wanted are to those of the
// visit's reasons and of the patient's present conditions, through embeddings
// that give codes and words a common place. Scores are cosines.
type textSource struct {
	vectors    *vectors
	vocabulary *vocabulary
}

// Name implements [Source].
func (*textSource) Name() string { return columnNames[colText] }

// Score implements [Source].
func (s *textSource) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	clear(into)
	sum := make([]float32, s.vectors.dim)
	for _, r := range c.reasons {
		addScaled(sum, s.vectors.of(r), 2)
	}
	for i := range c.facts {
		if f := &c.facts[i]; isProblem(s.vocabulary.concepts[f.concept].kind) && f.current() {
			addScaled(sum, s.vectors.of(f.concept), 1)
		}
	}
	length := float32(math.Sqrt(float64(dot(sum, sum))))
	if length == 0 {
		return nil
	}
	for l, id := range s.vocabulary.labels[want] {
		into[l] = dot(sum, s.vectors.of(id)) / length
	}
	return nil
}

// isProblem reports whether a kind says what is wrong with the patient.
func isProblem(k record.Kind) bool { return k == record.Condition || k == record.Finding }

func addScaled(sum, v []float32, a float32) {
	for i, x := range v {
		sum[i] += a * x
	}
}

func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s float32
	for i, x := range a {
		s += x * b[i]
	}
	return s
}
