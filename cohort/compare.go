package cohort

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"ember/index"
	"ember/record"
)

// Comparison is two cohorts side by side: table one, with standardised differences.
type Comparison struct {
	A, B Answer
	// Age is in completed years; nil where a cohort may not be shown.
	Age *AgeRow
	// Rows are parts, those first that differ most.
	Rows []Row
}

// AgeRow is the age of two cohorts, rounded to a tenth of a year.
type AgeRow struct {
	MeanA, DeviationA, MeanB, DeviationB float64
	Difference                           float64 // of the means, in standard deviations
}

// Row is a part of two cohorts.
type Row struct {
	Kind       string // "sex", or of the concept
	Label      string
	Code       record.Code
	A, B       Count
	Difference float64 // of the shares, in standard deviations; of the numbers shown
}

// maxRows is how many parts a comparison has.
const maxRows = 50

// SideError is an error about one of two cohorts.
type SideError struct {
	Side string // "a" or "b"
	Err  error
}

// Error is the side and the error.
func (e *SideError) Error() string { return "cohort " + e.Side + ": " + e.Err.Error() }

// Unwrap is the error.
func (e *SideError) Unwrap() error { return e.Err }

// Compare tells a principal how two cohorts differ.
func (s *Service) Compare(ctx context.Context, principal string, a, b Question) (Comparison, error) {
	var c Comparison
	var sides [2]side
	for i, q := range [...]Question{a, b} {
		answer, m, r, err := s.answer(ctx, principal, q)
		if err != nil {
			return c, &SideError{[...]string{"a", "b"}[i], err}
		}
		*[...]*Answer{&c.A, &c.B}[i] = answer
		sides[i] = side{m.View, r.set.And(m.View.Everybody().AndNot(m.View.OptedOut())), answer.Count, r.cells}
	}
	if c.A.Count.Suppressed || c.B.Count.Suppressed {
		return c, nil
	}
	c.Age = ages(sides[0], sides[1], a.Now)
	rows, err := s.engine.rows(ctx, sides[0], sides[1])
	c.Rows = rows
	return c, err
}

// side is one of two cohorts.
type side struct {
	view  index.View
	set   index.Set
	count Count
	cells Cells
}

func ages(a, b side, now time.Time) *AgeRow {
	tenth := func(v float64) float64 { return math.Round(10*v) / 10 }
	ma, sa := a.age(now)
	mb, sb := b.age(now)
	return &AgeRow{tenth(ma), tenth(sa), tenth(mb), tenth(sb), standardised(tenth(ma), tenth(mb), tenth(sa)*tenth(sa), tenth(sb)*tenth(sb))}
}

// age is the mean and the standard deviation of the ages that are known.
func (s side) age(now time.Time) (mean, deviation float64) {
	n, squares := 0.0, 0.0
	for ord := range s.set.All() {
		age, ok := ageNow(s.view.Patient(ord), now)
		if !ok {
			continue
		}
		n++
		d := float64(age) - mean
		mean += d / n
		squares += d * (float64(age) - mean)
	}
	if n > 1 {
		deviation = math.Sqrt(squares / (n - 1))
	}
	return mean, deviation
}

// standardised is a difference in pooled standard deviations (Austin, Stat Med
// 2009;28:3083); 0 where there is no variance.
func standardised(a, b, varianceA, varianceB float64) float64 {
	pooled := math.Sqrt((varianceA + varianceB) / 2)
	if pooled == 0 {
		return 0
	}
	return (a - b) / pooled
}

// share is the standardised difference of two shares, by numbers as they are shown.
func share(a, ofA, b, ofB Count) float64 {
	p, q := float64(a.Number)/float64(ofA.Number), float64(b.Number)/float64(ofB.Number)
	p, q = min(p, 1), min(q, 1)
	return standardised(p, q, p*(1-p), q*(1-q))
}

func (e *Engine) rows(ctx context.Context, a, b side) ([]Row, error) {
	var rows []Row
	sexesOf := func(s side) []Count {
		var sizes []int
		for _, sex := range sexNames {
			sizes = append(sizes, s.view.Sex(sex).AndLen(s.set))
		}
		return s.cells.Parts("sexes", sizes)
	}
	sa, sb := sexesOf(a), sexesOf(b)
	for i, sex := range sexNames {
		if !sa[i].Suppressed && !sb[i].Suppressed {
			rows = append(rows, Row{Kind: "sex", Label: sex.String(), A: sa[i], B: sb[i], Difference: share(sa[i], a.count, sb[i], b.count)})
		}
	}
	sizeA, sizeB := a.set.Len(), b.set.Len()
	seen := map[index.ConceptKey]bool{}
	for _, form := range a.view.Forms() {
		key := index.ConceptKey{Kind: form.Kind, System: form.Concept.System, Value: form.Concept.Value}
		if form.Kind == visitKind || seen[key] {
			continue
		}
		seen[key] = true
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		label := ConceptLabel(form.Kind, form.Concept)
		row := Row{Kind: form.Kind.String(), Code: form.Concept,
			A: a.cells.Of(label, a.view.Patients(form.Kind, form.Concept).AndLen(a.set), sizeA), B: b.cells.Of(label, b.view.Patients(form.Kind, form.Concept).AndLen(b.set), sizeB)}
		if row.A.Suppressed || row.B.Suppressed {
			continue
		}
		row.Code.Display = cmp.Or(e.opt.Terms.Display(form.Concept), form.Concept.Value)
		row.Label, row.Difference = row.Code.Display, share(row.A, a.count, row.B, b.count)
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(x, y Row) int {
		return cmp.Or(cmp.Compare(abs(y.Difference), abs(x.Difference)), cmp.Compare(x.Code.Value, y.Code.Value))
	})
	return rows[:min(len(rows), maxRows)], nil
}
