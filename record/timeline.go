package record

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// Timeline is everything that is on record for one patient. Call [Timeline.Sort]
// after filling it. A timeline that has been handed out is not modified any more
// and may then be read from many goroutines.
type Timeline struct {
	Person     Person
	Encounters []Encounter // by Start
	Events     []Event     // by Known, then Kind, Concept and Source
	// Undated are the events without a known time. They never reach
	// evaluation; safety rules see them.
	Undated []Event
}

// Note is one clinical note or narrative. Notes are no part of a timeline.
type Note struct {
	Source    string // reference, "DocumentReference/123"
	Encounter string
	Known     time.Time
	Type      Code
	Text      string
}

// Sort puts encounters and events in order and moves events without a known
// time to Undated.
func (t *Timeline) Sort() {
	dated := t.Events[:0]
	for _, e := range t.Events {
		if e.Known.IsZero() {
			t.Undated = append(t.Undated, e)
		} else {
			dated = append(dated, e)
		}
	}
	clear(t.Events[len(dated):])
	t.Events = dated
	slices.SortFunc(t.Events, compareEvents)
	slices.SortFunc(t.Undated, compareEvents)
	slices.SortFunc(t.Encounters, func(a, b Encounter) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
}

func compareEvents(a, b Event) int {
	return cmp.Or(a.Known.Compare(b.Known), cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Concept.Value, b.Concept.Value), cmp.Compare(a.Source, b.Source))
}

// Before is what was known strictly before at: events with an earlier known
// time, without ends after at and without their status, and encounters that had
// begun by at, without ends after at. Undated events stay apart. The cost is that of a binary search
// unless something has to be hidden.
func (t Timeline) Before(at time.Time) Past {
	n := sort.Search(len(t.Events), func(i int) bool { return !t.Events[i].Known.Before(at) })
	m := sort.Search(len(t.Encounters), func(i int) bool { return t.Encounters[i].Start.After(at) })
	person := t.Person
	if person.Died.After(at) {
		person.Dead, person.Died = false, time.Time{}
	}
	return Past{
		person: person, at: at,
		events:     hideEvents(t.Events[:n:n], at),
		undated:    hideEvents(t.Undated, at),
		encounters: hideEncounters(t.Encounters[:m:m], at),
	}
}

// Live is the past for care given now: all that is on record is known, so ends
// that lie ahead and statuses are shown. Dates without an hour and clocks that
// run ahead must not hide what was just written, so events known up to a day
// after now are in, and allergies whatever their date. What is a draft or was
// cancelled by now is out: [Timeline.Before] shows it, because when that
// happened is not on record.
func (t Timeline) Live(now time.Time) Past {
	horizon := now.Add(24 * time.Hour)
	events, undated := standing(t.Events), standing(t.Undated)
	n := sort.Search(len(events), func(i int) bool { return !events[i].Known.Before(horizon) })
	for _, e := range events[n:] {
		if e.Kind == Allergy {
			undated = append(slices.Clip(undated), e)
		}
	}
	m := sort.Search(len(t.Encounters), func(i int) bool { return t.Encounters[i].Start.After(horizon) })
	return Past{person: t.Person, at: now, events: events[:n:n], undated: undated, encounters: t.Encounters[:m:m], live: true}
}

// standing are the events that are not cancelled.
func standing(events []Event) []Event {
	if !anyOf(events, func(e *Event) bool { return e.Cancelled }) {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Cancelled })
}

// anyOf reports whether one of the events is so, without copying them.
func anyOf(events []Event, is func(*Event) bool) bool {
	for i := range events {
		if is(&events[i]) {
			return true
		}
	}
	return false
}

func hideEvents(events []Event, at time.Time) []Event {
	hidden := func(e *Event) bool { return e.Cancelled || e.Status != 0 || e.End.After(at) }
	if !anyOf(events, hidden) {
		return events
	}
	events = slices.Clone(events)
	for i := range events {
		events[i].Cancelled, events[i].Status = false, 0
		if events[i].End.After(at) {
			events[i].End = time.Time{}
		}
	}
	return events
}

func hideEncounters(encounters []Encounter, at time.Time) []Encounter {
	if !slices.ContainsFunc(encounters, func(e Encounter) bool { return e.End.After(at) }) {
		return encounters
	}
	encounters = slices.Clone(encounters)
	for i := range encounters {
		if encounters[i].End.After(at) {
			encounters[i].End = time.Time{}
		}
	}
	return encounters
}

// Counted is the timeline with events counted as what as says they are; text is for
// those without words of their own. Nothing is copied where as knows none.
func (t Timeline) Counted(as func(*Event) (concept Code, text string, ok bool)) Timeline {
	t.Events, t.Undated = counted(t.Events, as), counted(t.Undated, as)
	return t
}

// Counted is [Timeline.Counted] of what was known.
func (p Past) Counted(as func(*Event) (concept Code, text string, ok bool)) Past {
	p.events, p.undated = counted(p.events, as), counted(p.undated, as)
	return p
}

func counted(events []Event, as func(*Event) (Code, string, bool)) []Event {
	copied := false
	for i := range events {
		concept, text, ok := as(&events[i])
		if !ok {
			continue
		}
		if !copied {
			events, copied = slices.Clone(events), true
		}
		events[i].Concept = concept
		if events[i].Text == "" {
			events[i].Text = text
		}
	}
	return events
}

// Past is what was known about a patient at a moment. It is made by
// [Timeline.Before] and [Timeline.Live] only. It is immutable and safe for
// concurrent use; the slices it returns must not be modified.
type Past struct {
	person     Person
	at         time.Time
	events     []Event
	undated    []Event
	encounters []Encounter
	live       bool
}

// Live reports whether this is the past for care given now: only there are
// statuses known.
func (p Past) Live() bool { return p.live }

// At is the moment of the past.
func (p Past) At() time.Time { return p.at }

// Person is who it is about; a death after At is not known.
func (p Past) Person() Person { return p.person }

// Events are the dated events known before At, in order.
func (p Past) Events() []Event { return p.events }

// Undated are events without a known time: for safety rules only, never for
// sources, features or evaluation.
func (p Past) Undated() []Event { return p.undated }

// Encounters are those begun by At, in order.
func (p Past) Encounters() []Encounter { return p.encounters }

// Age is the age in completed years at At.
func (p Past) Age() (years int, ok bool) { return p.person.Born.AgeAt(p.at) }

// Visit is the latest encounter that had begun by At and was not known to have
// ended; ok is false when there is none. Encounters without an end are open for
// a day when ambulatory and for 90 days when a stay.
func (p Past) Visit() (e Encounter, ok bool) {
	for _, e := range slices.Backward(p.encounters) {
		if e.Start.IsZero() || !e.End.IsZero() && !e.End.After(p.at) {
			continue
		}
		open := 24 * time.Hour
		if e.Stay() {
			open *= 90
		}
		if p.at.Sub(e.Start) <= open {
			return e, true
		}
	}
	return Encounter{}, false
}
