package recommender

import (
	"slices"
	"time"

	"ember/learn"
	"ember/record"
)

// fact is everything a chart knows about one concept, resolved to its dense id.
type fact struct {
	concept uint32
	event   int32   // the latest event: index into the past's events, then the context's
	first   float32 // days before the decision
	last    float32
	count   uint16
	orders  uint16
	is      factFlags
}

type factFlags uint8

const (
	inVisit  factFlags = 1 << iota // during the visit at hand
	standing                       // another order would continue it
	active                         // supply not run out, or ordered during the visit
	drafted                        // only in the context of the moment
	isHigh                         // latest value in the top fifth
	isLow
	inPrevious // during the encounter before
)

// setting groups encounter classes by how orders are made.
type setting uint8

const (
	ambulatory setting = iota
	emergency
	inpatient
	settings
)

// String is the setting in words.
func (s setting) String() string {
	return [settings]string{"ambulatory visits", "emergencies", "hospital stays"}[s]
}

// Chart is a past resolved for scoring: facts by concept, the visit and who it
// is about. Sources see nothing else. Charts handed to a source are read-only
// and valid during the call.
type Chart struct {
	at      time.Time
	age     int // -1 unknown
	sex     record.Sex
	setting setting
	hours   float32 // since the start of the visit; -1 without a visit
	site    int32   // ordinal of the visit's site, -1 unknown
	facts   []fact  // by concept
	reasons []uint32
	unknown int // events whose concept no training patient had
	x       learn.Row
}

// charter makes charts; it keeps the scratch space between them and is used by
// one goroutine at a time.
type charter struct {
	slot     []int32 // by concept: position in facts plus one
	previous string  // the encounter before the visit, "" = none
}

// fill resolves a past, the visit and the context of the moment into c.
func (ch *charter) fill(c *Chart, a *lexicon, p record.Past, visit record.Encounter, context []record.Event) {
	if len(ch.slot) < len(a.vocabulary.concepts) {
		ch.slot = make([]int32, len(a.vocabulary.concepts))
	}
	*c = Chart{at: p.At(), age: -1, sex: p.Person().Sex, hours: -1, site: -1, facts: c.facts[:0], reasons: c.reasons[:0], x: c.x}
	if age, ok := p.Age(); ok {
		c.age = age
	}
	if visit.ID != "" || !visit.Start.IsZero() {
		c.setting = settingOf(visit.Class)
		c.hours = max(0, float32(c.at.Sub(visit.Start).Hours()))
		c.site = a.site(visit.Site)
	}
	ch.previous = previous(p.Encounters(), visit)
	events := p.Events()
	for i := range events {
		ch.add(c, a, &events[i], int32(i), visit, 0)
	}
	for i := range context {
		ch.add(c, a, &context[i], int32(len(events)+i), visit, drafted)
	}
	ch.addReasons(c, a, visit)
	for i := range c.facts {
		f := &c.facts[i]
		ch.slot[f.concept] = 0
		if f.event >= 0 && int(f.event) < len(events) && events[f.event].HasValue {
			f.is |= a.grade(f.concept, &events[f.event])
		}
	}
	slices.SortFunc(c.facts, func(a, b fact) int { return int(a.concept) - int(b.concept) })
}

func (ch *charter) add(c *Chart, a *lexicon, e *record.Event, index int32, visit record.Encounter, extra factFlags) {
	id, ok := a.vocabulary.lookup(e.Kind, e.Concept)
	if !ok {
		c.unknown++
		return
	}
	days := float32(0)
	if extra&drafted == 0 {
		days = max(0, float32(c.at.Sub(e.Known).Hours()/24))
	}
	f := ch.fact(c, id, days, extra)
	f.event = index
	f.last = min(f.last, days)
	if f.count < 1<<16-1 {
		f.count++
	}
	if isOrder(e) && f.orders < 1<<16-1 {
		f.orders++
	}
	if extra&drafted != 0 {
		return
	}
	f.is &^= drafted
	within := visit.ID != "" && e.Encounter == visit.ID || c.hours >= 0 && !e.Known.Before(visit.Start)
	if within {
		f.is |= inVisit
	}
	if ch.previous != "" && e.Encounter == ch.previous {
		f.is |= inPrevious
	}
	if stands(e, c.at) {
		f.is |= standing
	}
	if e.Kind == record.Medication && (supplied(e, c.at) || within && c.setting != ambulatory && (e.End.IsZero() || e.End.After(c.at))) {
		f.is |= active
	}
}

// previous is the last encounter that began before the visit, or without one the
// last of all.
func previous(encounters []record.Encounter, visit record.Encounter) string {
	for i := len(encounters) - 1; i >= 0; i-- {
		e := &encounters[i]
		if e.ID != visit.ID && (visit.Start.IsZero() || e.Start.Before(visit.Start)) {
			return e.ID
		}
	}
	return ""
}

// fact finds or makes the fact of a concept.
func (ch *charter) fact(c *Chart, id uint32, days float32, flags factFlags) *fact {
	if s := ch.slot[id]; s > 0 {
		return &c.facts[s-1]
	}
	c.facts = append(c.facts, fact{concept: id, first: days, last: days, is: flags, event: -1})
	ch.slot[id] = int32(len(c.facts))
	return &c.facts[len(c.facts)-1]
}

// addReasons adds the visit's own reasons, and the conditions they stand for.
func (ch *charter) addReasons(c *Chart, a *lexicon, visit record.Encounter) {
	for _, r := range visit.Reason {
		id, ok := a.vocabulary.lookup(reasonKind, r)
		if !ok {
			c.unknown++
			continue
		}
		if slices.Contains(c.reasons, id) {
			continue
		}
		c.reasons = append(c.reasons, id)
		if m := a.vocabulary.concepts[id].means; m >= 0 {
			f := ch.fact(c, uint32(m), 0, 0)
			f.is |= inVisit
			f.last = 0
		}
	}
	slices.Sort(c.reasons)
}

// find is the fact of a concept, nil when the chart has none.
func (c *Chart) find(concept uint32) *fact {
	i, ok := c.place(concept)
	if !ok {
		return nil
	}
	return &c.facts[i]
}

// place is where the fact of a concept is.
func (c *Chart) place(concept uint32) (i int, ok bool) {
	lo, hi := 0, len(c.facts)
	for lo < hi {
		m := int(uint(lo+hi) / 2)
		if c.facts[m].concept < concept {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo, lo < len(c.facts) && c.facts[lo].concept == concept
}

func settingOf(class string) setting {
	switch class {
	case "EMER":
		return emergency
	case "IMP", "ACUTE", "NONAC", "OBSENC", "SS":
		return inpatient
	}
	return ambulatory
}

// Features are the columns of the chart that are present, as [Artifact.Columns] counts
// them. They must not be modified.
func (c *Chart) Features() learn.Row { return c.x }
