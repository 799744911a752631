package safety

import (
	"fmt"
	"math/bits"
	"slices"
	"time"

	"ember/record"
	"ember/terms"
)

const day = 24 * time.Hour

// Patient is what the rules look at, taken from a past once per request. It
// belongs to one goroutine.
type Patient struct {
	at        time.Time
	live      bool // statuses are known
	person    record.Person
	age       int // -1 unknown
	drugs     []activeDrug
	given     []given // every drug on record, for tolerance
	allergies []allergy
	sets      [32]evidence
	values    []measured // by Checker.values
	tests     []last     // by Checker.intervals
	unchecked []string
	inStay    bool
}

// activeDrug is a drug the patient takes, or took until lately.
type activeDrug struct {
	*medicine
	source     string
	until      time.Time // zero: without a known end
	ended      bool      // before the moment, but a washout may count
	draft      bool      // ordered in the very moment
	local      bool      // eye drops, creams: hardly reaches the blood
	guessed    bool      // nothing on record says when it ended
	stopped    bool      // the status says that it ended
	brought    string    // the words of the examination that brings it, "" for an order of its own
	assumption string
}

type given struct {
	drug  *terms.Drug
	known time.Time
	taken bool // given, dispensed or stated, not only ordered
}

type allergy struct {
	allergen terms.Allergen
	classes  []string
	name     string
	source   string
	known    time.Time
	severity record.Severity
}

// evidence is the latest event that puts the patient into a value set.
type evidence struct {
	source   string
	when     time.Time
	undated  bool
	doubtful bool // contradicted by other facts of the record
}

type measured struct {
	source   string
	when     time.Time
	value    float64
	computed bool
	known    bool
}

type last struct {
	source   string
	when     time.Time
	value    float64
	unit     string
	hasValue bool
}

// Unchecked says in words what of the patient no rule can see: drugs and
// allergens that are not known as any ingredient.
func (p *Patient) Unchecked() []string { return p.unchecked }

// Prepare looks at a patient and at what is being drafted.
func (c *Checker) Prepare(past record.Past, context []record.Event) *Patient {
	p := &Patient{at: past.At(), live: past.Live(), person: past.Person(), age: -1, values: make([]measured, len(c.values)), tests: make([]last, len(c.intervals))}
	if visit, ok := past.Visit(); ok {
		p.inStay = visit.Stay()
	}
	if age, ok := past.Age(); ok {
		p.age = age
	}
	look := looker{c: c, p: p, encounters: past.Encounters()}
	look.all(past, context)
	look.sortOut()
	return p
}

// looker fills a Patient. It holds the checker's lock for reading while it does.
type looker struct {
	c          *Checker
	p          *Patient
	encounters []record.Encounter
	medicines  map[codeKey]*medicine // what the checker does not know
	fresh      met
}

// all looks at every event, and leaves to the checker what it has not met before.
func (l *looker) all(past record.Past, context []record.Event) {
	func() {
		l.c.mu.RLock()
		defer l.c.mu.RUnlock()
		for _, events := range [...][]record.Event{past.Events(), past.Undated()} {
			for i := range events {
				l.event(&events[i], false)
			}
		}
		for i := range context {
			l.event(&context[i], true)
		}
	}()
	if f := l.fresh; f.codes != nil || f.medicines != nil || f.forms != nil {
		l.c.mu.Lock()
		defer l.c.mu.Unlock()
		l.c.met.add(f)
	}
}

func (l *looker) event(e *record.Event, draft bool) {
	switch e.Kind {
	case record.Medication:
		l.medication(e, draft)
	case record.Allergy:
		l.allergy(e)
	case record.Condition, record.Finding, record.Procedure, record.Test:
		m := l.meaning(e.Concept)
		if e.Kind == record.Test {
			l.tests(e, m.intervals)
		}
		for _, code := range e.Codes {
			if !code.Is(e.Concept) {
				also := l.meaning(code)
				m.sets, m.values = m.sets|also.sets, m.values|also.values
			}
		}
		if !e.Answer.Zero() {
			m.sets |= l.meaning(e.Answer).sets
		}
		l.sets(e, m.sets)
		l.values(e, m.values)
		if e.Kind == record.Test || e.Kind == record.Procedure {
			l.brings(e, draft)
		}
	}
}

func (l *looker) medication(e *record.Event, draft bool) {
	m := l.medicine(e)
	if !draft {
		l.p.given = append(l.p.given, given{&m.drug, e.Known, e.Mode == record.Done || e.Mode == record.Stated})
	}
	a := l.activity(e, m, draft)
	if a.ended && !l.matters(&a, m) {
		return
	}
	if !m.drug.Mapped && !a.ended {
		l.unmapped(e)
	}
	if m.drug.Mapped {
		a.medicine, a.source, a.draft = m, e.Source, draft
		a.local = l.local(e, a.classes)
		l.p.drugs = append(l.p.drugs, a)
	}
}

