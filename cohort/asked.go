package cohort

import (
	"context"
	"errors"
	"time"

	"ember/record"
)

// Asked says of which patients there was a moment to ask about.
type Asked struct {
	Patients int `json:"patients"` // asked about
	NoMoment int `json:"noMoment"` // without the index event, or not long enough after it
	Outside  int `json:"outside"`  // not in the cohort that the model was made for, or dead
}

// Ask is the latest moment of each patient of a set, as a sampling has moments, with what
// was known then: for a model that was made of them. Where the sampling has a day, the
// moment is now.
func Ask[R any](ctx context.Context, e *Engine, s Sampling, of Matched, now time.Time, row func(record.Past) R) ([]Sample[R], Asked, error) {
	var asked Asked
	if err := e.checkSampling(&s); err != nil {
		return nil, asked, err
	}
	s.Which = "last"
	d := &drawing{Sampling: s, drawn: &Drawn{}, now: now, asking: true}
	p := e.plan(ctx, Question{Now: now})
	p.made, p.sequences = map[*Event]*madeLeaf{}, map[*Criterion]*sequence{}
	var samples []Sample[R]
	for ord := range of.Set.All() {
		if err := ctx.Err(); err != nil {
			return nil, asked, err
		}
		t, err := e.opt.Timeline(ctx, of.View.Patient(ord).ID)
		if errors.Is(err, ErrNotFound) || err == nil && t.Person.OptOut {
			continue
		}
		if err != nil {
			return nil, asked, err
		}
		asked.Patients++
		outside := d.drawn.Outside + d.drawn.Over
		found, err := d.patient(p, t)
		switch {
		case err != nil:
			return nil, asked, err
		case len(found) > 0:
			at := found[0].at
			samples = append(samples, Sample[R]{Patient: t.Person.ID, At: at, Row: row(t.Before(at.Add(time.Nanosecond)))})
		case d.drawn.Outside+d.drawn.Over > outside:
			asked.Outside++
		default:
			asked.NoMoment++
		}
	}
	return samples, asked, nil
}

// Ends is the end of the horizon of a moment; zero where that is the end of a stay.
func (s Sampling) Ends(at time.Time) time.Time {
	if s.Horizon == stayHorizon {
		return time.Time{}
	}
	ahead, _ := lasting(s.Horizon)
	return at.Add(ahead)
}

// Outcome is what is foretold, in the words of the definition.
func (s Sampling) Outcome() string {
	if s.Next != nil {
		return "the next " + PrintEvent(*s.Next) + " within " + s.Horizon
	}
	if s.Horizon == stayHorizon {
		return Print(*s.Label) + " before the stay ends"
	}
	return Print(*s.Label) + " within " + s.Horizon
}

// Engine is the engine behind the service, for those who may see rows.
func (s *Service) Engine() *Engine { return s.engine }

// Match finds who meets a definition, for those who may see rows: the set is not
// guarded.
func (s *Service) Match(ctx context.Context, q Question) (Matched, error) {
	return s.engine.Match(ctx, q)
}
