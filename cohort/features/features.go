// Package features makes of a patient's past a row of numbers with names, for models of
// tables.
//
// A row has age and sex, how much happened lately, and for each concept either how
// lately it was recorded or the values measured. What a row says depends on the past
// alone. Its invariant: it accepts nothing but a [record.Past]; names hold codes and no
// value of a patient.
package features

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"ember/record"
)

// Row is the numbers of one past by name; a name that is not there is 0 for what has
// happened and missing for what was measured (see [Measured]).
type Row map[string]float64

// SexColumn holds a word, all others numbers.
const SexColumn = "sex"

// chapters begins the codes of names that stand for all codes under a letter of ICD-10.
const chapters = "icd10-chapter|"

// halfLife is after how long something recorded counts for half.
const halfLife = 180 * 24 * time.Hour

// spans are those in which events are counted.
var spans = []struct {
	name string
	span time.Duration
}{{"1d", 24 * time.Hour}, {"30d", 30 * 24 * time.Hour}, {"1y", 365 * 24 * time.Hour}, {"ever", math.MaxInt64}}

// The parts of a name that say what was made of the values measured.
const (
	lastValue  = " last"
	leastValue = " least"
	mostValue  = " most"
)

// Of is the row of a past.
func Of(p record.Past) Row {
	r := Row{}
	if age, ok := p.Age(); ok {
		r["age"] = float64(age)
	}
	for _, l := range spans {
		since := p.At().Add(-l.span)
		if l.span == math.MaxInt64 {
			since = time.Time{}
		}
		r.count(p, since, l.name)
	}
	for _, e := range p.Events() {
		r.event(&e, p.At())
		r.chapter(&e, p.At())
	}
	if v, ok := p.Visit(); ok {
		if !v.Type.Zero() {
			r["visit "+key(v.Type)] = 1
		}
		r["visit "+v.Class] = 1
		for _, why := range v.Reason {
			r["visit for "+key(why)] = 1
		}
		r["hours in visit"] = p.At().Sub(v.Start).Hours()
	}
	return r
}

func (r Row) count(p record.Past, since time.Time, name string) {
	n := map[record.Kind]float64{}
	events := p.Events()
	for i := len(events) - 1; i >= 0 && !events[i].Known.Before(since); i-- {
		n[events[i].Kind]++
	}
	for kind, k := range n {
		r[kind.String()+" events "+name] = k
	}
	for _, v := range p.Encounters() {
		if v.Start.Before(since) {
			continue
		}
		r["visits "+name]++
		if v.Stay() {
			r["stays "+name]++
		}
	}
}

// lately is 1 for what was recorded at the moment, and half for each half-life before.
func lately(e *record.Event, at time.Time) float64 {
	return math.Exp2(-max(0, float64(at.Sub(e.Known))) / float64(halfLife))
}

func (r Row) event(e *record.Event, at time.Time) {
	name := e.Kind.String() + " " + key(e.Concept)
	if !e.HasValue || math.IsNaN(e.Value) || math.IsInf(e.Value, 0) {
		r[name] = max(r[name], lately(e, at))
		return
	}
	if e.Unit != "" {
		name += " " + e.Unit
	}
	r[name+lastValue] = e.Value // events are in order of time
	for part, better := range map[string]func(a, b float64) float64{leastValue: math.Min, mostValue: math.Max} {
		if had, ok := r[name+part]; ok {
			r[name+part] = better(had, e.Value)
		} else {
			r[name+part] = e.Value
		}
	}
}

// chapter is how lately anything was recorded that stands under the same letter of ICD-10:
// of a few hundred patients most diagnoses have a few, and a letter has some.
func (r Row) chapter(e *record.Event, at time.Time) {
	if e.Concept.System == record.ICD10CM && e.Concept.Value != "" {
		name := e.Kind.String() + " " + chapters + e.Concept.Value[:1]
		r[name] = max(r[name], lately(e, at))
	}
}

// short names of code systems, so that columns can be read.
var short = map[string]string{
	record.SNOMED: "sct", record.LOINC: "loinc", record.RxNorm: "rxnorm", record.ICD10CM: "icd10", record.ICD9CM: "icd9",
	record.CVX: "cvx", record.Ingredient: "drug", record.Text: "text",
}

func key(c record.Code) string { return cmp.Or(short[c.System], c.System) + "|" + c.Value }

// Measured reports whether a column is of values measured, or another that is missing
// where it is not there.
func Measured(column string) bool {
	return column == "age" || column == "hours in visit" ||
		hasSuffix(column, lastValue) || hasSuffix(column, leastValue) || hasSuffix(column, mostValue)
}

func hasSuffix(s, suffix string) bool {
	return len(s) > len(suffix) && s[len(s)-len(suffix):] == suffix
}

// mostColumns bounds a table.
const mostColumns = 2000

// Columns are the names that at least a hundredth of the rows have, and ten of them, in
// order; of more than 2,000 those that most have. No label is looked at.
func Columns(rows []Row) []string {
	n := map[string]int{}
	for _, r := range rows {
		for name := range r {
			n[name]++
		}
	}
	least := max(10, len(rows)/100)
	var names []string
	for name, k := range n {
		if k >= least {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(n[b], n[a]), cmp.Compare(a, b)) })
	names = names[:min(len(names), mostColumns)]
	slices.Sort(names)
	return names
}

// Cell is a column of a row as a table has it: "" where it is missing.
func (r Row) Cell(column string) string {
	v, ok := r[column]
	switch {
	case !ok && Measured(column):
		return ""
	case v == math.Trunc(v) && math.Abs(v) < 1e15:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}
