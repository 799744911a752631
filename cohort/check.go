package cohort

import (
	"slices"
	"strings"
	"time"

	"ember/index"
	"ember/record"
)

const visitKind = index.Visit

// dayOf reads YYYY-MM-DD.
func dayOf(s string) (int32, bool) {
	t, err := time.Parse(time.DateOnly, s)
	return index.Day(t), err == nil && t.Year() > 1800
}

// Check finds what cannot be used in a definition: what is empty, unknown or
// contradicts itself. The error is an *[Error].
func (e *Engine) Check(c Criterion) error {
	k := checker{e: e}
	k.criterion(&c)
	k.likes(&c)
	if k.err == nil {
		return nil
	}
	return k.err
}

// maxParts bounds the criteria of one definition.
const maxParts = 200

// checker keeps the first error.
type checker struct {
	e     *Engine
	err   *Error
	parts int
}

func (k *checker) fail(at place, hint, format string, args ...any) {
	if k.err == nil {
		k.err = at.fail(hint, format, args...)
	}
}

func (k *checker) criterion(c *Criterion) {
	if k.parts++; k.parts > maxParts {
		k.fail(c.at, "save parts as cohorts", "the definition has more than %d criteria", maxParts)
		return
	}
	set := 0
	for _, has := range [...]bool{c.All != nil, c.Any != nil, c.Not != nil, c.Event != nil, c.Sequence != nil, c.Age != nil, c.Sex != "", c.Life != "", c.Note != nil, c.Cohort != "", c.Like != nil, c.Score != nil} {
		if has {
			set++
		}
	}
	switch {
	case set == 0:
		k.fail(c.at, "name one of "+strings.Join(criterionFields, ", "), "the criterion is empty")
	case set > 1:
		k.fail(c.at, "join several under all", "the criterion has %d conditions, not one", set)
	}
	for i := range c.All {
		k.criterion(&c.All[i])
	}
	for i := range c.Any {
		k.criterion(&c.Any[i])
	}
	if c.Not != nil {
		k.criterion(c.Not)
	}
	k.single(c)
	if c.All != nil {
		k.contradictions(c.All)
	}
	if c.Any != nil {
		k.tautologies(c.Any)
	}
}

var sexes = []string{"female", "male", "other", "unknown"}

func (k *checker) single(c *Criterion) {
	switch {
	case c.Event != nil:
		k.event(c.Event)
	case c.Sequence != nil:
		k.sequence(c)
	case c.Age != nil:
		k.age(c.Age, c.at)
	case c.Sex != "" && !slices.Contains(sexes, c.Sex):
		k.fail(c.at.field("sex"), hint(c.Sex, sexes), "there is no such sex")
	case c.Life != "" && c.Life != "alive" && c.Life != "dead":
		k.fail(c.at.field("life"), "write alive or dead", "this is neither alive nor dead")
	case c.Note != nil && !strings.ContainsFunc(c.Note.Phrase, func(r rune) bool { return r > ' ' && !strings.ContainsRune(`.,;:!?()[]{}"'*-`, r) }):
		k.fail(c.at, `write note:"some words"`, "the phrase has no words")
	case c.Note != nil && len(c.Note.Phrase) > 200:
		k.fail(c.at, "shorten it", "the phrase is longer than 200 bytes")
	case c.Cohort != "" && k.e.opt.Saved == nil:
		k.fail(c.at, "", "no cohorts are saved here")
	case c.Like != nil:
		k.like(c)
	case c.Score != nil:
		k.score(c)
	}
}

// age checks a range of ages: an end below 0 or above 130 says nothing.
func (k *checker) age(r *Range, at place) {
	k.bounds(r, at)
	low, high := r.ends()
	switch {
	case low != nil && *low > 130, high != nil && (*high < 0 || *high == 0 && r.Below != nil):
		k.fail(at, "ages are in completed years", "nobody is of such an age")
	case (low == nil || *low < 0 || *low == 0 && r.Above == nil) && (high == nil || *high > 130):
		k.fail(at, "leave it out, or narrow it", "everybody is of such an age")
	}
}

