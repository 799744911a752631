package study

import (
	"context"
	"fmt"
	"math"
	"slices"

	"ember/cohort"
	"ember/index"
)

// MatchQuestion asks for controls: the first group of the design are the cases, the
// second those who may be controls. Who is a case is none.
type MatchQuestion struct {
	Design
	Save       string             // the name of the cohort that the controls become
	Covariates []cohort.Criterion // what they should have equally often; events by the index day
	Tests      []cohort.Criterion // what they should be equally high in: the latest value by the index day
	Ratio      int                // controls for each case; 0 = 1
	Years      *int               // how far apart in age at most; nil = 2
	Caliper    float64            // how far apart in the logit of the propensity at most, in its deviations; 0 = .2
}

// Matched is the answer. Differences are standardised, with the deviations before matching
// (Stuart, Stat Sci 2010;25:1); below .1 is taken for balanced.
type Matched struct {
	Cases, Pool Told
	Saved       cohort.Saved
	Matched     cohort.Count // cases with a control
	Controls    cohort.Count
	Balance     []Balance
}

// Balance is one covariate. Shares, and their differences, are of numbers as they are
// told, nil where one is not, and where all but 10 or fewer are counted; means are to three
// significant digits.
type Balance struct {
	Name                           string
	Cases, Pool                    *float64 // before
	MatchedCases, MatchedControls  *float64
	DifferenceBefore, Difference   *float64 // to a hundredth
	MissingCases, MissingOfThePool cohort.Count
}

// matching is what the guard keeps.
type matching struct {
	// What keeps from matching is kept too: it would tell as much as an answer.
	TooFew    string // the group that is too small
	Separated bool   // the regression has no best fit
	Cases     int
	Controls  []uint32
	Balance   []balanceOf
}

// balanceOf is one covariate of cases and pool. Controls count by their weight, so that there
// are as many as cases.
type balanceOf struct {
	Share         bool // it is 0 or 1
	Before, After [2]float64
	Deviation     [2]float64
	N, Missing    [2]int
	Matched       int // cases with a control
}

// maxRatio bounds the controls of a case.
const maxRatio = 10

func (q *MatchQuestion) settle() error {
	if len(q.Groups) != 2 {
		return cohort.Bad("groups", "cases first, then those who may be controls", "two groups are expected here")
	}
	if q.Ratio == 0 {
		q.Ratio = 1
	}
	if q.Years == nil {
		two := 2
		q.Years = &two
	}
	if q.Caliper == 0 {
		q.Caliper = .2
	}
	switch {
	case q.Ratio < 1 || q.Ratio > maxRatio:
		return cohort.Bad("ratio", "", fmt.Sprintf("1 to %d is expected here", maxRatio))
	case *q.Years < 0 || *q.Years > 100:
		return cohort.Bad("years", "", "0 to 100 is expected here")
	case q.Caliper < 0 || q.Caliper > 10:
		return cohort.Bad("caliper", "", "a number above 0, up to 10, is expected here")
	case len(q.Covariates)+len(q.Tests) > maxTests:
		return cohort.Bad("covariates", "", "up to 50 covariates and tests are expected here")
	}
	return nil
}

// Match answers a principal and saves the controls.
func (s *Service) Match(ctx context.Context, principal string, q MatchQuestion) (Matched, error) {
	if err := q.settle(); err != nil {
		return Matched{}, err
	}
	if err := s.cohorts.CheckName(q.Save); err != nil {
		return Matched{}, err
	}
	arms, err := s.arms(ctx, principal, q.Design, false, inFirst)
	if err != nil {
		return Matched{}, err
	}
	if err := s.settle(principal, q.Now, arms...); err != nil {
		return Matched{}, err
	}
	c, err := s.covariates(ctx, principal, arms, &q)
	if err != nil {
		return Matched{}, err
	}
	var whole matching
	kind := fmt.Sprintf("match %d %d %g", q.Ratio, *q.Years, q.Caliper)
	if err := s.cohorts.Once(principal, q.Now, kind, c.sample(arms), &whole, func(cohort.Cells) (any, error) { return c.match(&q, arms) }); err != nil {
		return Matched{}, err
	}
	if whole.TooFew != "" {
		return Matched{}, at(whole.TooFew, cohort.Bad("", "widen its definition or its index event", "too few patients are left to be matched"))
	}
	if whole.Separated {
		return Matched{}, cohort.Bad("covariates", "take a covariate away that all cases have, or none, or that follows from others", "the covariates tell cases and controls apart without an error")
	}
	out := Matched{Cases: arms[0].told, Pool: arms[1].told}
	set := index.NewSet(whole.Controls...)
	origin := "controls matched to " + cohort.Print(q.Groups[0].Who)
	if len(cohort.Named(q.Groups[0].Who)) > 0 { // who may see the cohort need not see whom it names
		origin = "controls matched to a cohort that names a patient"
	}
	if out.Saved, err = s.cohorts.SaveSet(ctx, principal, q.Save, q.question(q.Groups[1].Who), arms[1].group.View, set, origin); err != nil {
		return Matched{}, err
	}
	out.Controls = out.Saved.Count
	out.Matched = arms[0].counted("matched", whole.Cases)
	if out.Controls.Suppressed || out.Matched.Suppressed {
		return out, nil
	}
	for i, b := range whole.Balance {
		out.Balance = append(out.Balance, b.told(c.names[i], arms))
	}
	return out, nil
}

