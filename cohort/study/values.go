package study

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"ember/cohort"
	"ember/index"
)

// ValuesQuestion asks for the values of tests among cohorts: of each patient the latest on
// or before the index day, or the latest at all.
type ValuesQuestion struct {
	Design
	Tests []cohort.Criterion
}

// Values is the answer.
type Values struct {
	Groups []Told
	Tests  []TestReport
}

// TestReport is one test: how its values are spread, who has none, and what units they were
// in.
type TestReport struct {
	Text   string // the criterion
	Unit   string // of all numbers; "" = as they stand
	Meant  []cohort.Meaning
	Groups []Distribution
}

// Distribution is the values of one group.
type Distribution struct {
	// With have a value that can be used, Unusable only ones that cannot be, Without none.
	With, Unusable, Without cohort.Count
	Spread                  *Spread // nil where too few have a value
	Histogram               []Bin
	Units                   []UnitReport
}

// Spread is a distribution as it may be told: means and deviations of 11 values or more,
// quantiles with 11 values on either side, to three significant digits.
type Spread struct {
	Mean, Deviation float64
	Quantiles       []Quantile
}

// Quantile is a value below which a share of the values are.
type Quantile struct{ Share, Value float64 }

// Bin is a range of values from Low on, up to but without High; nil = open.
type Bin struct {
	Low, High *float64
	Count     cohort.Count
}

// UnitReport is what became of the values that were in a unit.
type UnitReport struct {
	Unit  string // "" = none was given
	State cohort.UnitState
	Count cohort.Count // patients with a value in it
}

// measured is the values of a test in a group, as the guard keeps it.
type measured struct {
	Unit     string
	Unusable int
	Spread   spreadOf
	Edges    []float64 // between bins
	Bins     []int
	Units    []unitOf
}

type unitOf struct {
	Unit  string
	State cohort.UnitState
	N     int
}

// maxTests bounds the tests and rows of one question.
const maxTests = 50

// Values answers a principal.
func (s *Service) Values(ctx context.Context, principal string, q ValuesQuestion) (Values, error) {
	if len(q.Tests) == 0 || len(q.Tests) > maxTests {
		return Values{}, cohort.Bad("tests", "as lab:HbA1c", "1 to 50 tests are expected here")
	}
	arms, err := s.arms(ctx, principal, q.Design, false, inAll)
	if err != nil {
		return Values{}, err
	}
	if err := s.settle(principal, q.Now, arms...); err != nil {
		return Values{}, err
	}
	var out Values
	for i := range q.Tests {
		r := TestReport{Text: cohort.Print(q.Tests[i])}
		for _, a := range arms {
			m, v, err := s.measure(ctx, principal, a, q.Tests[i], q.Design)
			if err != nil {
				return Values{}, at(place("tests", i), err)
			}
			r.Unit, r.Meant = v.Unit, v.Meant
			r.Groups = append(r.Groups, m.told(a, r.Text))
		}
		out.Tests = append(out.Tests, r)
	}
	for _, a := range arms {
		out.Groups = append(out.Groups, a.told)
	}
	return out, nil
}

// latest is a value of a patient.
type latest struct {
	day    int32
	value  float64
	raw    float32
	usable bool
	any    bool
}

// latestOf finds the latest value of each patient of a group, by ordinal, in its window.
func (a *arm) latestOf(m *cohort.Measures) ([]latest, map[unitOf][]uint32, error) {
	out := make([]latest, a.group.View.Ordinals())
	units := map[unitOf][]uint32{}
	err := m.All(func(r cohort.Measure) {
		first, last := a.window(r.Ord)
		if r.Raw != r.Raw || r.Day < first || r.Day > last {
			return
		}
		unit, state := m.UnitOf(r.Form)
		key := unitOf{Unit: unit, State: state}
		if of := units[key]; len(of) == 0 || of[len(of)-1] != r.Ord {
			units[key] = append(of, r.Ord)
		}
		l := &out[r.Ord]
		if l.any = true; r.Usable && (!l.usable || r.Day >= l.day) {
			*l = latest{r.Day, r.Value, r.Raw, true, true}
		}
	})
	return out, units, err
}

