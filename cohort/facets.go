package cohort

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"ember/index"
	"ember/record"
)

// Cell is a part of a cohort.
type Cell struct {
	Label string
	Code  record.Code // zero for age and sex
	Count Count
	// Odds compares the cohort with everybody else, by the numbers that are shown;
	// nil for age and sex, and where a number of the others may not be shown.
	Odds *Odds
}

// Facets are the parts of a cohort: by age and sex, and what most of its patients
// have. Parts that may not be shown are left out of the lists of concepts.
type Facets struct {
	Ages, Sexes                          []Cell
	Conditions, Drugs, Tests, Procedures []Cell
}

// topCells is how many concepts of a kind are named.
const topCells = 20

// bands are the ages, in completed years, that facets begin at.
var bands = []int{0, 10, 20, 30, 40, 50, 60, 70, 80, 90}

func (e *Engine) facets(ctx context.Context, m Matched, cells Cells, now time.Time) (*Facets, error) {
	f := &Facets{}
	ages := make([]int, len(bands)+1)
	for ord := range m.Set.All() {
		if age, ok := ageNow(m.View.Patient(ord), now); ok {
			ages[min(age/10, len(bands)-1)]++
		} else {
			ages[len(bands)]++
		}
	}
	for i, c := range cells.Parts("ages", ages) {
		label := "unknown"
		switch {
		case i == len(bands)-1:
			label = strconv.Itoa(bands[i]) + "+"
		case i < len(bands):
			label = strconv.Itoa(bands[i]) + "–" + strconv.Itoa(bands[i+1]-1)
		}
		f.Ages = append(f.Ages, Cell{Label: label, Count: c})
	}
	var sizes []int
	for _, s := range sexNames {
		sizes = append(sizes, m.View.Sex(s).AndLen(m.Set))
	}
	for i, c := range cells.Parts("sexes", sizes) {
		f.Sexes = append(f.Sexes, Cell{Label: sexNames[i].String(), Count: c})
	}
	return f, e.concepts(ctx, m, cells, f)
}

var sexNames = []record.Sex{record.Female, record.Male, record.Other, 0}

// concepts fills in what most patients of the cohort have.
func (e *Engine) concepts(ctx context.Context, m Matched, cells Cells, f *Facets) error {
	lists := map[record.Kind]*[]Cell{record.Condition: &f.Conditions, record.Medication: &f.Drugs, record.Test: &f.Tests, record.Procedure: &f.Procedures}
	size := m.Set.Len()
	others := m.View.Everybody().AndNot(m.View.OptedOut()).AndNot(m.Set)
	seen := map[index.ConceptKey]bool{}
	for _, form := range m.View.Forms() {
		key := index.ConceptKey{Kind: form.Kind, System: form.Concept.System, Value: form.Concept.Value}
		list := lists[form.Kind]
		if list == nil || seen[key] {
			continue
		}
		seen[key] = true
		if err := ctx.Err(); err != nil {
			return err
		}
		n := m.View.Patients(form.Kind, form.Concept).AndLen(m.Set)
		if n < minCell {
			continue
		}
		code := form.Concept
		code.Display = cmp.Or(e.opt.Terms.Display(code), code.Value)
		cell := Cell{Label: code.Display, Code: code, Count: cells.Of(ConceptLabel(form.Kind, code), n, size)}
		if cell.Count.Suppressed {
			continue
		}
		rest := others.Len()
		cell.Odds = oddsOf(cell.Count, cells.Of("", size, size), cells.Of("others\x00"+ConceptLabel(form.Kind, code), m.View.Patients(form.Kind, form.Concept).AndLen(others), rest), cells.Of("others", rest, rest))
		*list = append(*list, cell)
	}
	adjust(lists)
	for _, list := range lists {
		slices.SortFunc(*list, func(a, b Cell) int {
			return cmp.Or(cmp.Compare(b.Count.Number, a.Count.Number), cmp.Compare(a.Code.Value, b.Code.Value))
		})
		*list = (*list)[:min(len(*list), topCells)]
	}
	return nil
}

// ConceptLabel is the name of the number of patients with a concept, within any answer: the
// same number of the same cohort has the same noise wherever it is told.
func ConceptLabel(kind record.Kind, code record.Code) string {
	return kind.String() + "\x00" + code.System + "\x00" + code.Value
}

// oddsOf compares numbers as they are shown, so that it tells nothing that they do
// not.
func oddsOf(with, of, others, ofOthers Count) *Odds {
	if with.Suppressed || of.Suppressed || others.Suppressed || ofOthers.Suppressed {
		return nil
	}
	o := OddsRatio(float64(with.Number), float64(max(of.Number-with.Number, 0)), float64(others.Number), float64(max(ofOthers.Number-others.Number, 0)))
	return &o
}

// adjust makes the probabilities of all comparisons rates of false discovery.
func adjust(lists map[record.Kind]*[]Cell) {
	var all []*Odds
	var p []float64
	for _, list := range lists {
		for i := range *list {
			if o := (*list)[i].Odds; o != nil {
				all, p = append(all, o), append(p, o.P)
			}
		}
	}
	for i, rate := range Adjust(p) {
		all[i].P = rate
	}
}