func (b *balanceOf) told(name string, arms []*arm) Balance {
	out := Balance{Name: name}
	before, after := [2]*float64{}, [2]*float64{}
	for i, a := range arms {
		before[i] = b.value(a, "before\x00"+name, b.Before[i], b.N[i])
		after[i] = b.value(a, "after\x00"+name, b.After[i], b.Matched)
	}
	out.Cases, out.Pool, out.MatchedCases, out.MatchedControls = before[0], before[1], after[0], after[1]
	out.DifferenceBefore, out.Difference = b.difference(before), b.difference(after)
	out.MissingCases = arms[0].group.Cells.Of("missing\x00"+name, b.Missing[0], math.MaxInt32)
	out.MissingOfThePool = arms[1].group.Cells.Of("missing\x00"+name, b.Missing[1], math.MaxInt32)
	return out
}

// value is a mean, or a share of numbers as they are told, of n patients.
func (b *balanceOf) value(a *arm, label string, v float64, n int) *float64 {
	if v = significant(v, 3); b.Share {
		count, of := a.group.Cells.Of(label, int(math.Round(v*float64(n))), n), a.group.Cells.Of("of\x00"+label, n, n)
		if count.Suppressed || of.Suppressed || count.Number >= of.Number {
			return nil
		}
		v = decimals(float64(count.Number)/float64(of.Number), 3)
	}
	return &v
}

func (b *balanceOf) difference(v [2]*float64) *float64 {
	if v[0] == nil || v[1] == nil {
		return nil
	}
	deviation := b.Deviation
	if b.Share {
		deviation = [2]float64{spread(min(1, b.Before[0])), spread(min(1, b.Before[1]))}
	}
	d := decimals(Standardised(*v[0], deviation[0], *v[1], deviation[1]), 2)
	return &d
}

// covariates are the columns of a matching: the cases' rows first. NaN = missing.
type covariates struct {
	names   []string
	share   []bool
	columns [][]float64
	units   []Unit
	cases   int
}

func (s *Service) covariates(ctx context.Context, principal string, arms []*arm, q *MatchQuestion) (*covariates, error) {
	c := &covariates{names: []string{"age", "female"}, cases: len(arms[0].ords)}
	age, female := make([]float64, 0, c.cases), make([]float64, 0, c.cases)
	for _, a := range arms {
		for _, ord := range a.ords {
			who := a.group.View.Patient(ord)
			u := Unit{Ord: ord, Stratum: int(who.Sex), Age: -1}
			years := math.NaN()
			if n, ok := a.age(ord, who, q.Design); ok {
				u.Age, years = n, float64(n)
			}
			c.units = append(c.units, u)
			age, female = append(age, years), append(female, flag(who.Sex == sexes[0]))
		}
	}
	c.columns, c.share = [][]float64{age, female}, []bool{false, true}
	for i := range q.Covariates {
		column, err := s.shares(ctx, principal, arms, q.Covariates[i], q.Design)
		if err != nil {
			return nil, at(place("covariates", i), err)
		}
		c.names, c.share, c.columns = append(c.names, cohort.Print(q.Covariates[i])), append(c.share, true), append(c.columns, column)
	}
	for i := range q.Tests {
		column, err := s.levels(ctx, arms, q.Tests[i], q.Design)
		if err != nil {
			return nil, at(place("tests", i), err)
		}
		c.names, c.share, c.columns = append(c.names, cohort.Print(q.Tests[i])), append(c.share, false), append(c.columns, column)
	}
	return c, nil
}

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// shares is a column of 0 and 1.
func (s *Service) shares(ctx context.Context, principal string, arms []*arm, of cohort.Criterion, d Design) ([]float64, error) {
	var column []float64
	for _, a := range arms {
		ords, _, err := s.having(ctx, principal, a, of, d)
		if err != nil {
			return nil, err
		}
		has := index.NewSet(ords...)
		for _, ord := range a.ords {
			column = append(column, flag(has.Contains(ord)))
		}
	}
	return column, nil
}

