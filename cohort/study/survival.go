package study

import (
	"cmp"
	"context"
	"math"
	"slices"

	"ember/cohort"
	"ember/index"
)

// Death says what death is to a study of survival.
type Death string

// What death is.
const (
	Censors    Death = "censor"  // follow-up ends, as if the patient had left
	IsOutcome  Death = "outcome" // it counts as the outcome, or is the only one
	Competes   Death = "compete" // it rivals the outcome, see [AalenJohansen]
	DeathUnset Death = ""        // Censors with an outcome, else IsOutcome
)

// SurvivalQuestion asks how long it takes from an index event to an outcome.
type SurvivalQuestion struct {
	Design
	Outcome *cohort.Criterion // nil: death alone
	Death   Death
	// Keep keeps who had the outcome by the index day; the outcome is then the first
	// after it. Else they are left out.
	Keep bool
}

// Survival is the answer: curves, and whether they differ. Who has no outcome is followed
// to the day of death or the last contact, not past today. Where death competes, the test is
// of the rate of the outcome among those still alive (cause-specific).
type Survival struct {
	Groups  []Curve
	Outcome []cohort.Meaning
	Death   Death
	// LogRank is nil with one group, and where a group has too few events to be told.
	LogRank *LogRanked
}

// LogRanked is a [Test] as it may be told.
type LogRanked struct {
	ChiSquare, P float64 // to three significant digits
	Freedom      int
	Expected     []int // by group, rounded as counts are
}

// Curve is the survival of one group, as it may be told: on days since the last of which
// there were 11 events or more, as long as 11 or more are at risk.
type Curve struct {
	Told
	Events cohort.Count // while 11 or more are at risk
	// Median is in days; nil where it is not reached while 11 are at risk.
	Median, MedianLow, MedianHigh *int32
	Points                        []Point
	AtRisk                        []AtRisk
	Until                         int32 // the day up to which 11 or more are at risk
	// Incidence is told instead of Points and Median where death competes; nil elsewhere.
	Incidence *Incidences
	// DeadUndated died nobody knows when: they are followed to their last contact.
	DeadUndated cohort.Count
}

// Point is a place on a curve.
type Point struct {
	Day                 int32
	Survival, Low, High float64
}

// AtRisk is how many are followed on a day, with the curve there, on the straight line
// between the points that are told; nil behind the last of them. Between points the
// variance is on a straight line too.
type AtRisk struct {
	Day   int32
	Count cohort.Count
	Curve *Point
}

// Survival answers a principal.
func (s *Service) Survival(ctx context.Context, principal string, q SurvivalQuestion) (Survival, error) {
	if q.Death == DeathUnset {
		q.Death = Censors
		if q.Outcome == nil {
			q.Death = IsOutcome
		}
	}
	if q.Death != Censors && q.Death != IsOutcome && q.Death != Competes || q.Outcome == nil && q.Death != IsOutcome {
		return Survival{}, cohort.Bad("death", "write censor, outcome or compete; without an outcome, death is it", "this is not what death can be")
	}
	arms, err := s.arms(ctx, principal, q.Design, true, inNone)
	if err != nil {
		return Survival{}, err
	}
	out := Survival{Death: q.Death}
	var follows [][]Follow
	shown := true
	for _, a := range arms {
		f, undated, meant, err := s.follow(ctx, a, &q)
		if err != nil {
			return Survival{}, err
		}
		follows, out.Outcome = append(follows, f), meant
		if err := s.settle(principal, q.Now, a); err != nil {
			return Survival{}, err
		}
		c, err := s.curve(principal, a, f, undated, q)
		if err != nil {
			return Survival{}, err
		}
		shown = shown && !c.Events.Suppressed
		out.Groups = append(out.Groups, c)
	}
	if len(arms) > 1 && shown {
		if out.LogRank, err = s.logRank(principal, arms, follows, q); err != nil {
			return Survival{}, err
		}
	}
	return out, nil
}

