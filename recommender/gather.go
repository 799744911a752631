package recommender

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"ember/learn"
	"ember/record"
)

// trainingRow is one sample, reduced to ids.
type trainingRow struct {
	patient int32
	sample  int32 // of the patient's, from 1
	fold    uint8
	chart   Chart
	labels  [wantEnd][]uint32 // ascending
}

// ordered reports whether a label followed.
func (r *trainingRow) ordered(w Want, l uint32) bool {
	_, ok := slices.BinarySearch(r.labels[w], l)
	return ok
}

// gathered is the training data: a lexicon and rows, in the order of patients.
type gathered struct {
	lexicon  *lexicon
	rows     []trainingRow
	patients int
	groups   []string           // by ordinal, for folds; not kept in the artifact
	orders   [wantEnd][]float64 // all orders by label, once per encounter
	ages     [2]int             // youngest and oldest
}

// trainable reports whether a patient may be learned from.
func trainable(p record.Person) bool { return !p.OptOut && p.ReplacedBy == "" }

// Trainable reports whether a person may be learned from.
func Trainable(p record.Person) bool { return trainable(p) }

// gatherer reads timelines twice: first what there is, then the samples.
type gatherer struct {
	terms   meanings
	opt     TrainOptions
	report  func(stage string, done, total int)
	counts  map[conceptKey]*conceptCount
	sites   map[string]int
	samples int
	total   int
}

func (g *gatherer) gather(ctx context.Context, seq iter.Seq[record.Timeline]) (*gathered, error) {
	g.counts, g.sites = map[conceptKey]*conceptCount{}, map[string]int{}
	for t := range seq {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if trainable(t.Person) {
			g.total++
			g.count(&t)
			g.report("reading", g.total, 0)
		}
	}
	out := &gathered{lexicon: &lexicon{vocabulary: g.vocabulary(), terms: g.terms}, patients: g.total}
	g.addSites(out.lexicon)
	if err := g.collect(ctx, seq, out); err != nil {
		return nil, err
	}
	if len(out.rows) == 0 {
		return nil, fmt.Errorf("%w: no decisions in %d patients", ErrNoDecisions, g.total)
	}
	out.addColumns()
	return out, nil
}

// count adds one patient to the counts of concepts.
func (g *gatherer) count(t *record.Timeline) {
	for i := range t.Events {
		e := &t.Events[i]
		if e.Cancelled {
			continue
		}
		c := g.see(keyOf(e.Kind, e.Concept), e.Concept)
		c.ordered = c.ordered || isOrder(e)
		if c.code.Display == "" {
			c.code.Display = wordsOf(e)
		}
		if e.HasValue && len(c.values) < maxValues {
			c.values = append(c.values, canonical(g.terms, e))
		}
	}
	site := map[string]bool{}
	for _, e := range t.Encounters {
		for _, r := range e.Reason {
			g.see(keyOf(reasonKind, r), r)
		}
		if e.Site != "" && !site[e.Site] {
			site[e.Site] = true
			g.sites[e.Site]++
		}
	}
	g.samples += countSamples(t, g.opt.Landmarks)
}

func (g *gatherer) see(k conceptKey, code record.Code) *conceptCount {
	c := g.counts[k]
	if c == nil {
		c = &conceptCount{code: code}
		g.counts[k] = c
	}
	if c.last != g.total {
		c.last = g.total
		c.patients++
	}
	return c
}

// wordsOf is the best name an event itself gives.
func wordsOf(e *record.Event) string {
	for _, c := range e.Codes {
		if c.Display != "" {
			return c.Display
		}
	}
	return e.Text
}

func countSamples(t *record.Timeline, landmarks []time.Duration) int {
	n := 0
	for _, e := range t.Encounters {
		switch {
		case !e.Stay():
			n++
		case e.End.Sub(e.Start) > 24*time.Hour:
			n += len(landmarks)
		}
	}
	return min(n, maxVisits+n/2)
}

