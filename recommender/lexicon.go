package recommender

import (
	"slices"

	"ember/learn"
	"ember/record"
	"ember/terms"
)

// meanings is what the recommender asks of the code systems; *terms.Terms is it.
type meanings interface {
	Ancestors(record.Code) []record.Code
	Condition(codes []record.Code, text string) (record.Kind, record.Code)
	Canonical(c record.Code, v float64, unit string) (float64, string, bool)
	Display(record.Code) string
	DrugOfConcept(record.Code) terms.Drug
}

// lexicon is what turns a past into a chart and a chart into features: the
// vocabulary, the sites, and the columns. It is immutable.
type lexicon struct {
	vocabulary *vocabulary
	sites      map[string]int32
	siteNames  []string
	columns    columns
	terms      meanings
}

// site is the ordinal of a site, -1 for one without training data.
func (a *lexicon) site(ref string) int32 {
	if s, ok := a.sites[ref]; ok {
		return s
	}
	return -1
}

// grade says whether a value is in the top or bottom fifth of those in training.
func (a *lexicon) grade(id uint32, e *record.Event) factFlags {
	c := &a.vocabulary.concepts[id]
	if !c.valued {
		return 0
	}
	switch v := canonical(a.terms, e); {
	case v > c.high:
		return isHigh
	case v < c.low:
		return isLow
	}
	return 0
}

// canonical is the value in the unit usual for what was measured, or as it is
// where there is none.
func canonical(t meanings, e *record.Event) float32 {
	if t != nil {
		if v, _, ok := t.Canonical(e.Concept, e.Value, e.Unit); ok {
			return float32(v)
		}
	}
	return float32(e.Value)
}

// The ways in which a concept can be a column.
const (
	ever    = iota // known at any time
	current        // during the visit, supplied still, or within 30 days
	high
	low
	reason
	group
	variants
)

// The columns that are no concepts, in front of all others.
const (
	ageColumns      = 10
	sexColumn       = ageColumns
	settingColumn   = sexColumn + 4
	landmarkColumn  = settingColumn + int(settings)
	historyColumn   = landmarkColumn + 5
	contextColumns  = historyColumn + 5
	maxColumns      = 1000
	currentDays     = 30
	leastForColumns = 4 // patients who must have a column for it to be one
)

// columns gives concepts their feature columns. It is immutable.
type columns struct {
	n  int
	of [variants][]int32 // by concept, -1 none
	// what each column is, for reasons: the concept, or none below contextColumns
	concept []uint32
	variant []uint8
}

// newColumns makes columns of the pairs (concept, variant), in order.
func newColumns(concepts int, pairs []column) columns {
	c := columns{n: contextColumns + len(pairs)}
	for v := range c.of {
		c.of[v] = slices.Repeat([]int32{-1}, concepts)
	}
	c.concept = make([]uint32, c.n)
	c.variant = make([]uint8, c.n)
	for i, p := range pairs {
		at := contextColumns + i
		c.of[p.variant][p.concept] = int32(at)
		c.concept[at], c.variant[at] = p.concept, p.variant
	}
	return c
}

// column is a concept in one of its ways.
type column struct {
	concept uint32
	variant uint8
}

// featurise fills c.x with the chart's features.
func (a *lexicon) featurise(c *Chart) {
	index := appendContext(c.x.Index[:0], c)
	add := func(concept uint32, variant uint8) {
		if col := a.columns.of[variant][concept]; col >= 0 {
			index = append(index, uint32(col))
		}
	}
	a.eachColumn(c, add)
	slices.Sort(index)
	c.x = learn.Row{Index: slices.Compact(index)}
}

// eachColumn calls add for every concept and way that a chart shows; some come
// more than once.
func (a *lexicon) eachColumn(c *Chart, add func(concept uint32, variant uint8)) {
	for i := range c.facts {
		f := &c.facts[i]
		add(f.concept, ever)
		if f.current() {
			add(f.concept, current)
		}
		if f.is&isHigh != 0 {
			add(f.concept, high)
		}
		if f.is&isLow != 0 {
			add(f.concept, low)
		}
		for _, g := range a.vocabulary.concepts[f.concept].groups {
			add(g, group)
		}
	}
	for _, r := range c.reasons {
		add(r, reason)
	}
}

// current reports whether a fact is of the present.
func (f *fact) current() bool { return f.is&(inVisit|active) != 0 || f.last <= currentDays }

// appendContext appends the columns of age, sex, setting, time in the stay and
// length of the history, in order.
func appendContext(index []uint32, c *Chart) []uint32 {
	if c.age >= 0 {
		index = append(index, uint32(ageBand(c.age)))
	}
	index = append(index, uint32(sexColumn+int(c.sex)), uint32(settingColumn+int(c.setting)))
	if c.setting != ambulatory {
		index = append(index, uint32(landmarkColumn+band(c.hours, 4, 9, 18, 30)))
	}
	return append(index, uint32(historyColumn+band(float32(len(c.facts)), 1, 6, 21, 61)))
}

// ageBand is the age in bands that care differs by: infants, toddlers, children,
// adolescents, then decades.
func ageBand(age int) int { return band(float32(age), 1, 5, 12, 18, 30, 45, 60, 70, 80) }

// band is how many of the limits v has reached.
func band(v float32, limits ...float32) int {
	n := 0
	for n < len(limits) && v >= limits[n] {
		n++
	}
	return n
}