// follow is how long each patient of a group is followed; the group's patients become those
// who are.
func (s *Service) follow(ctx context.Context, a *arm, q *SurvivalQuestion) (follows []Follow, undated int, meant []cohort.Meaning, err error) {
	v, today := a.group.View, index.Day(q.Now)
	outcome, before := cohort.NewDayTable(v), cohort.NewDayTable(v)
	if q.Outcome != nil {
		meant, _, err = s.engine.Moments(ctx, v, cohort.Question{Criterion: *q.Outcome, Now: q.Now}, a.set, func(ord uint32, days []int32) {
			if days[0] <= a.index[ord] {
				before[ord] = days[0]
			}
			if i, _ := slices.BinarySearch(days, a.index[ord]+1); i < len(days) {
				outcome[ord] = days[i]
			}
		})
		if err != nil {
			return nil, 0, nil, at("outcome", err)
		}
	}
	kept := a.ords[:0]
	for _, ord := range a.ords {
		if before[ord] != index.NoDay && !q.Keep {
			a.left[4] = append(a.left[4], ord)
			continue
		}
		who := v.Patient(ord)
		died, dead := cohort.Died(who, q.Now)
		if who.Dead && !dead {
			undated++
		}
		kept = append(kept, ord)
		follows = append(follows, ended(who, a.index[ord], outcome[ord], died, dead, today, q.Death))
	}
	a.ords = kept
	return follows, undated, meant, nil
}

// ended is the follow-up of one patient. What is on record after death does not count; an
// outcome is a contact.
func ended(who index.Patient, from, outcome, died int32, dead bool, today int32, death Death) Follow {
	end, event, rival := max(min(who.Last, today), from), false, false
	if dead {
		end, event, rival = max(died, from), death == IsOutcome, death == Competes
	}
	if outcome != index.NoDay && outcome <= today && (!dead || outcome <= died) {
		end, event, rival = outcome, true, false
	}
	return Follow{end - from, event, rival}
}

// sample is the table of a group's follow-up.
func sampleOf(arms []*arm, follows [][]Follow) *cohort.Sheet {
	sample := &cohort.Sheet{}
	for i, a := range arms {
		id := uint64(0)
		if len(arms) > 1 {
			id = a.id()
		}
		for j, ord := range a.ords {
			f := follows[i][j]
			row := uint64(f.Days) << 2
			if f.Event {
				row |= 1
			}
			if f.Died {
				row |= 2
			}
			sample.Add(ord, row, id)
		}
	}
	return sample
}

// wholeCurve is a curve with nothing left out, as the guard keeps it.
type wholeCurve struct {
	Steps   []Step
	Rivals  []Incidence // where death competes
	Undated int
}

func (s *Service) curve(principal string, a *arm, follows []Follow, undated int, q SurvivalQuestion) (Curve, error) {
	c := Curve{Told: a.told}
	var whole wholeCurve
	kind := "survival"
	if q.Death == Competes {
		kind = "incidence"
	}
	err := s.cohorts.Once(principal, q.Now, kind, sampleOf([]*arm{a}, [][]Follow{follows}), &whole, func(cohort.Cells) (any, error) {
		w := wholeCurve{Steps: KaplanMeier(follows), Undated: undated}
		if q.Death == Competes {
			w.Rivals = AalenJohansen(follows)
		}
		return w, nil
	})
	if err != nil {
		return c, err
	}
	cells := a.group.Cells
	c.DeadUndated = cells.Of("dead, undated", whole.Undated, math.MaxInt32)
	c.tell(whole.Steps, cells)
	if q.Death == Competes {
		c.compete(whole.Rivals, cells)
	}
	return c, nil
}

// tell cuts a curve to what may be told.
func (c *Curve) tell(steps []Step, cells cohort.Cells) {
	if len(steps) == 0 || steps[0].AtRisk < least {
		c.In, c.Events = cohort.Count{Suppressed: true}, cohort.Count{Suppressed: true}
		return
	}
	total := 0
	for i := range steps {
		if steps[i].AtRisk >= least {
			total += steps[i].Events
			c.Until = steps[i].Day
		}
	}
	if c.Until >= 77 { // not the very day on which somebody left
		c.Until -= c.Until % 7
	}
	c.Events = cells.Of("events", total, math.MaxInt32)
	// A long curve has some hundred points.
	every := max(least, total/200)
	c.Points = []Point{{Survival: 1, Low: 1, High: 1}}
	since := 0
	for i := range steps {
		s := &steps[i]
		if s.AtRisk < least {
			break
		}
		if since += s.Events; since >= every && s.Events > 0 {
			c.Points = append(c.Points, Point{s.Day, decimals(s.Survival, 3), decimals(s.Low, 3), decimals(s.High, 3)})
			since = 0
		}
	}
	if c.Events.Suppressed {
		c.Points = c.Points[:1]
	} else {
		c.median(steps)
	}
	c.atRisk(steps, cells)
}

