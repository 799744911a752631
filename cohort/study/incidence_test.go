package study

import (
	"math"
	"math/rand/v2"
	"testing"

	"ember/cohort"
)

// TestAalenJohansen holds the incidence of two causes, with intervals, to lifelines'.
func TestAalenJohansen(t *testing.T) {
	for _, c := range values(t).Competing {
		var follows []Follow
		for i, d := range c.Days {
			follows = append(follows, Follow{d, c.Cause[i] == 1, c.Cause[i] == 2})
		}
		got := AalenJohansen(follows)
		if len(got) != len(c.Steps) {
			t.Fatalf("%d days, %d in lifelines", len(got), len(c.Steps))
		}
		for i, s := range got {
			w := c.Steps[i]
			if float64(s.Day) != w[0] {
				t.Fatalf("day %d, want %g", s.Day, w[0])
			}
			for k, share := range []Share{s.Outcome, s.Death} {
				close(t, "incidence", share.Value, w[1+3*k], 1e-12)
				if i == len(got)-1 && s.Outcomes+s.Deaths == s.AtRisk {
					continue // lifelines divides by nobody who is left
				}
				close(t, "low", share.Low, w[2+3*k], 1e-9)
				close(t, "high", share.High, w[3+3*k], 1e-9)
			}
		}
	}
}

// TestIncidenceAddsUp compares with sums from the definition, ties of all kinds included, and
// with Kaplan and Meier's curve, of both causes together and of one where there is no other.
func TestIncidenceAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for range 200 {
		var follows, both, alone []Follow
		for range 1 + rng.IntN(60) {
			f := Follow{Days: rng.Int32N(30)}
			switch rng.IntN(3) {
			case 0:
				f.Event = true
			case 1:
				f.Died = true
			}
			follows = append(follows, f)
			both = append(both, Follow{Days: f.Days, Event: f.Event || f.Died})
			alone = append(alone, Follow{Days: f.Days, Event: f.Event})
		}
		free, single := KaplanMeier(both), KaplanMeier(alone)
		outcome, death, before := 0., 0., 1.
		for i, s := range AalenJohansen(follows) {
			outcome += before * float64(s.Outcomes) / float64(s.AtRisk)
			death += before * float64(s.Deaths) / float64(s.AtRisk)
			before = free[i].Survival
			close(t, "outcome", s.Outcome.Value, outcome, 1e-12)
			close(t, "death", s.Death.Value, death, 1e-12)
			close(t, "all", s.Outcome.Value+s.Death.Value+free[i].Survival, 1, 1e-9)
			if s.Outcome.Value > 1-single[i].Survival+1e-9 {
				t.Error("more have the outcome than if nobody died")
			}
			if math.IsNaN(s.Outcome.Low) || s.Outcome.Low > s.Outcome.Value+1e-9 || s.Outcome.High < s.Outcome.Value-1e-9 {
				t.Errorf("%+v", s)
			}
		}
		for i, s := range AalenJohansen(alone) {
			close(t, "one cause", s.Outcome.Value, 1-single[i].Survival, 1e-9)
		}
	}
}

// TestWhoDiesBeforeTheOutcome compares what death is to the same people: where it competes, it
// is the end of those whom it gives the outcome where it counts as such.
func TestWhoDiesBeforeTheOutcome(t *testing.T) {
	d := newDesk(t, people(11, 3000))
	ends := func(death Death) []Follow {
		q := SurvivalQuestion{Design: Design{Groups: []Group{{Who: d.parse("condition.code:A00")}}, Index: d.maybe("condition.code:A00"), Now: now},
			Outcome: d.maybe("condition.code:B00"), Death: death, Keep: true}
		arms, err := d.s.arms(t.Context(), "x", q.Design, true, inNone)
		if err != nil {
			t.Fatal(err)
		}
		follows, _, _, err := d.s.follow(t.Context(), arms[0], &q)
		if err != nil {
			t.Fatal(err)
		}
		return follows
	}
	censored, counted, died := ends(Censors), ends(IsOutcome), 0
	for i, f := range ends(Competes) {
		if want := (Follow{counted[i].Days, censored[i].Event, counted[i].Event && !censored[i].Event}); f != want {
			t.Fatalf("%+v, want %+v", f, want)
		}
		if f.Died {
			died++
		}
	}
	if died < 20 {
		t.Errorf("%d died", died)
	}
}

// TestIncidenceIsCut: between two points of a cause lie 11 of its events, and 11 are at risk at
// each; what is 10 or fewer is not told.
func TestIncidenceIsCut(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	told, hidden := 0, 0
	for range 300 {
		follows := make([]Follow, least+rng.IntN(200))
		for i := range follows {
			follows[i] = Follow{Days: rng.Int32N(400), Event: rng.IntN(3) == 0}
			follows[i].Died = !follows[i].Event && rng.IntN(4) == 0
		}
		var c Curve
		c.tell(KaplanMeier(follows), cohort.Cells{})
		c.compete(AalenJohansen(follows), cohort.Cells{})
		if c.Points != nil || c.Median != nil || len(c.Incidence.AtRisk) != len(c.AtRisk) {
			t.Fatalf("%+v", c)
		}
		for cause, curve := range []CauseCurve{c.Incidence.Outcome, c.Incidence.Death} {
			if curve.Events.Suppressed {
				if hidden++; len(curve.Points) != 1 {
					t.Error("points of a cause whose number is not told")
				}
			}
			before := 0
			for _, p := range curve.Points[1:] {
				risk, events := 0, 0
				for _, f := range follows {
					if f.Days >= p.Day {
						risk++
					}
					if f.Days <= p.Day && (cause == 0 && f.Event || cause == 1 && f.Died) {
						events++
					}
				}
				if told++; risk < least || events-before < least {
					t.Fatalf("day %d: %d at risk, %d events since the last point", p.Day, risk, events-before)
				}
				before = events
			}
		}
	}
	if told < 100 || hidden < 100 {
		t.Errorf("%d points, %d hidden", told, hidden)
	}
}
