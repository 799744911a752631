package study

import (
	"context"
	"slices"

	"ember/cohort"
)

// Attrition is how a cohort becomes smaller with each of its criteria, in the order in which
// they were written.
type Attrition struct {
	Answer cohort.Answer // of the whole definition
	Steps  []Attrited
}

// Attrited is a definition up to one of its criteria. A step that takes 10 patients or fewer
// from the last that was told shows that one's number.
type Attrited struct {
	Text  string // the criterion; "" for everybody
	Count cohort.Count
	Left  cohort.Count // how many the step takes away, by numbers as they are told
}

// Attrition answers a principal.
func (s *Service) Attrition(ctx context.Context, principal string, q cohort.Question) (Attrition, error) {
	parts := q.Criterion.All
	if parts == nil {
		parts = []cohort.Criterion{q.Criterion}
	}
	// Likeness is of whom all others leave, wherever it stands.
	parts = slices.Clone(parts)
	slices.SortStableFunc(parts, func(a, b cohort.Criterion) int { return last(&a) - last(&b) })
	if len(parts) > maxTests {
		return Attrition{}, cohort.Bad("definition", "save parts as cohorts", "up to 50 criteria are expected here")
	}
	if err := s.engine.Check(q.Criterion); err != nil {
		return Attrition{}, err
	}
	var out Attrition
	var whole cohort.Group
	shown := 0
	for i := range parts {
		g, err := s.cohorts.Group(ctx, principal, cohort.Question{Criterion: cohort.Criterion{All: parts[:i+1]}, Now: q.Now, Named: q.Named})
		if err != nil {
			return Attrition{}, err
		}
		if i == 0 {
			everybody := g.View.Everybody().AndNot(g.View.OptedOut()).Len()
			out.Steps = []Attrited{{Count: g.Cells.Of("everybody", everybody, everybody), Left: cohort.Count{Suppressed: true}}}
			shown = everybody
		}
		n := g.Set.Len()
		step := Attrited{Text: cohort.Print(parts[i]), Count: g.Cells.Of("", n, shown)}
		before := out.Steps[len(out.Steps)-1].Count
		step.Left = cohort.Count{Suppressed: true}
		if !step.Count.Suppressed && !before.Suppressed && before.Number-step.Count.Number >= least {
			step.Left = cohort.Count{Number: before.Number - step.Count.Number}
		}
		if shown-n >= least || n < least {
			shown = n
		}
		out.Steps = append(out.Steps, step)
		whole = g
	}
	out.Answer = whole.Answer
	out.Answer.Text = cohort.Print(q.Criterion)
	return out, nil
}

func last(c *cohort.Criterion) int {
	if c.Like != nil {
		return 1
	}
	return 0
}