func (k *checker) bounds(r *Range, at place) {
	switch {
	case r.empty():
		k.fail(at, "write >9 or 9..12", "the range is empty")
	case r.Above != nil && r.AtLeast != nil || r.Below != nil && r.AtMost != nil:
		k.fail(at, "leave one of them", "the range has two ends on one side")
	case r.void():
		k.fail(at, "turn the ends round", "no number is in this range")
	}
}

func (k *checker) sequence(c *Criterion) {
	if len(c.Sequence) < 2 {
		k.fail(c.at.field("sequence"), "use event for one", "a sequence has at least two steps")
	}
	for i := range c.Sequence {
		s := &c.Sequence[i]
		k.step(i, s)
		k.event(&s.Event)
		if s.Without != nil {
			k.step(1, &Step{Event: *s.Without})
			k.event(s.Without)
		}
	}
}

func (k *checker) step(i int, s *Step) {
	switch _, ok := days(s.Within); {
	case s.Event.Count > 1:
		k.fail(s.Event.at, "leave xN out, or add a step", "an event of a sequence has no number")
	case s.Event.Within != "":
		k.fail(s.Event.atWithin, "say within behind the later event", "an event of a sequence has no time of its own")
	case i == 0 && (s.Within != "" || s.Without != nil):
		k.fail(s.Event.atWithin, "say it behind a later event", "there is no step before the first")
	case s.Within != "" && !ok:
		k.fail(s.Event.atWithin, "write a number and d, w, m or y, as in 30d", "this is no length of time")
	}
}

func (k *checker) event(e *Event) {
	if k.parts++; k.parts > maxParts {
		k.fail(e.at, "save parts as cohorts", "the definition has more than %d criteria", maxParts)
	}
	kind, ok := kindOf(e.Kind)
	if !ok {
		k.fail(e.at.field("kind"), hint(e.Kind, []string{"condition", "finding", "medication", "procedure", "test", "allergy", "immunization", "family-history", "plan", encounterKind}), "there is no such kind")
	}
	which := 0
	for _, w := range [...]string{e.Text, e.Code, e.Under, e.Set, e.Class} {
		if w != "" {
			which++
		}
	}
	switch {
	case which > 1:
		k.fail(e.atWhich, "leave one of text, code, under, set and class", "the event is named in %d ways", which)
	case which == 0 && e.Kind == "":
		k.fail(e.atWhich, "name a kind, a text or a code", "any event at all says nothing")
	}
	k.names(e, kind)
	k.times(e)
	if e.Value != nil {
		k.bounds(&e.Value.Range, e.atValue)
		if e.Value.Unit != "" && !k.e.opt.Terms.KnowsUnit(e.Value.Unit) {
			k.fail(e.atValue, "write UCUM, as in mg/dL, mmol/L or %", "this is no unit")
		}
		if kind == visitKind {
			k.fail(e.atValue, "leave the value out", "encounters have no values")
		}
	}
	if e.Age != nil {
		k.age(e.Age, e.atAge)
	}
	if e.Count < 0 || e.Count > 10_000 {
		k.fail(e.at.field("count"), "write x2 up to x10000", "%d is no number of events", e.Count)
	}
}

func (k *checker) names(e *Event, kind record.Kind) {
	tt := k.e.opt.Terms
	switch {
	case e.Set != "" && !slices.Contains(tt.ValueSets(), e.Set):
		k.fail(e.atWhich, hint(e.Set, tt.ValueSets()), "there is no such value set")
	case e.Class != "" && kind != 0 && kind != record.Medication:
		k.fail(e.atWhich, "write drug.class:…", "only drugs have classes")
	case e.Class != "":
		if _, h := k.e.class(e.Class); h != "" {
			k.fail(e.atWhich, h, "there is no such drug class")
		}
	case e.Code != "" && strings.TrimSpace(lastPart(e.Code)) == "", e.Under != "" && strings.TrimSpace(lastPart(e.Under)) == "":
		k.fail(e.atWhich, "write E11.9 or loinc|4548-4", "the code is empty")
	case e.Code != "" || e.Under != "":
		if _, unknown := codeOf(e.Code + e.Under); unknown != "" {
			k.fail(e.atWhich, hint(unknown, systemNames()), "there is no such code system")
		}
	}
}

