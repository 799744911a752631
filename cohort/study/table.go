package study

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ember/cohort"
	"ember/index"
	"ember/record"
)

// TableQuestion asks for table one: what groups are like on their index days, or now.
type TableQuestion struct {
	Design
	Rows  []cohort.Criterion // who meets each; events by the index day
	Tests []cohort.Criterion // the latest value by the index day
	Top   int                // how many concepts of a kind are named of themselves; 0 = none
}

// Table is the answer.
type Table struct {
	Groups []Told
	Rows   []TableRow
}

// TableRow is a share of each group, or a distribution in each.
type TableRow struct {
	Section string // "age", "sex", "asked", "value", or the kind of a concept
	Label   string
	Code    record.Code // of a concept
	Unit    string      // of a distribution
	Cells   []TableCell // by group
	Meant   []cohort.Meaning
}

// TableCell is one group's part of a row.
type TableCell struct {
	// Count are those who are or have what the row says, or who have a value.
	Count cohort.Count
	// Missing are those without a value, of a distribution; nil of other rows.
	Missing *cohort.Count
	// Share is of the group, of numbers as they are told; nil where one is not, and where
	// all but 10 or fewer are counted.
	Share  *float64
	Spread *Spread // of a distribution
	// Difference is the standardised difference to the first group, by numbers as they are
	// told.
	Difference *float64
}

// Table answers a principal.
func (s *Service) Table(ctx context.Context, principal string, q TableQuestion) (Table, error) {
	if len(q.Rows)+len(q.Tests) > maxTests || q.Top < 0 || q.Top > 100 {
		return Table{}, cohort.Bad("rows", "", "up to 50 rows and tests, and up to 100 concepts of a kind, are expected here")
	}
	arms, err := s.arms(ctx, principal, q.Design, false, inAll)
	if err != nil {
		return Table{}, err
	}
	if err := s.settle(principal, q.Now, arms...); err != nil {
		return Table{}, err
	}
	t := &tabulation{s: s, arms: arms, q: q, principal: principal}
	for _, a := range arms {
		t.out.Groups = append(t.out.Groups, a.told)
	}
	for _, step := range []func(context.Context) error{t.profiles, t.asked, t.tests} {
		if err := step(ctx); err != nil {
			return Table{}, err
		}
	}
	t.differences()
	return t.out, nil
}

// tabulation is a table in the making.
type tabulation struct {
	s         *Service
	arms      []*arm
	q         TableQuestion
	principal string
	out       Table
}

// profiles adds ages, sexes and what most have.
func (t *tabulation) profiles(ctx context.Context) error {
	all := make([]profile, len(t.arms))
	for i, a := range t.arms {
		var err error
		if all[i], err = t.s.profile(ctx, t.principal, a, t.q.Design); err != nil {
			return err
		}
	}
	age := TableRow{Section: "age", Label: "age", Unit: "a"}
	for i, a := range t.arms {
		parts := a.group.Cells.Parts("age known", []int{all[i].Ages.N, all[i].N - all[i].Ages.N})
		age.Cells = append(age.Cells, TableCell{Count: parts[0], Missing: &parts[1], Spread: all[i].Ages.told()})
	}
	t.out.Rows = append(t.out.Rows, age)
	told := make([][]cohort.Count, len(t.arms))
	for i, a := range t.arms {
		told[i] = a.group.Cells.Parts("sexes", all[i].Sexes)
	}
	for j, sex := range sexes {
		row := TableRow{Section: "sex", Label: sex.String()}
		for i := range t.arms {
			row.Cells = append(row.Cells, t.cell(i, told[i][j]))
		}
		t.out.Rows = append(t.out.Rows, row)
	}
	t.concepts(all)
	return nil
}

// cell is a count with its share of a group.
func (t *tabulation) cell(i int, c cohort.Count) TableCell {
	in := t.out.Groups[i].In
	out := TableCell{Count: c}
	if !c.Suppressed && !in.Suppressed && c.Number < in.Number {
		share := decimals(float64(c.Number)/float64(in.Number), 3)
		out.Share = &share
	}
	return out
}

