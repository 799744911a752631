package study

import (
	"fmt"
	"slices"

	"ember/charts"
	"ember/cohort"
)

// SVG draws the curves with their intervals and the numbers at risk below.
func (s *Survival) SVG() []byte {
	until := int32(1)
	for i := range s.Groups {
		until = max(until, s.Groups[i].Until)
	}
	per, unit := 1., "days"
	if until > 3*365 {
		per, unit = 365.25, "years"
	}
	p := charts.Plot{Title: "Time to the outcome", X: unit + " since the index day", Y: "without the outcome", XRange: [2]float64{0, float64(until) / per}}
	if s.LogRank != nil {
		p.Title += fmt.Sprintf(" (log-rank p = %g)", s.LogRank.P)
	}
	for i := range s.Groups {
		c := &s.Groups[i]
		if c.Incidence != nil {
			p.Y = "share of patients"
			p.Lines = append(p.Lines, c.Incidence.Outcome.line(c.Name+": outcome, "+said(c.Incidence.Outcome.Events), per), c.Incidence.Death.line(c.Name+": death before it, "+said(c.Incidence.Death.Events), per))
			p.Under = append(p.Under, c.under(per))
			continue
		}
		if len(c.Points) == 0 {
			continue
		}
		p.Lines = append(p.Lines, c.line(per, unit))
		p.Under = append(p.Under, c.under(per))
	}
	return p.SVG()
}

// line is a curve as far as it is told: straight between its points, as nobody is told
// where its steps are. The band widens between them as [Curve.at] says.
func (c *Curve) line(per float64, unit string) charts.Line {
	l := charts.Line{Name: c.Name + ": " + said(c.In)}
	switch {
	case c.Events.Suppressed:
		l.Name += ", 10 or fewer events"
	case c.Median != nil:
		l.Name += fmt.Sprintf(", median %g %s", significant(float64(*c.Median)/per, 3), unit)
	}
	var down []charts.Point
	for i, p := range c.Points {
		l.Points = append(l.Points, charts.Point{X: float64(p.Day) / per, Y: p.Survival})
		from := p.Day
		if i > 0 {
			from = c.Points[i-1].Day
		}
		for k := range int32(8) {
			q := c.at(p.Day - (p.Day-from)*(7-k)/8)
			x := float64(q.Day) / per
			l.Band, down = append(l.Band, charts.Point{X: x, Y: q.High}), append(down, charts.Point{X: x, Y: q.Low})
		}
	}
	slices.Reverse(down)
	l.Band = append(l.Band, down...)
	return l
}

// line is a curve of incidence as far as it is told.
func (c *CauseCurve) line(name string, per float64) charts.Line {
	l := charts.Line{Name: name}
	var down []charts.Point
	for _, p := range c.Points {
		x := float64(p.Day) / per
		l.Points = append(l.Points, charts.Point{X: x, Y: p.Value})
		l.Band, down = append(l.Band, charts.Point{X: x, Y: p.High}), append(down, charts.Point{X: x, Y: p.Low})
	}
	slices.Reverse(down)
	l.Band = append(l.Band, down...)
	return l
}

func (c *Curve) under(per float64) charts.Under {
	u := charts.Under{Name: c.Name}
	every := (len(c.AtRisk) + 6) / 7 // as many as there is room for
	for i, r := range c.AtRisk {
		if i%every == 0 {
			u.At, u.Words = append(u.At, float64(r.Day)/per), append(u.Words, said(r.Count))
		}
	}
	return u
}

func said(c cohort.Count) string {
	if c.Suppressed {
		return "≤ 10"
	}
	return fmt.Sprint(c.Number)
}
