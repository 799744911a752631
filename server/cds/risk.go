package cds

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"ember/record"
)

// Estimate is what a model says of a patient whose record is in Ember's own store.
type Estimate struct {
	Model, Version string
	Outcome        string    // what may happen, in words
	At             time.Time // what was known then was looked at
	Until          time.Time // of the horizon; zero = the end of the stay
	Probability    float64
	Threshold      float64  // of this site
	Measured       []string // what its card says of its discrimination and calibration
	Reasons        []Reason // strongest first
}

// Reason is a part of a risk: Share adds to the log odds.
type Reason struct {
	Words string
	Share float64
}

// Above reports whether the threshold of the site is reached.
func (e Estimate) Above() bool { return e.Probability >= e.Threshold }

// Risks answers how likely outcomes are for a patient on record.
type Risks interface {
	// Risks are what the models that this site has chosen say, as far as they were made for
	// such a patient; none for who is not on record.
	Risks(ctx context.Context, patient string) ([]Estimate, error)
}

// risk is a card for each risk that reaches the site's threshold. There is nothing to
// accept on it: what to do about a risk the model does not know.
func (s *Service) risk(ctx context.Context, r *Request) (cards []shown, err error) {
	if s.deps.Risks == nil {
		return nil, &Problem{Status: http.StatusNotFound, Code: "not-found", Detail: "this site has chosen no models of risk", Hint: "GET /cds-services lists the services"}
	}
	all, err := s.deps.Risks.Risks(ctx, r.Patient)
	if errors.Is(err, ErrNoPatient) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cds: asking for risks: %w", err)
	}
	for _, e := range all {
		if e.Above() && !s.dismissed(ctx, r, modelCode(e.Model)) {
			cards = append(cards, s.riskCard(r, e))
		}
	}
	return cards, nil
}

func (s *Service) riskCard(r *Request, e Estimate) shown {
	summary := fmt.Sprintf("Risk: %s: %s", e.Outcome, percent(e.Probability))
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**: %s. This site shows it from %s on.\n\n", plainText(e.Outcome), chance(e.Probability), percent(e.Threshold))
	fmt.Fprintf(&b, "By what was on record before %s", e.At.UTC().Format("2006-01-02 15:04 MST"))
	if !e.Until.IsZero() {
		fmt.Fprintf(&b, ", for the time until %s", e.Until.UTC().Format("2006-01-02"))
	}
	b.WriteString(".\n\n")
	for _, reason := range e.Reasons {
		fmt.Fprintf(&b, "- %s (%+.2f)\n", plainText(reason.Words), reason.Share)
	}
	if len(e.Reasons) > 0 {
		b.WriteString("\nThese are the strongest of its reasons, each with what it adds to the log odds. They say what the model went by, not what causes what.\n\n")
	}
	for _, m := range e.Measured {
		fmt.Fprintf(&b, "- %s\n", plainText(m))
	}
	fmt.Fprintf(&b, "\nModel %s, version %s. It does not know what to do about the risk.", plainText(e.Model), plainText(e.Version))
	card := s.card(r, warning, summary, b.String())
	card.Source = Source{Label: "Ember: model " + brief(e.Model, 60) + " of this site's own past", Topic: card.Source.Topic}
	return shown{model: e.Model + "/" + e.Version, card: card, offers: []Offer{{Want: Risk, Concept: modelCode(e.Model), Probability: e.Probability}}}
}

// modelCode stands for a model in what is remembered of cards.
func modelCode(name string) record.Code { return record.Code{System: "urn:ember:model", Value: name} }
