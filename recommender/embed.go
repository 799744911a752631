package recommender

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	"ember/embeddings"
	"ember/record"
)

// embeddingSize is the length of the vectors: small, because the scorer must
// learn from few patients.
const embeddingSize = 64

// embed fits embeddings to the training patients of the folds to keep and looks
// every concept of the vocabulary up; reasons of visits, which are no events, go
// by their words. Whole timelines are used, so that only patients outside can be
// scored with the vectors. It is nil where no code is frequent enough.
func (r *trainer) embed(ctx context.Context, keep func(fold int) bool) (*vectors, error) {
	v := r.data.lexicon.vocabulary
	model, err := embeddings.Fit(ctx, r.only(keep), embeddings.Options{Dim: embeddingSize, Seed: r.opt.Seed})
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

// only are the trainable patients of some folds; those without decisions are in
// none and always kept.
func (r *trainer) only(keep func(fold int) bool) iter.Seq[record.Timeline] {
	fold := slices.Repeat([]int{-1}, r.data.patients)
	for i := range r.data.rows {
		fold[r.data.rows[i].patient] = int(r.data.rows[i].fold)
	}
	return func(yield func(record.Timeline) bool) {
		n := -1
		for t := range r.seq {
			if !trainable(t.Person) {
				continue
			}
			if n++; fold[n] >= 0 && !keep(fold[n]) {
				continue
			}
			if !yield(t) {
				return
			}
		}
	}
}