// guessedFor is how long a drug is named after an end that was only assumed.
const guessedFor = 365 * day

// matters reports whether a drug that has ended is still worth looking at:
// within the longest washout, or when its end was assumed and it is of a class
// that a blocking interaction names.
func (l *looker) matters(a *activeDrug, m *medicine) bool {
	ago := l.p.at.Sub(a.until)
	return ago <= l.c.longest || a.guessed && ago <= guessedFor && m.in.meets(l.c.blocking)
}

// brings notes an examination with a contrast medium, which is a drug like any
// other for as long as its washout.
func (l *looker) brings(e *record.Event, draft bool) {
	for i := range l.c.imaging {
		row := &l.c.imaging[i]
		if row.brings == "" {
			continue
		}
		when := firstTime(e.Start, e.Known)
		if e.End.After(when) && !e.End.After(l.p.at) {
			when = e.End
		}
		ended := !draft && !when.After(l.p.at)
		if ended && l.p.at.Sub(when) > l.c.longest || !row.says(l.c.wordsOf(e)) {
			continue
		}
		l.p.drugs = append(l.p.drugs, activeDrug{medicine: &medicine{classes: []string{row.brings}, in: l.c.setOf([]string{row.brings})}, source: e.Source, until: when, ended: ended, draft: draft, brought: e.Text})
		return
	}
}

func (l *looker) unmapped(e *record.Event) {
	text := e.Source + ": a drug that is not known as any ingredient; interactions and duplicates with it were not checked"
	if len(l.p.unchecked) < 10 && !slices.Contains(l.p.unchecked, text) {
		l.p.unchecked = append(l.p.unchecked, text)
	}
}

// activity says until when an order counts: its dated end, else its status where
// that is known (now, not in the past), else its supply, else a default by class
// and encounter.
func (l *looker) activity(e *record.Event, m *medicine, draft bool) activeDrug {
	start := e.Start
	if start.IsZero() || !e.Known.IsZero() && e.Known.After(start) {
		start = e.Known
	}
	a := activeDrug{}
	switch {
	case draft:
		return a
	case e.Status == record.Ended && (e.End.IsZero() || e.End.After(l.p.at)):
		return l.stopped(e, m, start)
	case !e.End.IsZero():
		a.until = e.End
	case e.Status == record.Active:
		a.assumption = "status active, no end on record: taken to be active"
		return a
	case e.Status == record.OnHold:
		a.assumption = "on hold: taken to be resumed"
		return a
	case start.IsZero():
		a.assumption = "without a date: taken to be active"
		return a
	case e.Days > 0:
		a.until = start.Add(time.Duration(e.Days) * day)
	default:
		a = l.assumed(e, m, start)
	}
	a.ended = a.until.Before(l.p.at)
	return a
}

// stopped is an order whose status says that it ended, at some time that is not
// on record: at the latest now, for the washout.
func (l *looker) stopped(e *record.Event, m *medicine, start time.Time) activeDrug {
	a := activeDrug{until: l.p.at, ended: true, guessed: true, stopped: true}
	var by time.Time
	switch {
	case start.IsZero():
		return a
	case e.Days > 0:
		by = start.Add(time.Duration(e.Days) * day)
	default:
		by = l.assumed(e, m, start).until
	}
	if by.Before(a.until) {
		a.until = by
	}
	return a
}

// assumed is when an order ends of which nothing says so.
func (l *looker) assumed(e *record.Event, m *medicine, start time.Time) activeDrug {
	days, why := 0, ""
	for _, d := range l.c.durations {
		if has(m.classes, d.class) {
			days, why = d.days, d.class
			break
		}
	}
	stay, inStay := l.stay(e)
	switch {
	case inStay && stay.End.IsZero() && days == 0:
		return activeDrug{until: l.p.at.Add(day), assumption: "no end on record: taken to last for the stay"}
	case inStay && days == 0:
		return activeDrug{until: stay.End, assumption: "no end on record: taken to last for the stay"}
	case e.Mode == record.Done && days == 0:
		days, why = 2, "a single administration"
	case e.Mode == record.Stated && days == 0:
		days, why = 365, "a statement"
	case days == 0:
		days, why = 120, "an ambulatory order"
	}
	return activeDrug{until: start.Add(time.Duration(days) * day), guessed: e.Mode != record.Done && days > onceDays,
		assumption: fmt.Sprintf("no end on record: taken to last %d days (%s)", days, why)}
}

// onceDays is the longest default duration of what is given once.
const onceDays = 2

// stay is the hospital stay an event belongs to and ends with.
func (l *looker) stay(e *record.Event) (record.Encounter, bool) {
	if e.Encounter == "" || e.Home {
		return record.Encounter{}, false
	}
	for i := len(l.encounters) - 1; i >= 0; i-- {
		if l.encounters[i].ID == e.Encounter {
			return l.encounters[i], l.encounters[i].Stay()
		}
	}
	return record.Encounter{}, false
}

