package eval

import (
	"iter"
	"slices"
	"time"

	"ember/cohort/features"
	"ember/recommender"
	"ember/record"
)

// outcome is what task T3 of the protocol asks for: not what is ordered, but what comes
// of the patient.
type outcome struct {
	name string
	risk bool // one thing that happens or not, else many that are ranked
	of   func(m *moments, s recommender.Sample) (came, closed []record.Code, asked bool)
}

// allOutcomes are those of the protocol.
func allOutcomes() []outcome {
	return []outcome{
		{"T3-diagnoses", false, newDiagnoses},
		{"T3-readmission", true, readmission},
		{"T3-death", true, death},
	}
}

// The horizons of the protocol. Who is admitted within a day of leaving is transferred,
// not readmitted.
const (
	diagnosisHorizon   = 365 * 24 * time.Hour
	readmissionHorizon = 30 * 24 * time.Hour
	transfer           = 24 * time.Hour
)

// happened is the one label of a risk.
var happened = record.Code{System: "urn:ember:outcome", Value: "happened"}

// Moment is what was known at a decision, for a model of risks.
type Moment struct {
	Subject string
	Row     features.Row
	Sex     string
}

// moments are one patient's timeline, with how long anybody was watched.
type moments struct {
	line record.Timeline
	last time.Time // the last thing on record of anybody
	died time.Time // zero = alive; without a day, it is the end of what is on record
}

func momentsOf(line record.Timeline, last time.Time) *moments {
	m := &moments{line: line, last: last, died: line.Person.Died}
	if line.Person.Dead && m.died.IsZero() {
		m.died = lastOf(&line)
	}
	return m
}

// lastOf is the last thing on record of a patient.
func lastOf(line *record.Timeline) (last time.Time) {
	see := func(at time.Time) {
		if at.After(last) {
			last = at
		}
	}
	for i := range line.Events {
		see(line.Events[i].Known)
	}
	for i := range line.Encounters {
		see(line.Encounters[i].Start)
		see(line.Encounters[i].End)
	}
	return last
}

// watchedUntil is the last thing on record of anybody.
func watchedUntil(lines iter.Seq[record.Timeline]) (last time.Time) {
	for line := range lines {
		if at := lastOf(&line); at.After(last) {
			last = at
		}
	}
	return last
}

// watched reports whether it is known what happened until a moment.
func (m *moments) watched(until time.Time) bool {
	return !until.After(m.last) || m.diedBy(until)
}

func (m *moments) diedBy(at time.Time) bool { return !m.died.IsZero() && !m.died.After(at) }

// stay is the whole of the stay a decision is in; ok is false at a visit, and where no
// end is on record.
func (m *moments) stay(s recommender.Sample) (e record.Encounter, ok bool) {
	if s.Landmark == 0 {
		return e, false
	}
	for _, e := range m.line.Encounters {
		if e.ID == s.Visit.ID && e.Start.Equal(s.Visit.Start) {
			return e, !e.End.IsZero()
		}
	}
	return e, false
}

// newDiagnoses are the diagnoses, by what they count as (the category of an ICD code),
// that became known within a year and were not known before.
func newDiagnoses(m *moments, s recommender.Sample) (came, closed []record.Code, asked bool) {
	at := s.Past.At()
	known := map[string]bool{}
	for _, e := range s.Past.Events() {
		if e.Kind == record.Condition && !known[e.Concept.Key()] {
			known[e.Concept.Key()] = true
			closed = append(closed, e.Concept)
		}
	}
	until := at.Add(diagnosisHorizon)
	for _, e := range m.line.Events[len(s.Past.Events()):] {
		if e.Kind == record.Condition && !e.Cancelled && !e.Known.After(until) && !known[e.Concept.Key()] {
			known[e.Concept.Key()] = true
			came = append(came, e.Concept)
		}
	}
	return came, closed, m.watched(until)
}

// readmission is another stay that begins within 30 days of the end of this one.
func readmission(m *moments, s recommender.Sample) (came, _ []record.Code, asked bool) {
	e, ok := m.stay(s)
	if !ok || m.diedIn(e) {
		return nil, nil, false
	}
	until := e.End.Add(readmissionHorizon)
	again := slices.ContainsFunc(m.line.Encounters, func(o record.Encounter) bool {
		return o.Stay() && !o.Start.Before(e.End.Add(transfer)) && !o.Start.After(until)
	})
	if again {
		return []record.Code{happened}, nil, true
	}
	return nil, nil, m.watched(until)
}

// death is one before the end of the stay.
func death(m *moments, s recommender.Sample) (came, _ []record.Code, asked bool) {
	e, ok := m.stay(s)
	if ok && m.diedIn(e) {
		came = []record.Code{happened}
	}
	return came, nil, ok
}

// diedIn allows for a death of which the day is known only.
func (m *moments) diedIn(e record.Encounter) bool {
	y, month, day := e.End.Date()
	return m.diedBy(time.Date(y, month, day+1, 0, 0, 0, 0, e.End.Location()).Add(-time.Nanosecond))
}
