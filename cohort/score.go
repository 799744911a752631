package cohort

import (
	"context"
	"errors"
	"time"

	"ember/index"
)

// Score asks for patients to whom a model gave a score that was stored, in the range
// where there is one. Scores are probabilities. Whoever has none does not match.
type Score struct {
	Model string `json:"model"`
	Range
}

// Scored is what is known of the scores that a model gave: those of one version.
type Scored struct {
	Model, Version string
	Outcome        string // what is foretold, in words
	Serving        string // the version that serves now, "" = none
}

// PatientScore is what a version said of a patient at a moment.
type PatientScore struct {
	Value  float64
	At     time.Time // that was asked about
	Source string    // the resource it was written as
}

// Scorer keeps what models said of patients, one score of each by each model, all of
// one version. It is safe for concurrent use.
type Scorer interface {
	// Scored is every model that scores are stored of, by name.
	Scored() ([]Scored, error)
	// Scores are those of a model, by patient id; they must not be changed. It
	// returns [ErrNotFound] where none are stored.
	Scores(ctx context.Context, model string) (Scored, map[string]PatientScore, error)
}

// score checks a criterion on scores: no probability lies outside of 0 to 1.
func (k *checker) score(c *Criterion) {
	low, high := c.Score.ends()
	switch {
	case c.Score.Model == "":
		k.fail(c.at, "write score:MODEL>0.3", "the model is missing")
	case k.e.opt.Scores == nil:
		k.fail(c.at, "", "no scores are stored here")
	case low != nil && (*low > 1 || *low == 1 && c.Score.Above != nil), high != nil && (*high < 0 || *high == 0 && c.Score.Below != nil):
		k.fail(c.at, "scores are probabilities from 0 to 1: write score:MODEL>0.3", "no score is in this range")
	case !c.Score.empty():
		k.bounds(&c.Score.Range, c.at)
	}
}

// scoresOf are the scores that a criterion asks about. The names of models that have
// none are no secret, as completion tells those that have.
func (p *plan) scoresOf(c *Criterion) (Scored, map[string]PatientScore, error) {
	about, scores, err := p.e.opt.Scores.Scores(p.ctx, c.Score.Model)
	if errors.Is(err, ErrNotFound) {
		return about, nil, c.at.fail(p.e.scoreHint(c.Score.Model), "no scores of this model are stored")
	}
	return about, scores, err
}

func (e *Engine) scoreHint(asked string) string {
	all, err := e.opt.Scores.Scored()
	if err != nil || len(all) == 0 {
		return "ember model predict-cohort MODEL --write stores them"
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Model
	}
	return hint(asked, names)
}

// scoreNode is the set of whom a version gave a score in the range.
func (p *plan) scoreNode(c *Criterion) (node, error) {
	about, scores, err := p.scoresOf(c)
	if err != nil {
		return nil, err
	}
	if about.Serving != about.Version {
		p.warnings = append(p.warnings, *c.at.fail("ember model predict-cohort MODEL --write stores those of the version that serves", "the scores are of version %s, which does not serve now", about.Version))
	}
	var ords []uint32
	for id, s := range scores {
		if !c.Score.holds(s.Value) {
			continue
		}
		if ord, ok := p.v.Ordinal(id); ok {
			ords = append(ords, ord)
		}
	}
	return setNode{index.NewSet(ords...), false}, nil
}

// score says what a version said of the patient, of which moment.
func (w *witness) score(c *Criterion, r *Reason) error {
	about, scores, err := w.p.scoresOf(c)
	if err != nil {
		return err
	}
	s, ok := scores[w.t.Person.ID]
	if !ok {
		return nil
	}
	r.Holds = c.Score.holds(s.Value)
	r.Evidence = []Evidence{{Source: s.Source, Kind: "score", Text: about.Model + " version " + about.Version + ": " + about.Outcome,
		Day: s.At.UTC().Format(time.RFC3339), Value: &s.Value}}
	return nil
}

// scoreNames are the models whose scores can be asked for.
func (e *Engine) scoreNames() []Name {
	if e.opt.Scores == nil {
		return nil
	}
	all, err := e.opt.Scores.Scored()
	if err != nil { // completion goes without
		return nil
	}
	names := make([]Name, len(all))
	for i, s := range all {
		names[i] = Name{"score", s.Model, s.Outcome + " (version " + s.Version + ")"}
	}
	return names
}
