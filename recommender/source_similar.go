package recommender

import (
	"context"
	"fmt"

	"ember/learn"
)

// similar scores by what the most similar patients were ordered at a like
// moment, weighted by likeness. Its store holds samples of training patients as
// features and orders, by ordinal; nobody is named. Scores are log odds.
type similar struct {
	rows    []learn.Row
	patient []int32 // ordinal by row
	labels  [wantEnd][][]uint32
	prior   [wantEnd][]float32
	index   *learn.Neighbours
	columns int
	gone    map[int32]struct{} // patients who are no neighbours any more
}

const (
	// neighbourhood is how many patients the score looks at; shown is how
	// many of them the answer speaks of.
	neighbourhood = 150
	shown         = 50
	// maxNeighbours bounds the samples kept.
	maxNeighbours = 20000
	// neighbourPrior is the weight of the overall rate, in similar patients.
	neighbourPrior = 3
)

func newSimilar(rows []learn.Row, patient []int32, labels [wantEnd][][]uint32, columns int, sizes [wantEnd]int) (*similar, error) {
	s := &similar{rows: rows, patient: patient, labels: labels, columns: columns}
	var err error
	if s.index, err = learn.NewNeighbours(rows, columns); err != nil {
		return nil, fmt.Errorf("recommender: indexing neighbours: %w", err)
	}
	for w := Treatments; w < wantEnd; w++ {
		s.prior[w] = make([]float32, sizes[w])
		for _, ls := range labels[w] {
			for _, l := range ls {
				s.prior[w][l] += 1 / float32(len(rows))
			}
		}
	}
	return s, nil
}

// neighbours are samples of distinct patients, most similar first.
func (s *similar) neighbours(c *Chart) []learn.Neighbour {
	near := s.index.Nearest(c.x, 2*neighbourhood, nil)
	seen := make(map[int32]bool, neighbourhood)
	kept := near[:0]
	for _, n := range near {
		p := s.patient[n.Row]
		if _, gone := s.gone[p]; !gone && !seen[p] && len(kept) < neighbourhood {
			seen[p] = true
			kept = append(kept, n)
		}
	}
	return kept
}

// Name implements [Source].
func (*similar) Name() string { return columnNames[colSimilar] }

// Score implements [Source].
func (s *similar) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	s.score(s.neighbours(c), want, into)
	return nil
}

func (s *similar) score(near []learn.Neighbour, want Want, into []float32) {
	clear(into)
	var total, mean float32
	for _, n := range near {
		total += n.Similarity
		for _, l := range s.labels[want][n.Row] {
			into[l] += n.Similarity
		}
	}
	mean = .1
	if len(near) > 0 {
		mean = total / float32(len(near))
	}
	weight := neighbourPrior * mean
	for l := range into {
		into[l] = logOdds((into[l] + weight*s.prior[want][l]) / (total + weight))
	}
}

// received counts, among the shown neighbours, those ordered each label.
func (s *similar) received(near []learn.Neighbour, want Want, into []uint16) (of int) {
	clear(into)
	near = near[:min(len(near), shown)]
	for _, n := range near {
		for _, l := range s.labels[want][n.Row] {
			into[l]++
		}
	}
	return len(near)
}