// median tells days while 11 or more are at risk, to three significant digits.
func (c *Curve) median(steps []Step) {
	day := func(d int32) *int32 {
		if d < 0 || d > c.Until {
			return nil
		}
		d = int32(significant(float64(d), 3))
		return &d
	}
	median, low, high := Median(steps)
	c.Median, c.MedianLow, c.MedianHigh = day(median), day(low), day(high)
}

// lengths are what the columns of the table of those at risk may be apart, in days.
var lengths = []int32{1, 7, 30, 91, 183, 365, 730, 1826, 3652, 7305, 14610}

// atRisk makes the table of those at risk, of at most 12 columns.
func (c *Curve) atRisk(steps []Step, cells cohort.Cells) {
	step := lengths[len(lengths)-1]
	for _, l := range slices.Backward(lengths) {
		if c.Until/l <= 11 {
			step = l
		}
	}
	n := steps[0].AtRisk
	for day, i := int32(0), 0; day <= c.Until; day += step {
		for i < len(steps) && steps[i].Day < day {
			i++
		}
		row := AtRisk{Day: day, Count: c.In}
		if day > 0 && i < len(steps) {
			row.Count = cells.Of("at risk", steps[i].AtRisk, n)
		}
		row.Curve = c.at(day)
		c.AtRisk = append(c.AtRisk, row)
	}
}

// at is the curve on a day, on the line between the points that are told; nil where the line
// ends. So is Greenwood's variance, which grows by the event as the curve falls; the ends of
// the interval are not, as the first point is certain.
func (c *Curve) at(day int32) *Point {
	i, found := slices.BinarySearchFunc(c.Points, day, func(p Point, d int32) int { return cmp.Compare(p.Day, d) })
	switch {
	case found:
		return &c.Points[i]
	case i == len(c.Points):
		return nil
	}
	a, b := c.Points[i-1], c.Points[i]
	part := float64(day-a.Day) / float64(b.Day-a.Day)
	survival := a.Survival + part*(b.Survival-a.Survival)
	low, high := logLog(survival, a.variance()+part*(b.variance()-a.variance()))
	if b.Survival <= 0 {
		low, high = b.Low, a.High
	}
	return &Point{day, decimals(survival, 3), decimals(low, 3), decimals(high, 3)}
}

// variance is Greenwood's sum behind the interval of a point that is told; 0 where the curve
// is 1 or 0.
func (p *Point) variance() float64 {
	if p.Survival <= 0 || p.Survival >= 1 || p.Low <= 0 || p.Low > p.Survival {
		return 0
	}
	w := math.Log(math.Log(p.Low)/math.Log(p.Survival)) * math.Log(p.Survival) / z975
	return w * w
}

// wholeTest is a test as the guard keeps it: the expected events by the id of the group.
type wholeTest struct {
	ChiSquare, P *float64 // nil = nothing can be compared
	Freedom      int
	Expected     map[uint64]float64
}

func (s *Service) logRank(principal string, arms []*arm, follows [][]Follow, q SurvivalQuestion) (*LogRanked, error) {
	var whole wholeTest
	err := s.cohorts.Once(principal, q.Now, "log-rank", sampleOf(arms, follows), &whole, func(cohort.Cells) (any, error) {
		t := LogRank(follows)
		w := wholeTest{Freedom: t.Freedom, Expected: map[uint64]float64{}}
		if !math.IsNaN(t.P) {
			w.ChiSquare, w.P = &t.ChiSquare, &t.P
		}
		for i, a := range arms {
			w.Expected[a.id()] = t.Expected[i]
		}
		return w, nil
	})
	if err != nil || whole.P == nil {
		return nil, err
	}
	out := &LogRanked{ChiSquare: significant(*whole.ChiSquare, 3), P: significant(*whole.P, 2), Freedom: whole.Freedom}
	for _, a := range arms {
		out.Expected = append(out.Expected, a.group.Cells.Of("expected", int(math.Round(whole.Expected[a.id()])), math.MaxInt32).Number)
	}
	return out, nil
}