// over reports whether a fact no longer holds, by its end or its status.
func (p *Patient) over(e *record.Event) bool {
	return !e.End.IsZero() && !e.End.After(p.at) || e.Status == record.Ended
}

func (l *looker) allergy(e *record.Event) {
	if l.p.over(e) {
		return
	}
	a := l.c.terms.Allergen(e.Codes, e.Text)
	if a.None {
		return
	}
	if !a.Mapped {
		l.p.unchecked = append(l.p.unchecked, e.Source+": an allergen that is not known; it was not checked")
		return
	}
	found := allergy{allergen: a, classes: slices.Clone(a.Classes), name: nameOfAllergen(e, a), source: e.Source, known: e.Known, severity: e.Severity}
	for _, i := range a.Ingredients {
		found.classes = append(found.classes, i.Classes...)
	}
	l.p.allergies = append(l.p.allergies, found)
}

func nameOfAllergen(e *record.Event, a terms.Allergen) string {
	switch {
	case len(a.Ingredients) > 0:
		return a.Ingredients[0].Name
	case e.Text != "":
		return e.Text
	}
	return e.Concept.Display
}

// sets notes which value sets the event puts the patient into.
func (l *looker) sets(e *record.Event, in uint32) {
	if l.p.over(e) {
		in &= pregnancyEnd
	}
	for ; in != 0; in &= in - 1 {
		i := bits.TrailingZeros32(in)
		when := e.Start
		if when.IsZero() {
			when = e.Known
		}
		if old := l.p.sets[i]; old.source == "" || !when.Before(old.when) {
			l.p.sets[i] = evidence{source: e.Source, when: when, undated: e.Known.IsZero()}
		}
	}
}

// pregnancyEnd is the bit of Checker.sets that tells of something over and done.
const pregnancyEnd = 1 << 1

// values notes a result, in the unit that the limits are in.
func (l *looker) values(e *record.Event, of uint32) {
	if !e.HasValue {
		return
	}
	for ; of != 0; of &= of - 1 {
		i := bits.TrailingZeros32(of)
		v := &l.c.values[i]
		when := firstTime(e.Start, e.Known)
		if old := l.p.values[i]; old.known && when.Before(old.when) || l.p.at.Sub(when) > time.Duration(v.days)*day {
			continue
		}
		x, ok := l.c.terms.Convert(e.Value, e.Unit, v.unit, loincOf(e, v.loinc))
		if e.Unit == v.unit {
			x, ok = e.Value, true
		}
		if !ok {
			l.p.unchecked = append(l.p.unchecked, e.Source+": a "+v.name+" in a unit that cannot be converted; it was not checked")
			continue
		}
		l.p.values[i] = measured{source: e.Source, when: when, value: x, known: true}
	}
}

// loincOf is the code of an event that is one of those.
func loincOf(e *record.Event, codes []string) string {
	if e.Concept.System == record.LOINC && slices.Contains(codes, e.Concept.Value) {
		return e.Concept.Value
	}
	for _, c := range e.Codes {
		if c.System == record.LOINC && slices.Contains(codes, c.Value) {
			return c.Value
		}
	}
	return ""
}

// tests notes when a test was done that has a usual minimal interval.
func (l *looker) tests(e *record.Event, of uint32) {
	for ; of != 0; of &= of - 1 {
		i := bits.TrailingZeros32(of)
		when := firstTime(e.Start, e.Known)
		if old := l.p.tests[i]; old.source == "" || !when.Before(old.when) {
			l.p.tests[i] = last{e.Source, when, e.Value, e.Unit, e.HasValue}
		}
	}
}

// sortOut draws conclusions that need the whole chart.
func (l *looker) sortOut() {
	l.p.pregnancy()
	l.c.estimateGFR(l.p)
}

// pregnancy ends by an event that says so, and after 300 days. That of a man or
// outside the ages of 10 to 60 is doubtful, not absent: the administrative sex
// need not be the biological one (FHIR R4, Patient.gender).
func (p *Patient) pregnancy() {
	now, end := &p.sets[0], p.sets[1]
	if now.source == "" {
		return
	}
	over := end.source != "" && !end.when.Before(now.when)
	tooLong := !now.when.IsZero() && p.at.Sub(now.when) > 300*day
	if over || tooLong {
		*now = evidence{}
		return
	}
	now.doubtful = p.person.Sex == record.Male || p.age >= 0 && (p.age < 10 || p.age > 60)
}

func firstTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

func has(classes []string, class string) bool { return slices.Contains(classes, class) }

func hasAny(classes, any []string) bool {
	for _, c := range any {
		if slices.Contains(classes, c) {
			return true
		}
	}
	return false
}
