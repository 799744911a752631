package cohort_test

import (
	"slices"
	"sort"
	"strings"
	"time"

	"ember/cohort"
	"ember/index"
	"ember/record"
	"ember/terms"
)

// naive answers a criterion by looking at every event of every patient, in the
// plainest way there is.
type naive struct {
	t     *testingTerms
	now   time.Time
	saved map[string][]string
}

type testingTerms struct{ *terms.Terms }

func (n naive) match(c *cohort.Criterion, d *index.Document) bool {
	p := d.Timeline.Person
	switch {
	case c.All != nil:
		return !slices.ContainsFunc(c.All, func(o cohort.Criterion) bool { return !n.match(&o, d) })
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(o cohort.Criterion) bool { return n.match(&o, d) })
	case c.Not != nil:
		return !n.match(c.Not, d)
	case c.Event != nil:
		return n.event(c.Event, d)
	case c.Sequence != nil:
		return n.sequence(c.Sequence, d)
	case c.Age != nil:
		at := n.now
		if p.Dead && !p.Died.IsZero() {
			at = p.Died
		}
		return n.aged(c.Age, p, at)
	case c.Sex != "":
		return p.Sex.String() == c.Sex
	case c.Life != "":
		return p.Dead == (c.Life == "dead")
	case c.Note != nil:
		for _, note := range d.Notes {
			said, denied := index.Negated(c.Note.Phrase, note.Text)
			if c.Note.Denied && denied > 0 || !c.Note.Denied && said > 0 {
				return true
			}
		}
		return false
	}
	return slices.Contains(n.saved[c.Cohort], p.ID)
}

func (n naive) aged(r *cohort.Range, p record.Person, at time.Time) bool {
	if p.Born.Zero() {
		return false
	}
	b, at := p.Born.Time(), at.UTC()
	years := 0
	for !b.AddDate(years+1, 0, 0).After(at) {
		years++
	}
	return !b.After(at) && within(*r, float64(years))
}

func within(r cohort.Range, v float64) bool {
	const same = 1e-6
	near := func(a, b float64) bool { return a-b < same*max(a, -a, b, -b) && b-a < same*max(a, -a, b, -b) || a == b }
	return (r.Above == nil || v > *r.Above && !near(v, *r.Above)) && (r.AtLeast == nil || v > *r.AtLeast || near(v, *r.AtLeast)) &&
		(r.Below == nil || v < *r.Below && !near(v, *r.Below)) && (r.AtMost == nil || v < *r.AtMost || near(v, *r.AtMost))
}

// fact is an event or encounter as a day with codes.
type fact struct {
	kind  string
	codes []record.Code
	names string
	day   time.Time // zero = undated
	e     *record.Event
	loinc string
}

func facts(d *index.Document) []fact {
	var all []fact
	for _, e := range slices.Concat(d.Timeline.Events, d.Timeline.Undated) {
		if e.Cancelled {
			continue
		}
		f := fact{kind: e.Kind.String(), codes: append([]record.Code{e.Concept}, e.Codes...), names: e.Concept.Display, day: e.Start, e: &e}
		if f.day.IsZero() {
			f.day = e.Known
		}
		if e.Concept.System == record.LOINC {
			f.loinc = e.Concept.Value
		}
		all = append(all, f)
	}
	for _, v := range d.Timeline.Encounters {
		all = append(all, fact{kind: "encounter", codes: []record.Code{{System: index.VisitSystem, Value: v.Class}, v.Type}, day: v.Start, e: &record.Event{}})
	}
	for i := range all {
		if !all[i].day.IsZero() {
			all[i].day = all[i].day.UTC().Truncate(24 * time.Hour)
		}
	}
	return all
}

func (n naive) is(ev *cohort.Event, f fact, p record.Person, timed bool) bool {
	if ev.Kind != "" && ev.Kind != f.kind || ev.Kind == "" && f.kind == "encounter" {
		return false
	}
	if !n.means(ev, f) {
		return false
	}
	if v := ev.Value; v != nil {
		if !f.e.HasValue {
			return false
		}
		from, to, value := f.e.Unit, v.Unit, f.e.Value
		usual := n.t.UsualUnit(f.loinc)
		if from == "" {
			from = usual
		}
		if to == "" {
			to = usual
		}
		if to != "" && from != to {
			var ok bool
			if value, ok = n.t.Convert(value, from, to, f.loinc); !ok || from == "" {
				return false
			}
		}
		if !within(v.Range, value) {
			return false
		}
	}
	if f.day.IsZero() {
		return !timed && ev.Last+ev.Since+ev.Until+ev.Within == "" && ev.Age == nil
	}
	today := n.now.UTC().Truncate(24 * time.Hour)
	if ev.Last != "" && (f.day.After(today) || f.day.Before(today.Add(-span(ev.Last)))) {
		return false
	}
	if ev.Since != "" && f.day.Before(date(ev.Since)) || ev.Until != "" && f.day.After(date(ev.Until)) {
		return false
	}
	return ev.Age == nil || n.aged(ev.Age, p, f.day)
}

