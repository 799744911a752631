package cohort_test

import (
	"context"
	"math"
	"testing"

	"ember/index"
	"ember/record"
)

// TestCompare holds a table one to what was put in: 100 with E11, of whom 80 have I10,
// and 200 with J45, of whom 40 have it. The standardised differences are those of
// Austin's formula.
func TestCompare(t *testing.T) {
	d := newDesk(t, 100)
	var docs []index.Document
	for i := range 300 {
		p := person(i, record.Female, 1960+i%20, "E11")
		if i >= 100 {
			p = person(i, record.Sex(1+i%2), 1980+i%20, "J45")
		}
		if i < 80 || i >= 100 && i < 140 {
			p.Timeline.Events = append(p.Timeline.Events, person(i, 0, 0, "I10").Timeline.Events...)
		}
		docs = append(docs, p)
	}
	d.apply(docs...)
	c, err := d.s.Compare(context.Background(), attacker, d.question("condition.code:E11"), d.question("condition.code:J45"))
	if err != nil {
		t.Fatal(err)
	}
	if c.A.Count.Number != 100 || c.B.Count.Number != 200 || len(c.Rows) != 2 {
		t.Fatalf("%+v", c)
	}
	want := map[string]float64{"I10": (.8 - .2) / math.Sqrt((.8*.2+.2*.8)/2), "female": (1 - .5) / math.Sqrt((0+.5*.5)/2)}
	for _, r := range c.Rows {
		name := r.Code.Value
		if r.Kind == "sex" {
			name = r.Label
		}
		if math.Abs(r.Difference-want[name]) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, r.Difference, want[name])
		}
	}
	// Ages are 0 to 19 years from 1960 and from 1980 on: 20 years apart, and the
	// deviation is that of 0 to 19, each as often.
	if a := c.Age; a == nil || math.Abs(a.MeanA-a.MeanB-20) > .11 || math.Abs(a.DeviationA-5.8) > .11 || a.Difference < 3.4 || a.Difference > 3.5 {
		t.Errorf("%+v", c.Age)
	}
	small, err := d.s.Compare(context.Background(), attacker, d.question("condition.code:E11"), d.question("condition.code:B20"))
	if err != nil || small.Age != nil || small.Rows != nil || !small.B.Count.Suppressed {
		t.Errorf("with a cohort that may not be shown: %+v, %v", small, err)
	}
}