func lastPart(code string) string { return code[strings.LastIndexByte(code, '|')+1:] }

func (k *checker) times(e *Event) {
	for _, s := range [...]string{e.Within, e.Last} {
		if _, ok := days(s); s != "" && !ok {
			k.fail(e.atWithin, "write a number and d, w, m or y, as in 30d", "this is no length of time")
		}
	}
	if e.Within != "" && e.Count < 2 {
		k.fail(e.atWithin, "write x2 within "+e.Within+", or last "+e.Within+" for the time before today", "within needs a number of events")
	}
	since, sinceOK := dayOf(e.Since)
	until, untilOK := dayOf(e.Until)
	switch {
	case e.Since != "" && !sinceOK:
		k.fail(e.at.field("since"), "write YYYY-MM-DD", "this is no day")
	case e.Until != "" && !untilOK:
		k.fail(e.at.field("until"), "write YYYY-MM-DD", "this is no day")
	case e.Since != "" && e.Until != "" && since > until:
		k.fail(e.at.field("until"), "turn them round", "the time ends before it begins")
	}
}

// contradictions finds pairs that cannot hold together.
func (k *checker) contradictions(all []Criterion) {
	printed := map[string]int{}
	for i := range all {
		printed[Print(all[i])] = i
	}
	var ages Range
	for i := range all {
		c := &all[i]
		if c.Not != nil {
			if j, ok := printed[Print(*c.Not)]; ok {
				k.fail(all[max(i, j)].at, "take one of them away", "this contradicts an earlier criterion: nobody meets both")
			}
		}
		if c.Age != nil {
			narrow(&ages, *c.Age)
			if ages.void() {
				k.fail(c.at, "take one of them away", "this contradicts an earlier age: nobody meets both")
			}
		}
		for j := range i {
			if c.Sex != "" && all[j].Sex != "" && c.Sex != all[j].Sex || c.Life != "" && all[j].Life != "" && c.Life != all[j].Life {
				k.fail(c.at, "write (… or …)", "this contradicts an earlier criterion: nobody meets both")
			}
		}
	}
}

// narrow leaves of a range what is in another too.
func narrow(r *Range, o Range) {
	if low, _ := r.ends(); o.Above != nil && (low == nil || *o.Above >= *low) {
		r.Above, r.AtLeast = o.Above, nil
	}
	if low, _ := r.ends(); o.AtLeast != nil && (low == nil || *o.AtLeast > *low) {
		r.Above, r.AtLeast = nil, o.AtLeast
	}
	if _, high := r.ends(); o.Below != nil && (high == nil || *o.Below <= *high) {
		r.Below, r.AtMost = o.Below, nil
	}
	if _, high := r.ends(); o.AtMost != nil && (high == nil || *o.AtMost < *high) {
		r.Below, r.AtMost = nil, o.AtMost
	}
}

// tautologies finds a criterion beside its opposite: everybody meets one of them.
func (k *checker) tautologies(list []Criterion) {
	printed := map[string]bool{}
	for i := range list {
		printed[Print(list[i])] = true
	}
	seen := map[string]bool{}
	for i := range list {
		c := &list[i]
		seen[c.Sex], seen[c.Life] = true, true
		switch {
		case c.Not != nil && printed[Print(*c.Not)]:
			k.fail(c.at, "take one of them away", "everybody meets this or its opposite")
		case c.Life != "" && seen["alive"] && seen["dead"], c.Sex != "" && seen["female"] && seen["male"] && seen["other"] && seen["unknown"]:
			k.fail(c.at, "take one of them away", "everybody meets this or what stands before")
		}
	}
}