func (n naive) means(ev *cohort.Event, f fact) bool {
	some := func(is func(record.Code) bool) bool { return slices.ContainsFunc(f.codes, is) }
	named := func(text string) func(record.Code) bool {
		system, value, ok := strings.Cut(text, "|")
		if !ok {
			system, value = "", text
		}
		system = map[string]string{"loinc": record.LOINC, "icd10": record.ICD10CM, "snomed": record.SNOMED, "": ""}[system]
		return func(c record.Code) bool {
			flat := func(s string) string { return strings.ReplaceAll(s, ".", "") }
			return (system == "" || c.System == system) && (c.Value == value || strings.HasPrefix(c.System, "http://hl7.org/fhir/sid/icd") && flat(c.Value) == flat(value))
		}
	}
	switch {
	case ev.Code != "":
		return some(named(ev.Code))
	case ev.Under != "":
		is := named(ev.Under)
		return some(func(c record.Code) bool {
			flat := strings.ReplaceAll(c.Value, ".", "")
			return is(c) || c.System == record.ICD10CM && strings.HasPrefix(flat, strings.ReplaceAll(ev.Under, ".", "")) || slices.ContainsFunc(n.t.Ancestors(c), is)
		})
	case ev.Set != "":
		return some(func(c record.Code) bool { return n.t.In(ev.Set, c) })
	case ev.Class != "":
		return (f.kind == "medication" || f.kind == "allergy") && n.t.DrugOfConcept(f.codes[0]).Is(ev.Class)
	case ev.Text != "":
		have := strings.Fields(strings.ToLower(f.names))
		return !slices.ContainsFunc(strings.Fields(ev.Text), func(w string) bool { return !slices.Contains(have, w) })
	}
	return true
}

func span(s string) time.Duration {
	n := 0
	for _, c := range s[:len(s)-1] {
		n = 10*n + int(c-'0')
	}
	per := map[byte]float64{'d': 1, 'w': 7, 'm': 30.4375, 'y': 365.25}[s[len(s)-1]]
	return time.Duration(int(float64(n)*per)) * 24 * time.Hour
}

func date(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

func (n naive) event(ev *cohort.Event, d *index.Document) bool {
	var when []time.Time
	for _, f := range facts(d) {
		if n.is(ev, f, d.Timeline.Person, false) {
			when = append(when, f.day)
		}
	}
	count := max(ev.Count, 1)
	if ev.Within == "" {
		return len(when) >= count
	}
	sort.Slice(when, func(i, j int) bool { return when[i].Before(when[j]) })
	for i := range when {
		in := 0
		for _, t := range when[i:] {
			if t.Sub(when[i]) <= span(ev.Within) {
				in++
			}
		}
		if in >= count {
			return true
		}
	}
	return false
}

// sequence tries every way.
func (n naive) sequence(steps []cohort.Step, d *index.Document) bool {
	all := facts(d)
	p := d.Timeline.Person
	var after func(step, from int) bool
	after = func(step, from int) bool {
		if step == len(steps) {
			return true
		}
		for j := range all {
			if !n.is(&steps[step].Event, all[j], p, true) {
				continue
			}
			if step > 0 {
				if j == from || all[j].day.Before(all[from].day) || steps[step].Within != "" && all[j].day.Sub(all[from].day) > span(steps[step].Within) {
					continue
				}
				barred := false
				for k := range all {
					if steps[step].Without != nil && k != j && k != from && n.is(steps[step].Without, all[k], p, true) && !all[k].day.Before(all[from].day) && !all[k].day.After(all[j].day) {
						barred = true
					}
				}
				if barred {
					continue
				}
			}
			if after(step+1, j) {
				return true
			}
		}
		return false
	}
	return after(0, -1)
}
