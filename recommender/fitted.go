package recommender

import "ember/learn"

// fitted are the sources' fitted states, as the artifact holds them.
type fitted struct {
	history    *history
	popularity *popularity
	sites      *sitePopularity
	table      *[wantEnd]*learn.Association
	ridge      *ridge
	similar    *similar
	vectors    *vectors       // nil without embeddings
	orders     [wantEnd][]int // all orders of training patients, by label
}

// sources are the sources over the state.
func (f *fitted) sources(a *lexicon) *sources {
	all, conditions, reasons := newAssociations(f.table, a)
	s := &sources{
		colHistory:     f.history,
		colPopularity:  f.popularity,
		colSite:        f.sites,
		colReason:      reasons,
		colCondition:   conditions,
		colAssociation: all,
		colRidge:       f.ridge,
		colSimilar:     f.similar,
	}
	if f.vectors != nil {
		s[colText] = &textSource{vectors: f.vectors, vocabulary: a.vocabulary}
	}
	return s
}
