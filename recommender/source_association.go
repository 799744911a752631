package recommender

import (
	"context"

	"ember/learn"
	"ember/record"
)

// association scores by which of the chart's features the orders go with: the
// mean shrunk log ratio of the features it looks at. Three sources share one
// fitted table: over all features, over the patient's conditions, and over the
// reasons of the visit.
type association struct {
	column int
	table  *[wantEnd]*learn.Association
	uses   []bool // by feature column
}

// Pseudo-samples of the prior, and the fewest joint samples that count.
const (
	associationShrink = 20
	associationLeast  = 2
)

func fitAssociation(x []learn.Row, y [wantEnd][]learn.Row, a *lexicon) (*[wantEnd]*learn.Association, error) {
	var table [wantEnd]*learn.Association
	for w := Treatments; w < wantEnd; w++ {
		m := len(a.vocabulary.labels[w])
		if m == 0 {
			continue
		}
		t, err := learn.FitAssociation(x, y[w], a.columns.n, m, associationShrink, associationLeast)
		if err != nil {
			return nil, err
		}
		table[w] = t
	}
	return &table, nil
}

// newAssociations are the three sources over one table.
func newAssociations(table *[wantEnd]*learn.Association, a *lexicon) (all, conditions, reasons *association) {
	n := a.columns.n
	make3 := func(column int, use func(kind record.Kind, variant uint8) bool) *association {
		s := &association{column: column, table: table, uses: make([]bool, n)}
		for i := contextColumns; i < n; i++ {
			s.uses[i] = use(a.vocabulary.concepts[a.columns.concept[i]].kind, a.columns.variant[i])
		}
		return s
	}
	all = make3(colAssociation, func(record.Kind, uint8) bool { return true })
	for i := range contextColumns {
		all.uses[i] = true
	}
	conditions = make3(colCondition, func(k record.Kind, v uint8) bool {
		return k == record.Condition && (v == ever || v == current)
	})
	reasons = make3(colReason, func(_ record.Kind, v uint8) bool { return v == reason })
	return all, conditions, reasons
}

// Name implements [Source].
func (s *association) Name() string { return columnNames[s.column] }

// Score implements [Source].
func (s *association) Score(_ context.Context, c *Chart, want Want, into []float32) error {
	clear(into)
	t := s.table[want]
	n := s.count(c)
	if t == nil || n == 0 {
		return nil
	}
	scale := 1 / float32(n)
	var absent float32
	for _, f := range c.x.Index {
		if !s.uses[f] {
			continue
		}
		none := t.Absent[f]
		absent += scale * none
		outputs, ratios := t.Pairs(f)
		for k, l := range outputs {
			into[l] += scale * (ratios[k] - none)
		}
	}
	for l := range into {
		into[l] += absent
	}
	return nil
}

func (s *association) count(c *Chart) int {
	n := 0
	for _, f := range c.x.Index {
		if s.uses[f] {
			n++
		}
	}
	return n
}
