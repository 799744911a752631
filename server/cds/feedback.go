package cds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"ember/record"
)

// Shown is a card that was given to a client: what feedback to it is joined to.
type Shown struct {
	V       int       `json:"v"` // 1
	Card    string    `json:"card"`
	Service string    `json:"service"`
	Hook    string    `json:"hook"`
	Patient string    `json:"patient"` // logical id
	At      time.Time `json:"at"`
	Model   string    `json:"model,omitempty"` // version
	Rules   string    `json:"rules,omitempty"`
	Offers  []Offer   `json:"offers"`
}

// Offer is one recommendation on a card.
type Offer struct {
	Suggestion  string      `json:"suggestion,omitempty"` // "" = there is nothing to accept
	Want        string      `json:"want"`                 // "treatments", "tests", "safety"
	Kind        record.Kind `json:"kind,omitempty"`
	Concept     record.Code `json:"concept"`
	Probability float64     `json:"probability,omitempty"`
	Rule        string      `json:"rule,omitempty"`
	Tier        string      `json:"tier,omitempty"`
}

// What may become of a recommendation.
const (
	Accepted   = "accepted"
	Overridden = "overridden"
	// Ignored: no feedback came while the card was remembered.
	Ignored = "ignored"
)

// Outcome is what became of one recommendation.
type Outcome struct {
	V              int         `json:"v"`              // 1
	Recommendation string      `json:"recommendation"` // of the suggestion, or of the card where it has none
	Card           string      `json:"card"`
	Service        string      `json:"service"`
	Hook           string      `json:"hook"`
	Patient        string      `json:"patient"` // logical id
	Want           string      `json:"want"`
	Concept        record.Code `json:"concept"`
	Probability    float64     `json:"probability,omitempty"`
	Rule           string      `json:"rule,omitempty"`
	Outcome        string      `json:"outcome"`
	Reason         record.Code `json:"reason"` // of an override, coded; zero = none was given
	Comment        string      `json:"comment,omitempty"`
	Shown          time.Time   `json:"shown"`
	At             time.Time   `json:"at"`
	Model          string      `json:"model,omitempty"`
	Rules          string      `json:"rules,omitempty"`
}

// version says what made the offers; remember takes it over.
func (x *shown) version(model, rules string) { x.model, x.rules = model, rules }

// remember keeps the cards, so that feedback can be joined to them.
func (s *Service) remember(ctx context.Context, r *Request, cards []shown) error {
	if len(cards) == 0 {
		return nil
	}
	all := make([]Shown, len(cards))
	for i, c := range cards {
		all[i] = Shown{V: 1, Card: c.card.UUID, Service: r.Service, Hook: r.Hook, Patient: r.Patient, At: s.deps.Now().UTC(), Model: c.model, Rules: c.rules, Offers: c.offers}
	}
	if err := s.deps.Feedback.Show(ctx, all); err != nil {
		return fmt.Errorf("cds: remembering cards: %w", err)
	}
	return nil
}

type wireFeedback struct {
	Card                string
	Outcome             string
	AcceptedSuggestions []struct{ ID string }
	OverrideReason      *struct {
		Reason      *Coding
		UserComment string
	}
	OutcomeTimestamp string
}

// mostFeedback bounds the entries of one request, longestComment what a clinician
// wrote, in bytes.
const (
	mostFeedback   = 1000
	longestComment = 4000
)

// Feedback takes what became of cards. What can be understood is recorded, also when
// something beside it cannot: then the error names each place. The outcomes that were
// recorded are given in both cases.
func (s *Service) Feedback(ctx context.Context, service string, body []byte, sees func(patient string) bool) ([]Outcome, []*Problem, error) {
	o, ok := offerOf(service)
	if !ok {
		return nil, nil, &Problem{Status: http.StatusNotFound, Code: "not-found", Detail: "there is no service of this id", Hint: "GET /cds-services lists them"}
	}
	var w struct{ Feedback []json.RawMessage }
	if err := json.Unmarshal(body, &w); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, nil, badRequest("value", "feedback", "it is no list", "send {\"feedback\": [ … ]} with one entry a card")
		}
		return nil, nil, badRequest("structure", "", "the body is no JSON, or ended too early", "send {\"feedback\": [ … ]}")
	}
	switch {
	case len(w.Feedback) == 0:
		return nil, nil, badRequest("required", "feedback", "it is missing or empty", "send {\"feedback\": [ … ]} with one entry a card")
	case len(w.Feedback) > mostFeedback:
		return nil, nil, badRequest("too-costly", "feedback", "it has more than "+strconv.Itoa(mostFeedback)+" entries", "send several requests")
	}
	var outcomes []Outcome
	var wrong []*Problem
	for i := range w.Feedback {
		found, err := s.outcomes(ctx, o.id, "feedback["+strconv.Itoa(i)+"]", w.Feedback[i], sees)
		var p *Problem
		switch {
		case errors.As(err, &p):
			wrong = append(wrong, p)
		case err != nil:
			return nil, nil, err
		}
		outcomes = append(outcomes, found...)
	}
	if len(outcomes) > 0 {
		if err := s.deps.Feedback.Record(ctx, outcomes); err != nil {
			return nil, nil, fmt.Errorf("cds: recording feedback: %w", err)
		}
		s.quiet(ctx, outcomes)
	}
	return outcomes, wrong, nil
}

