package recommender

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"

	"ember/embeddings"
	"ember/record"
)

// embeddingSize is the length of the vectors: small, because the scorer must
// learn from few patients.
const embeddingSize = 64

// embed fits embeddings to the training patients and looks every concept of the
// vocabulary up; reasons of visits, which are no events, go by their words. It is
// nil where no code is frequent enough.
func embed(ctx context.Context, seq iter.Seq[record.Timeline], v *vocabulary, seed uint64) (*vectors, error) {
	model, err := embeddings.Fit(ctx, trainableOnly(seq), embeddings.Options{Dim: embeddingSize, Seed: seed})
	if errors.Is(err, embeddings.ErrNoCodes) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("recommender: fitting embeddings: %w", err)
	}
	out := &vectors{dim: model.Dim(), flat: make([]float32, model.Dim()*len(v.concepts))}
	for i := range v.concepts {
		c := &v.concepts[i]
		var vec []float32
		switch c.kind {
		case reasonKind, groupKind:
			vec = model.Text(c.code.Display)
		default:
			vec, _ = model.Concept(c.kind, c.code)
		}
		normalise(vec, out.of(uint32(i)))
	}
	return out, nil
}

// normalise writes v with length 1, or nothing when it has no length or another
// size.
func normalise(v, into []float32) {
	length := math.Sqrt(float64(dot(v, v)))
	if len(v) != len(into) || length == 0 || math.IsNaN(length) {
		return
	}
	for i, x := range v {
		into[i] = float32(float64(x) / length)
	}
}

func trainableOnly(seq iter.Seq[record.Timeline]) iter.Seq[record.Timeline] {
	return func(yield func(record.Timeline) bool) {
		for t := range seq {
			if trainable(t.Person) && !yield(t) {
				return
			}
		}
	}
}