// levels is a column of values.
func (s *Service) levels(ctx context.Context, arms []*arm, of cohort.Criterion, d Design) ([]float64, error) {
	var column []float64
	for _, a := range arms {
		m, err := s.engine.Measures(ctx, a.group.View, cohort.Question{Criterion: of, Now: d.Now}, a.set)
		if err != nil {
			return nil, err
		}
		values, _, err := a.latestOf(m)
		if err != nil {
			return nil, err
		}
		for _, ord := range a.ords {
			if l := &values[ord]; l.usable {
				column = append(column, l.value)
			} else {
				column = append(column, math.NaN())
			}
		}
	}
	return column, nil
}

func (c *covariates) sample(arms []*arm) *cohort.Sheet {
	sample := &cohort.Sheet{}
	ids := []uint64{arms[0].id(), arms[1].id() + 1}
	row := make([]uint64, 0, len(c.columns)+2)
	for i, u := range c.units {
		id := ids[0]
		if i >= c.cases {
			id = ids[1]
		}
		row = append(row[:0], id, uint64(u.Stratum))
		for _, column := range c.columns {
			row = append(row, math.Float64bits(column[i]))
		}
		sample.Add(u.Ord, row...)
	}
	return sample
}

// rows are what the propensity is learned from: a missing value is the mean, and says so
// in a column of its own.
func (c *covariates) rows() [][]float64 {
	var columns [][]float64
	for _, column := range c.columns {
		known := slices.DeleteFunc(slices.Clone(column), math.IsNaN)
		if len(known) == len(column) {
			columns = append(columns, column)
			continue
		}
		mean, _ := moments(known)
		filled, missing := make([]float64, len(column)), make([]float64, len(column))
		for i, v := range column {
			if filled[i] = v; math.IsNaN(v) {
				filled[i], missing[i] = mean, 1
				if math.IsNaN(mean) {
					filled[i] = 0
				}
			}
		}
		columns = append(columns, filled, missing)
	}
	flat := make([]float64, len(c.units)*len(columns))
	rows := make([][]float64, len(c.units))
	for i := range rows {
		rows[i] = flat[i*len(columns) : (i+1)*len(columns)]
		for j := range columns {
			rows[i][j] = columns[j][i]
		}
	}
	return rows
}

// match finds the controls and says how alike they are.
func (c *covariates) match(q *MatchQuestion, arms []*arm) (matching, error) {
	for i, n := range []int{c.cases, len(c.units) - c.cases} {
		if n < least {
			return matching{TooFew: arms[i].place}, nil
		}
	}
	rows, y := c.rows(), make([]bool, len(c.units))
	for i := range c.cases {
		y[i] = true
	}
	fit, err := Logistic(rows, y)
	if err != nil {
		return matching{Separated: true}, nil
	}
	logits := make([]float64, len(rows))
	for i := range rows {
		logits[i] = fit.Logit(rows[i])
		c.units[i].Logit = logits[i]
	}
	_, sa := moments(logits[:c.cases])
	_, sb := moments(logits[c.cases:])
	pairs := Pairs(c.units[:c.cases], c.units[c.cases:], q.Ratio, *q.Years, q.Caliper*math.Sqrt((sa*sa+sb*sb)/2))
	out := matching{Cases: len(pairs)}
	place := map[uint32]int{}
	for i, u := range c.units {
		place[u.Ord] = i
	}
	weight := make([]float64, len(c.units)) // of those matched
	for _, p := range pairs {
		weight[place[p.Case]] = 1
		for _, control := range p.Controls {
			weight[place[control]] = 1 / float64(len(p.Controls))
			out.Controls = append(out.Controls, control)
		}
	}
	slices.Sort(out.Controls)
	for j, column := range c.columns {
		b := c.balance(column, weight)
		b.Share, b.Matched = c.share[j], out.Cases
		out.Balance = append(out.Balance, b)
	}
	return out, nil
}

// balance compares a column before and after, of those it is known of.
func (c *covariates) balance(column, weight []float64) (b balanceOf) {
	for side, span := range [2][2]int{{0, c.cases}, {c.cases, len(column)}} {
		var known []float64
		sum, weights := 0., 0.
		for i := span[0]; i < span[1]; i++ {
			if math.IsNaN(column[i]) {
				b.Missing[side]++
				continue
			}
			known = append(known, column[i])
			b.N[side]++
			sum, weights = sum+weight[i]*column[i], weights+weight[i]
		}
		if len(known) > 1 {
			b.Before[side], b.Deviation[side] = moments(known)
		}
		if weights > 0 {
			b.After[side] = sum / weights
		}
	}
	return b
}
