package main

import (
	"slices"

	"ember/recommender/safety"
	"ember/record"
)

// judged is what the rules say of orders that were really made: each is judged by
// what was known before it. An order for a drug that was ordered before renews
// it; orders of the very same moment do not see each other.
type judged struct {
	orders, unchecked, renewals int
	blocked, warned             int
	rules                       map[string]*ruled
	samples                     map[string]counts // rule and tier → what was ordered
}

// ruled counts the orders a rule fired on, by tier.
type ruled struct{ block, warn int }

func (j *judged) timeline(s *surveyor, t record.Timeline) {
	var pt *safety.Patient
	var past record.Past
	before := map[string]bool{}
	for i := 0; i < len(t.Events); {
		at := t.Events[i].Known
		end := i + 1
		for end < len(t.Events) && t.Events[end].Known.Equal(at) {
			end++
		}
		same := t.Events[i:end]
		i, pt = end, nil
		for k := range same {
			e := &same[k]
			if e.Kind != record.Medication || e.Mode != record.Ordered || e.Cancelled {
				continue
			}
			if pt == nil {
				past = t.Before(at)
				pt = s.rules.Prepare(past, nil)
			}
			j.order(s, pt, e, before[e.Concept.Key()])
		}
		for k := range same {
			if same[k].Kind == record.Medication {
				before[same[k].Concept.Key()] = true
			}
		}
	}
}

func (j *judged) order(s *surveyor, pt *safety.Patient, e *record.Event, renews bool) {
	drug := s.terms.DrugOfConcept(e.Concept)
	if !drug.Mapped {
		drug = s.terms.Drug(e.Codes, e.Text)
	}
	findings, unchecked := s.rules.Check(pt, safety.Order{Drug: drug, Event: e, Continue: renews, Code: e.Concept, Kind: record.Medication})
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
		j.fired(f, drug.Concept)
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
	if j.samples == nil {
		j.samples = map[string]counts{}
	}
	key := f.Rule + " " + f.Tier
	if j.samples[key] == nil {
		j.samples[key] = counts{}
	}
	name := drug.Display
	if name == "" {
		name = drug.Value
	}
	j.samples[key][name]++
}
