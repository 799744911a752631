package study

import (
	"cmp"
	"math"
	"slices"

	"ember/cohort"
)

// Incidences are the two curves of a group in which death competes with the outcome.
type Incidences struct {
	Outcome, Death CauseCurve
	AtRisk         []IncidenceAtRisk
}

// CauseCurve is the cumulative incidence of one cause as it may be told: on days since the
// last of which there were 11 events of it or more, as long as 11 or more are at risk.
type CauseCurve struct {
	Events cohort.Count
	Points []IncidencePoint
}

// IncidencePoint is a place on a curve of incidence.
type IncidencePoint struct {
	Day   int32
	Share // with three decimals
}

// IncidenceAtRisk is how many are followed on a day, with both curves there, on the straight
// line between the points that are told; nil behind the last of them.
type IncidenceAtRisk struct {
	Day            int32
	Count          cohort.Count
	Outcome, Death *IncidencePoint
}

// compete tells what came of a group instead of its curve of those without the outcome,
// which is of a world without death.
func (c *Curve) compete(days []Incidence, cells cohort.Cells) {
	c.Incidence = &Incidences{
		Outcome: causeCurve(days, "events", cells, func(d *Incidence) (int, Share) { return d.Outcomes, d.Outcome }),
		Death:   causeCurve(days, "deaths", cells, func(d *Incidence) (int, Share) { return d.Deaths, d.Death }),
	}
	for _, row := range c.AtRisk {
		c.Incidence.AtRisk = append(c.Incidence.AtRisk, IncidenceAtRisk{row.Day, row.Count, c.Incidence.Outcome.at(row.Day), c.Incidence.Death.at(row.Day)})
	}
	for i := range c.AtRisk {
		c.AtRisk[i].Curve = nil
	}
	c.Points, c.Median, c.MedianLow, c.MedianHigh = nil, nil, nil, nil
}

func causeCurve(days []Incidence, name string, cells cohort.Cells, of func(*Incidence) (int, Share)) CauseCurve {
	total, last := 0, 0
	for last < len(days) && days[last].AtRisk >= least {
		n, _ := of(&days[last])
		total += n
		last++
	}
	curve := CauseCurve{Events: cells.Of(name, total, math.MaxInt32), Points: []IncidencePoint{{}}}
	if last == 0 {
		curve.Events = cohort.Count{Suppressed: true}
	}
	if curve.Events.Suppressed {
		return curve
	}
	every, since := max(least, total/200), 0
	for i := range days[:last] {
		n, share := of(&days[i])
		if since += n; since >= every && n > 0 {
			curve.Points = append(curve.Points, IncidencePoint{days[i].Day, share.decimals()})
			since = 0
		}
	}
	return curve
}

func (s Share) decimals() Share {
	return Share{decimals(s.Value, 3), decimals(s.Low, 3), decimals(s.High, 3)}
}

// at is the curve on a day, as [Curve.at] is.
func (c *CauseCurve) at(day int32) *IncidencePoint {
	i, found := slices.BinarySearchFunc(c.Points, day, func(p IncidencePoint, d int32) int { return cmp.Compare(p.Day, d) })
	switch {
	case found:
		return &c.Points[i]
	case i == len(c.Points):
		return nil
	}
	a, b := c.Points[i-1], c.Points[i]
	part := float64(day-a.Day) / float64(b.Day-a.Day)
	between := func(from, to float64) float64 { return from + part*(to-from) }
	p := IncidencePoint{day, Share{between(a.Value, b.Value), between(a.Low, b.Low), between(a.High, b.High)}.decimals()}
	return &p
}
