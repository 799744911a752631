package main

import (
	"slices"

	"ember/recommender/safety"
	"ember/record"
)

// judged is what the rules say of orders that were really made: each is judged by
// what was known before it. An order for a drug that was ordered before renews
// it. Orders of the very same moment do not see each other, but for together,
// where the others are drafts beside each.
type judged struct {
	orders, unchecked, renewals int
	blocked, warned             int
	together                    int // blocked when the orders of a moment see each other
	rules                       map[string]*ruled
	samples                     map[string]counts // rule and tier → what was ordered
}

// together marks samples of orders that see the others of their moment.
const together = " together"

// ruled counts the orders a rule fired on, by tier.
type ruled struct{ block, warn int }

func (j *judged) timeline(s *surveyor, t record.Timeline) {
	before := map[string]bool{}
	for i := 0; i < len(t.Events); {
		at := t.Events[i].Known
		end := i + 1
		for end < len(t.Events) && t.Events[end].Known.Equal(at) {
			end++
		}
		same := t.Events[i:end]
		i = end
		j.moment(s, t.Before(at), same, before)
		for k := range same {
			if same[k].Kind == record.Medication {
				before[same[k].Concept.Key()] = true
			}
		}
	}
}

// moment judges the orders of one moment.
func (j *judged) moment(s *surveyor, past record.Past, same []record.Event, before map[string]bool) {
	var drafts []record.Event
	for _, e := range same {
		if e.Kind == record.Medication && e.Mode == record.Ordered && !e.Cancelled {
			drafts = append(drafts, e)
		}
	}
	if len(drafts) == 0 {
		return
	}
	pt := s.rules.Prepare(past, nil)
	for k := range drafts {
		j.order(s, pt, &drafts[k], before[drafts[k].Concept.Key()])
	}
	pt = s.rules.Prepare(past, drafts)
	for k := range drafts {
		e := &drafts[k]
		findings, _ := s.rules.Check(pt, orderOf(s, e, before[e.Concept.Key()]))
		if len(findings) > 0 && findings[0].Tier == safety.Block {
			j.together++
			j.sample(findings[0].Rule+together, e.Concept)
		}
	}
}

func orderOf(s *surveyor, e *record.Event, renews bool) safety.Order {
	drug := s.terms.DrugOfConcept(e.Concept)
	if !drug.Mapped {
		drug = s.terms.Drug(e.Codes, e.Text)
	}
	return safety.Order{Drug: drug, Event: e, Continue: renews, Code: e.Concept, Kind: record.Medication}
}

func (j *judged) order(s *surveyor, pt *safety.Patient, e *record.Event, renews bool) {
	order := orderOf(s, e, renews)
	findings, unchecked := s.rules.Check(pt, order)
	j.orders++
	if renews {
		j.renewals++
	}
	if unchecked != "" {
		j.unchecked++
		return
	}
	var fired []string
	tier := ""
	for _, f := range findings {
		if f.Tier == safety.Info || slices.Contains(fired, f.Rule) {
			continue
		}
		fired = append(fired, f.Rule)
		if tier == "" {
			tier = f.Tier // the gravest comes first
		}
		j.fired(f, order.Drug.Concept)
	}
	switch tier {
	case safety.Block:
		j.blocked++
	case safety.Warn:
		j.warned++
	}
}

func (j *judged) fired(f safety.Finding, drug record.Code) {
	r := j.rules[f.Rule]
	if r == nil {
		r = &ruled{}
		j.rules[f.Rule] = r
	}
	if f.Tier == safety.Block {
		r.block++
	} else {
		r.warn++
	}
	j.sample(f.Rule+" "+f.Tier, drug)
}

func (j *judged) sample(key string, drug record.Code) {
	if j.samples == nil {
		j.samples = map[string]counts{}
	}
	if j.samples[key] == nil {
		j.samples[key] = counts{}
	}
	name := drug.Display
	if name == "" {
		name = drug.Value
	}
	j.samples[key][name]++
}