// outcomes are those of one entry.
func (s *Service) outcomes(ctx context.Context, service, path string, entry json.RawMessage, sees func(string) bool) ([]Outcome, error) {
	var f wireFeedback
	if err := json.Unmarshal(entry, &f); err != nil {
		return nil, badRequest("value", path, "an element has another type than it must have", "each entry has card, outcome and outcomeTimestamp as texts")
	}
	if _, err := uuid.Parse(f.Card); err != nil {
		return nil, badRequest("value", path+".card", "it is missing or no UUID", "send the uuid of the card")
	}
	if f.Outcome != Accepted && f.Outcome != Overridden {
		return nil, badRequest("value", path+".outcome", "it is neither accepted nor overridden", "send one of both; cards that are ignored need no feedback")
	}
	at, err := time.Parse(time.RFC3339Nano, f.OutcomeTimestamp)
	if err != nil {
		return nil, badRequest("value", path+".outcomeTimestamp", "it is missing or no instant", "send an instant as 2026-05-01T09:30:00Z")
	}
	if f.Outcome == Accepted && len(f.AcceptedSuggestions) == 0 {
		return nil, badRequest("required", path+".acceptedSuggestions", "it is missing", "name the suggestions that were accepted")
	}
	card, ok, err := s.deps.Feedback.Card(ctx, f.Card)
	if err != nil {
		return nil, fmt.Errorf("cds: looking for a card: %w", err)
	}
	if !ok || card.Service != service || !sees(card.Patient) || s.deps.Now().Sub(card.At) > s.opt.Lifetime {
		return nil, &Problem{Status: http.StatusNotFound, Code: "not-found", Path: path + ".card", Detail: "this service has shown no such card, or it was too long ago",
			Hint: "send feedback to the service that gave the card, within " + s.opt.Lifetime.String()}
	}
	out := card.outcome(f.Outcome, at.UTC())
	if r := f.OverrideReason; r != nil && f.Outcome == Overridden {
		if r.Reason != nil {
			out.Reason = record.Code{System: r.Reason.System, Value: r.Reason.Code, Display: r.Reason.Display}
		}
		out.Comment = r.UserComment[:min(len(r.UserComment), longestComment)]
	}
	if f.Outcome == Overridden {
		return card.each(out, func(Offer) bool { return true }), nil
	}
	accepted := map[string]bool{}
	for _, a := range f.AcceptedSuggestions {
		accepted[a.ID] = true
	}
	all := card.each(out, func(o Offer) bool { return o.Suggestion != "" && accepted[o.Suggestion] })
	if len(all) < len(accepted) {
		return all, badRequest("value", path+".acceptedSuggestions", "the card has no such suggestion", "send the uuid of a suggestion of this card")
	}
	return all, nil
}

// outcome is what all outcomes of a card have in common.
func (c *Shown) outcome(outcome string, at time.Time) Outcome {
	return Outcome{V: 1, Card: c.Card, Service: c.Service, Hook: c.Hook, Patient: c.Patient, Outcome: outcome, Shown: c.At, At: at, Model: c.Model, Rules: c.Rules}
}

// each is an outcome for every offer that is meant.
func (c *Shown) each(o Outcome, meant func(Offer) bool) (all []Outcome) {
	for _, offer := range c.Offers {
		if !meant(offer) {
			continue
		}
		o.Recommendation, o.Want, o.Concept, o.Probability, o.Rule = offer.Suggestion, offer.Want, offer.Concept, offer.Probability, offer.Rule
		if o.Recommendation == "" {
			o.Recommendation = c.Card
		}
		all = append(all, o)
	}
	return all
}

// Ignored are the outcomes of a card that nobody gave feedback to.
func (c *Shown) Ignored(at time.Time) []Outcome {
	return c.each(c.outcome(Ignored, at), func(Offer) bool { return true })
}

// ReasonLabel is the reason of an override as a metric may name it: one that cards
// offer, "other", or "none".
func (o *Outcome) ReasonLabel() string {
	if o.Reason.Value == "" {
		return "none"
	}
	for _, list := range [...][]Coding{reasons, safetyReasons} {
		for _, c := range list {
			if c.Code == o.Reason.Value && c.System == o.Reason.System {
				return c.Code
			}
		}
	}
	return "other"
}
