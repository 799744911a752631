package recommender

import (
	"iter"
	"time"

	"ember/record"
)

// Windows within which an earlier order makes a new one a continuation, from the
// measuring protocol: a year for treatments, 180 days for tests.
const (
	treatmentWindow = 365 * 24 * time.Hour
	testWindow      = 180 * 24 * time.Hour
)

// maxVisits bounds the ambulatory visits of one patient that become samples, so
// that the chronically ill, with hundreds, do not outweigh everybody else. They
// are taken evenly over the visits.
const maxVisits = 12

// EvaluationLandmarks are the moments of a stay at which the protocol asks, as
// times since admission.
func EvaluationLandmarks() []time.Duration { return []time.Duration{6 * time.Hour, 24 * time.Hour} }

// Want is what a recommendation is asked for. The zero Want is invalid.
type Want uint8

// The two questions.
const (
	// Treatments are medications and therapeutic procedures.
	Treatments Want = iota + 1
	// Tests are laboratory, imaging and diagnostic examinations.
	Tests
	wantEnd
)

// String is the name used in requests, "invalid" for anything else.
func (w Want) String() string {
	switch w {
	case Treatments:
		return "treatments"
	case Tests:
		return "tests"
	}
	return "invalid"
}

// ParseWant is the inverse of String; ok is false for an unknown name.
func ParseWant(s string) (w Want, ok bool) {
	for w := Treatments; w < wantEnd; w++ {
		if w.String() == s {
			return w, true
		}
	}
	return 0, false
}

// WantOf is the question that orders of a kind belong to; 0 when none does.
func WantOf(k record.Kind) Want {
	switch k {
	case record.Medication, record.Procedure:
		return Treatments
	case record.Test:
		return Tests
	}
	return 0
}

// Label is one order that followed a decision time.
type Label struct {
	Kind     record.Kind
	Code     record.Code
	Continue bool // active at the decision time, or ordered within the window before
}

// Sample is one decision: what was known, and what was then ordered.
type Sample struct {
	Past     record.Past      // strictly before the decision time, and the visit's own reason
	Visit    record.Encounter // the encounter it belongs to, without what came after
	Landmark time.Duration    // since admission; 0 for the start of an ambulatory visit
	Labels   []Label          // distinct orders at or after the decision time, in order of time
}

// Samples are the decisions of a timeline by the measuring protocol: the start of
// each ambulatory visit and the landmarks of each stay of more than 24 hours.
// Training and evaluation both ask here, so they mean the same. Labels never
// look at an order's status or end; cancelled orders are none.
func Samples(t record.Timeline, landmarks []time.Duration) iter.Seq[Sample] {
	return func(yield func(Sample) bool) {
		visits := evenVisits(t.Encounters)
		for i, e := range t.Encounters {
			if e.Start.IsZero() || t.Person.Dead && !t.Person.Died.IsZero() && t.Person.Died.Before(e.Start) {
				continue
			}
			if !e.Stay() {
				if visits[i] && !yield(sampleAt(t, e, 0)) {
					return
				}
				continue
			}
			if e.End.Sub(e.Start) <= 24*time.Hour {
				continue
			}
			for _, l := range landmarks {
				if e.Start.Add(l).Before(e.End) && !yield(sampleAt(t, e, l)) {
					return
				}
			}
		}
	}
}

// evenVisits marks at most maxVisits ambulatory encounters.
func evenVisits(encounters []record.Encounter) []bool {
	var at []int
	for i, e := range encounters {
		if !e.Stay() && !e.Start.IsZero() {
			at = append(at, i)
		}
	}
	marked := make([]bool, len(encounters))
	n := min(len(at), maxVisits)
	for k := range n {
		marked[at[(2*k+1)*len(at)/(2*n)]] = true
	}
	return marked
}

func sampleAt(t record.Timeline, e record.Encounter, since time.Duration) Sample {
	at := e.Start.Add(since)
	s := Sample{Past: t.Before(at), Visit: e, Landmark: since}
	if s.Visit.End.After(at) {
		s.Visit.End = time.Time{}
	}
	continues := standingConcepts(s.Past)
	seen := map[conceptKey]bool{}
	for _, o := range t.Events[len(s.Past.Events()):] {
		key := keyOf(o.Kind, o.Concept)
		if !isOrder(&o) || seen[key] || !belongs(o, e, at) {
			continue
		}
		seen[key] = true
		s.Labels = append(s.Labels, Label{Kind: o.Kind, Code: o.Concept, Continue: continues[key]})
	}
	return s
}

// Standing is what further orders would continue, each once, in the order of time:
// new starts leave it out.
func (s Sample) Standing() (all []Label) {
	left := standingConcepts(s.Past)
	for _, e := range s.Past.Events() {
		if key := keyOf(e.Kind, e.Concept); left[key] {
			delete(left, key)
			all = append(all, Label{Kind: e.Kind, Code: e.Concept, Continue: true})
		}
	}
	return all
}

// isOrder reports whether an event is something that was asked for and can be
// recommended.
func isOrder(e *record.Event) bool {
	switch {
	case e.Cancelled || e.Mode == record.Stated:
		return false
	case e.Kind == record.Medication:
		return e.Mode == record.Ordered
	}
	return WantOf(e.Kind) != 0
}

// belongs reports whether an order is part of an encounter: by its reference if
// it has one, else by time. Orders after a stay are not; of ambulatory visits
// reports often arrive later and still are.
func belongs(o record.Event, e record.Encounter, at time.Time) bool {
	if o.Known.Before(at) {
		return false
	}
	if o.Encounter != "" {
		return o.Encounter == e.ID && (!e.Stay() || !o.Known.After(e.End))
	}
	end := e.End
	if day := at.UTC().Truncate(24 * time.Hour).Add(24*time.Hour - time.Nanosecond); !e.Stay() && end.Before(day) {
		end = day
	}
	return !o.Known.After(end)
}

// standingConcepts are the orderable concepts that a new order would continue.
func standingConcepts(p record.Past) map[conceptKey]bool {
	standing := map[conceptKey]bool{}
	for _, e := range p.Events() {
		if stands(&e, p.At()) {
			standing[keyOf(e.Kind, e.Concept)] = true
		}
	}
	return standing
}

// stands reports whether an event makes a further order of its concept at the
// given time a continuation: supplied still, or within the window.
func stands(e *record.Event, at time.Time) bool {
	switch WantOf(e.Kind) {
	case Treatments:
		return at.Sub(e.Known) <= treatmentWindow || supplied(e, at)
	case Tests:
		return at.Sub(e.Known) <= testWindow
	}
	return false
}

// supplied reports whether an order's supply, which is known with the order,
// lasts beyond at. Ends known at the time count; later ones are not in a Past.
func supplied(e *record.Event, at time.Time) bool {
	if e.Kind != record.Medication || e.Days == 0 || !e.End.IsZero() && !e.End.After(at) {
		return false
	}
	start := e.Start
	if start.IsZero() {
		start = e.Known
	}
	return start.AddDate(0, 0, e.Days).After(at)
}
