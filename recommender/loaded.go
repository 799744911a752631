package recommender

import (
	"ember/record"
	"ember/terms"
)

// loaded is an artifact with what is computed once for it.
type loaded struct {
	artifact *Artifact
	drugs    []terms.Drug // by concept id, for medications
	prefix   string       // of cache keys
	why      [wantEnd]whyTable
	net      [wantEnd]netTable
	watch    [wantEnd]watch
	// looks are, by feature column, the sources over the table of associations
	// that look at it: bits counted from colReason.
	looks []uint8
}

// whyTable holds what every feature says for every label, label by label, so
// that the reasons of one item are read from one place.
type whyTable struct {
	columns            int
	association, ridge []float32
}

// of is the row of a label in one of the tables.
func (t *whyTable) of(table []float32, label uint32) []float32 {
	return table[int(label)*t.columns : (int(label)+1)*t.columns]
}

func load(a *Artifact, t Drugs) *loaded {
	v := a.lexicon.vocabulary
	l := &loaded{artifact: a, prefix: "c1:" + a.Version + a.without + ":", drugs: make([]terms.Drug, len(v.concepts))}
	for _, id := range v.labels[Treatments] {
		if c := &v.concepts[id]; c.kind == record.Medication {
			l.drugs[id] = t.DrugOfConcept(c.code)
		}
	}
	for w := Treatments; w < wantEnd; w++ {
		l.why[w] = newWhyTable(a, w)
		if k := &a.rankers[w]; k.kind == byNetwork {
			l.net[w] = newNetTable(k.network, v)
		}
	}
	l.looks = make([]uint8, a.lexicon.columns.n)
	for col, s := range a.all {
		if s, ok := s.(*association); ok {
			for i, uses := range s.uses {
				if uses {
					l.looks[i] |= 1 << (col - colReason)
				}
			}
		}
	}
	return l
}

func newWhyTable(a *Artifact, w Want) whyTable {
	n, m := a.lexicon.columns.n, len(a.lexicon.vocabulary.labels[w])
	t := whyTable{columns: n, association: make([]float32, n*m), ridge: make([]float32, n*m)}
	for col := range n {
		if table := a.fitted.table[w]; table != nil {
			for l := range m {
				t.association[l*n+col] = table.Absent[col]
			}
			outputs, ratios := table.Pairs(uint32(col))
			for i, l := range outputs {
				t.association[int(l)*n+col] = ratios[i]
			}
		}
		if r := a.fitted.ridge.model[w]; r != nil {
			for l := range m {
				t.ridge[l*n+col] = r.W[col*m+l]
			}
		}
	}
	return t
}