// What becomes part of the vocabulary: every order of a training patient, up to
// a cap by frequency, and what at least two patients have.
const (
	maxLabels        = 3000
	leastForConcepts = 2
	leastForSites    = 10
)

func (g *gatherer) vocabulary() *vocabulary {
	ordered := g.orderable()
	groups := map[conceptKey]record.Code{}
	var keys []conceptKey
	for _, k := range sortedKeys(g.counts) {
		if !ordered[k] && g.counts[k].patients < leastForConcepts {
			continue
		}
		keys = append(keys, k)
		if k.kind != reasonKind {
			for _, a := range g.terms.Ancestors(g.counts[k].code) {
				groups[keyOf(groupKind, a)] = a
			}
		}
	}
	for k := range groups {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	concepts := make([]concept, len(keys))
	id := make(map[conceptKey]uint32, len(keys))
	for i, k := range keys {
		id[k] = uint32(i)
		concepts[i] = g.concept(k, groups[k])
	}
	for i, k := range keys {
		g.relate(&concepts[i], k, id)
	}
	return newVocabulary(concepts, func(i int) bool { return ordered[keys[i]] })
}

// orderable are the concepts that become labels.
func (g *gatherer) orderable() map[conceptKey]bool {
	ordered := map[conceptKey]bool{}
	for w := Treatments; w < wantEnd; w++ {
		var keys []conceptKey
		for _, k := range sortedKeys(g.counts) {
			if WantOf(k.kind) == w && g.counts[k].ordered {
				keys = append(keys, k)
			}
		}
		slices.SortStableFunc(keys, func(a, b conceptKey) int { return g.counts[b].patients - g.counts[a].patients })
		for _, k := range keys[:min(len(keys), maxLabels)] {
			ordered[k] = true
		}
	}
	return ordered
}

func (g *gatherer) concept(k conceptKey, grouping record.Code) concept {
	c := concept{kind: k.kind, code: grouping, means: -1}
	if n := g.counts[k]; n != nil {
		c.code = n.code
		if len(n.values) >= 20 {
			slices.Sort(n.values)
			c.low, c.high, c.valued = n.values[len(n.values)/5], n.values[len(n.values)*4/5], true
		}
	}
	if d := g.terms.Display(c.code); d != "" {
		c.code.Display = d
	}
	if c.code.Display == "" {
		c.code.Display = c.code.Value
	}
	return c
}

// relate links a concept to its groups and a reason to its condition.
func (g *gatherer) relate(c *concept, k conceptKey, id map[conceptKey]uint32) {
	switch k.kind {
	case groupKind:
	case reasonKind:
		kind, code := g.terms.Condition([]record.Code{c.code}, c.code.Display)
		if m, ok := id[keyOf(kind, code)]; ok {
			c.means = int32(m)
		}
	default:
		for _, a := range g.terms.Ancestors(c.code) {
			if i, ok := id[keyOf(groupKind, a)]; ok && !slices.Contains(c.groups, i) {
				c.groups = append(c.groups, i)
			}
		}
		slices.Sort(c.groups)
	}
}

func (g *gatherer) addSites(a *lexicon) {
	for s, n := range g.sites {
		if n >= leastForSites {
			a.siteNames = append(a.siteNames, s)
		}
	}
	slices.Sort(a.siteNames)
	a.indexSites()
}

func (a *lexicon) indexSites() {
	a.sites = make(map[string]int32, len(a.siteNames))
	for i, s := range a.siteNames {
		a.sites[s] = int32(i)
	}
}

// collect makes the rows, with facts but without features.
func (g *gatherer) collect(ctx context.Context, seq iter.Seq[record.Timeline], out *gathered) error {
	v := out.lexicon.vocabulary
	for w := Treatments; w < wantEnd; w++ {
		out.orders[w] = make([]float64, len(v.labels[w]))
	}
	keep := uint64(1 << 32)
	if g.samples > g.opt.MaxSamples {
		keep = keep * uint64(g.opt.MaxSamples) / uint64(g.samples)
	}
	out.ages = [2]int{1 << 30, -1}
	var ch charter
	patient := 0
	for t := range seq {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !trainable(t.Person) {
			continue
		}
		countOrders(v, &t, &out.orders)
		out.groups = append(out.groups, g.group(&t))
		if g.opt.Person != nil {
			g.opt.Person(patient, t.Person.ID)
		}
		n := 0
		for s := range Samples(t, g.opt.Landmarks) {
			n++
			if mix(uint64(patient), uint64(n))>>32 >= keep {
				continue
			}
			out.rows = append(out.rows, makeRow(&ch, out, int32(patient), &s))
			out.rows[len(out.rows)-1].sample = int32(n)
		}
		patient++
		g.report("collecting", patient, g.total)
	}
	return nil
}

func makeRow(ch *charter, out *gathered, patient int32, s *Sample) trainingRow {
	r := trainingRow{patient: patient}
	ch.fill(&r.chart, out.lexicon, s.Past, s.Visit, nil)
	r.chart.facts = slices.Clip(r.chart.facts)
	if a := r.chart.age; a >= 0 {
		out.ages[0], out.ages[1] = min(out.ages[0], a), max(out.ages[1], a)
	}
	for _, l := range s.Labels {
		if i, ok := out.lexicon.vocabulary.labelIndex(l.Kind, l.Code); ok {
			w := WantOf(l.Kind)
			r.labels[w] = append(r.labels[w], i)
		}
	}
	for w := range r.labels {
		slices.Sort(r.labels[w])
	}
	return r
}

// countOrders counts every order of a patient, once per encounter.
func countOrders(v *vocabulary, t *record.Timeline, orders *[wantEnd][]float64) {
	type order struct {
		encounter string
		id        uint32
	}
	seen := map[order]bool{}
	for i := range t.Events {
		e := &t.Events[i]
		if !isOrder(e) {
			continue
		}
		id, ok := v.lookup(e.Kind, e.Concept)
		if !ok || v.concepts[id].label < 0 || seen[order{e.Encounter, id}] {
			continue
		}
		seen[order{e.Encounter, id}] = true
		orders[WantOf(e.Kind)][v.concepts[id].label]++
	}
}

// addColumns chooses the feature columns by how many patients have them and
// fills the rows' features. What nobody ever had without having it at present is
// one column, not two.
func (out *gathered) addColumns() {
	n := len(out.lexicon.vocabulary.concepts)
	patients, last := make([]int, n*variants), make([]int32, n*variants)
	for i := range out.rows {
		r := &out.rows[i]
		out.lexicon.eachColumn(&r.chart, func(concept uint32, variant uint8) {
			k := int(concept)*variants + int(variant)
			if last[k] != r.patient+1 {
				last[k] = r.patient + 1
				patients[k]++
			}
		})
	}
	var all []int
	for k, p := range patients {
		if p >= leastForColumns && (k%variants != current || p < patients[k-current+ever]) {
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return patients[b] - patients[a] })
	all = all[:min(len(all), maxColumns-contextColumns)]
	slices.Sort(all)
	chosen := make([]column, len(all))
	for i, k := range all {
		chosen[i] = column{uint32(k / variants), uint8(k % variants)}
	}
	out.lexicon.columns = newColumns(n, chosen)
	for i := range out.rows {
		out.lexicon.featurise(&out.rows[i].chart)
	}
}

// group is what keeps rows in one fold: the patient, or their first site.
func (g *gatherer) group(t *record.Timeline) string {
	if g.opt.FoldsBySite {
		for _, e := range t.Encounters {
			if e.Site != "" {
				return e.Site
			}
		}
	}
	return t.Person.ID
}

// deal gives every row its fold, by patient or site.
func (out *gathered) deal(k int) {
	groups := make([]string, len(out.rows))
	for i := range out.rows {
		groups[i] = out.groups[out.rows[i].patient]
	}
	for i, f := range learn.KFold(groups, k) {
		out.rows[i].fold = uint8(f)
	}
}