func (s *Service) measure(ctx context.Context, principal string, a *arm, test cohort.Criterion, d Design) (measured, *cohort.Measures, error) {
	var out measured
	m, err := s.engine.Measures(ctx, a.group.View, cohort.Question{Criterion: test, Now: d.Now}, a.set)
	if err != nil {
		return out, nil, err
	}
	values, units, err := a.latestOf(m)
	if err != nil {
		return out, nil, err
	}
	sample := &cohort.Sheet{}
	for _, ord := range a.ords {
		if l := &values[ord]; l.any {
			sample.Add(ord, uint64(math.Float32bits(l.raw)))
		}
	}
	err = s.cohorts.Once(principal, d.Now, "measure", sample, &out, func(cohort.Cells) (any, error) {
		whole := measured{Unit: m.Unit}
		var usable []float64
		for _, ord := range a.ords {
			switch l := &values[ord]; {
			case l.usable:
				usable = append(usable, l.value)
			case l.any:
				whole.Unusable++
			}
		}
		whole.Spread = spreadFrom(usable)
		whole.Edges, whole.Bins = histogram(usable)
		for _, key := range slices.SortedFunc(maps.Keys(units), func(x, y unitOf) int { return strings.Compare(x.Unit, y.Unit) }) {
			key.N = index.NewSet(units[key]...).Len()
			whole.Units = append(whole.Units, key)
		}
		return whole, nil
	})
	return out, m, err
}

// bins is about how many bins a histogram has between its ends.
const bins = 12

// histogram counts sorted values in bins of a round width, of which the first and last
// are open.
func histogram(sorted []float64) (edges []float64, counts []int) {
	low, high := quantile(sorted, .02), quantile(sorted, .98)
	if len(sorted) < 2*least || low == high {
		return nil, nil
	}
	width := math.Pow(10, math.Floor(math.Log10((high-low)/bins)))
	for _, times := range []float64{1, 2, 5, 10} {
		if (high-low)/(width*times) <= bins {
			width *= times
			break
		}
	}
	for k := math.Ceil(low / width); k*width <= high; k++ {
		edges = append(edges, decimals(k*width, 9))
	}
	counts = make([]int, len(edges)+1)
	for _, v := range sorted {
		i, found := slices.BinarySearch(edges, v)
		if found {
			i++
		}
		counts[i]++
	}
	return edges, counts
}

// told is a distribution as it may be told.
func (m *measured) told(a *arm, label string) (d Distribution) {
	n := a.n
	parts := a.group.Cells.Parts("with\x00"+label, []int{m.Spread.N, m.Unusable, max(0, n-m.Spread.N-m.Unusable)})
	d.With, d.Unusable, d.Without = parts[0], parts[1], parts[2]
	d.Spread = m.Spread.told()
	if m.Spread.N+m.Unusable < least {
		return d
	}
	for _, u := range m.Units {
		d.Units = append(d.Units, UnitReport{u.Unit, u.State, a.group.Cells.Of("unit\x00"+label+"\x00"+u.Unit, u.N, n)})
	}
	if d.Spread == nil {
		return d
	}
	for i, c := range a.group.Cells.Parts("bins\x00"+label, m.Bins) {
		b := Bin{Count: c}
		if i > 0 {
			b.Low = &m.Edges[i-1]
		}
		if i < len(m.Edges) {
			b.High = &m.Edges[i]
		}
		d.Histogram = append(d.Histogram, b)
	}
	return d
}

func (s *spreadOf) told() *Spread {
	if s.N < least {
		return nil
	}
	out := &Spread{Mean: significant(s.Mean, 3), Deviation: significant(s.Deviation, 3)}
	for i, p := range quantilesAt {
		if min(p, 1-p)*float64(s.N) >= least {
			out.Quantiles = append(out.Quantiles, Quantile{p, significant(s.Quantiles[i], 3)})
		}
	}
	return out
}