// concepts adds the concepts that most have, by kind.
func (t *tabulation) concepts(all []profile) {
	numbers := map[index.ConceptKey][]int{}
	for i, p := range all {
		for _, c := range p.Concepts {
			k := index.ConceptKey{Kind: c.Kind, System: c.System, Value: c.Value}
			if numbers[k] == nil {
				numbers[k] = make([]int, len(all))
			}
			numbers[k][i] = c.N
		}
	}
	names := map[index.ConceptKey]*record.Code{}
	var rows []*TableRow
	for _, kind := range []record.Kind{record.Condition, record.Medication, record.Procedure, record.Test} {
		var keys []index.ConceptKey
		for k := range numbers {
			if k.Kind == kind {
				keys = append(keys, k)
			}
		}
		slices.SortFunc(keys, func(a, b index.ConceptKey) int {
			return cmp.Or(cmp.Compare(slices.Max(numbers[b]), slices.Max(numbers[a])), cmp.Compare(a.System, b.System), cmp.Compare(a.Value, b.Value))
		})
		for _, k := range keys[:min(len(keys), t.q.Top)] {
			row := &TableRow{Section: kind.String(), Code: record.Code{System: k.System, Value: k.Value}}
			for i, a := range t.arms {
				label := cohort.ConceptLabel(kind, row.Code)
				if a.index != nil {
					label += "\x00by index"
				}
				row.Cells = append(row.Cells, t.cell(i, a.counted(label, numbers[k][i])))
			}
			rows, names[k] = append(rows, row), &row.Code
		}
	}
	t.s.named(t.arms[0].group.View, names)
	for _, row := range rows {
		row.Label = row.Code.Display
		t.out.Rows = append(t.out.Rows, *row)
	}
}

// asked adds the rows that were asked for.
func (t *tabulation) asked(ctx context.Context) error {
	for j := range t.q.Rows {
		row := TableRow{Section: "asked", Label: cohort.Print(t.q.Rows[j])}
		for i, a := range t.arms {
			ords, meant, err := t.s.having(ctx, t.principal, a, t.q.Rows[j], t.q.Design)
			if err != nil {
				return at(place("rows", j), err)
			}
			n, err := t.s.number(t.principal, ords, t.q.Design)
			if err != nil {
				return err
			}
			row.Meant = meant
			row.Cells = append(row.Cells, t.cell(i, a.counted("row\x00"+row.Label, n)))
		}
		t.out.Rows = append(t.out.Rows, row)
	}
	return nil
}

// number is how many patients there are, as the guard keeps it.
func (s *Service) number(principal string, ords []uint32, d Design) (n int, err error) {
	sample := &cohort.Sheet{}
	for _, ord := range ords {
		sample.Add(ord)
	}
	err = s.cohorts.Once(principal, d.Now, "number", sample, &n, func(cohort.Cells) (any, error) { return len(ords), nil })
	return n, err
}

// having are the patients of a group who meet a criterion: what has a day within their
// window, other things now.
func (s *Service) having(ctx context.Context, principal string, a *arm, c cohort.Criterion, d Design) ([]uint32, []cohort.Meaning, error) {
	q := d.question(c)
	if a.index != nil && c.Moving() {
		has := cohort.NewDayTable(a.group.View)
		meant, _, err := s.engine.Moments(ctx, a.group.View, q, a.set, func(ord uint32, days []int32) {
			first, last := a.window(ord)
			if i, _ := slices.BinarySearch(days, first); i < len(days) && days[i] <= last {
				has[ord] = days[i]
			}
		})
		if err != nil {
			return nil, nil, err
		}
		var ords []uint32
		for _, ord := range a.ords {
			if has[ord] != math.MinInt32 {
				ords = append(ords, ord)
			}
		}
		return ords, meant, nil
	}
	m, err := s.cohorts.MatchFor(ctx, principal, q)
	if err != nil {
		return nil, nil, err
	}
	return m.Set.And(a.set).Slice(), m.Meant, nil
}

// tests adds the tests that were asked for.
func (t *tabulation) tests(ctx context.Context) error {
	for j := range t.q.Tests {
		row := TableRow{Section: "value", Label: cohort.Print(t.q.Tests[j])}
		for _, a := range t.arms {
			m, v, err := t.s.measure(ctx, t.principal, a, t.q.Tests[j], t.q.Design)
			if err != nil {
				return at(place("tests", j), err)
			}
			d := m.told(a, row.Label)
			row.Unit, row.Meant = v.Unit, v.Meant
			parts := a.group.Cells.Parts("value\x00"+row.Label, []int{m.Spread.N, max(0, a.n-m.Spread.N)})
			row.Cells = append(row.Cells, TableCell{Count: parts[0], Missing: &parts[1], Spread: d.Spread})
		}
		t.out.Rows = append(t.out.Rows, row)
	}
	return nil
}

// differences compares each group with the first.
func (t *tabulation) differences() {
	for i := range t.out.Rows {
		cells := t.out.Rows[i].Cells
		for j := range cells[1:] {
			a, b := &cells[0], &cells[j+1]
			v := math.NaN()
			switch {
			case a.Spread != nil && b.Spread != nil:
				v = Standardised(b.Spread.Mean, b.Spread.Deviation, a.Spread.Mean, a.Spread.Deviation)
			case a.Share != nil && b.Share != nil:
				v = Standardised(*b.Share, spread(*b.Share), *a.Share, spread(*a.Share))
			}
			if !math.IsNaN(v) {
				v = decimals(v, 2)
				b.Difference = &v
			}
		}
	}
}
