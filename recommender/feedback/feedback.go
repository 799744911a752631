// Package feedback keeps what people did with the recommendations they were
// shown, and learns from it which orders a site prefers or passes over beyond
// what their probabilities say. What was learned is believed only where an
// estimate off policy, on answers it was not learned from, says that lists would
// be taken up more.
package feedback

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ember/record"
)

// Outcome is what became of an item that was shown.
type Outcome string

// The outcomes. An item of an answer that was responded to, and of which nothing
// was said, was ignored.
const (
	Ignored    Outcome = "ignored"
	Accepted   Outcome = "accepted"
	Overridden Outcome = "overridden"
)

// Reasons are the codes of why an item is overridden. Free text is not taken: it
// would hold what is known of a patient.
var Reasons = []string{"not-indicated", "contraindicated", "already-done", "patient-declined", "later", "prefer-other", "other"}

// Item is an order that was shown, or could have been.
type Item struct {
	Kind        record.Kind `json:"k"`
	System      string      `json:"s"`
	Code        string      `json:"c"`
	Probability float64     `json:"p"` // that it is ordered, as it was said
	// Propensity is the probability that it was shown to this patient that day; 0 where that
	// could not happen.
	Propensity float64 `json:"q"`
	Shown      bool    `json:"d,omitempty"`
	Outcome    Outcome `json:"o,omitempty"`
	Reason     string  `json:"r,omitempty"`
}

// Answer is one list of recommendations as a person saw it.
type Answer struct {
	ID      string    `json:"id"`
	Patient string    `json:"patient"`
	At      time.Time `json:"at"`
	Want    string    `json:"want"`
	Model   string    `json:"model"` // version
	// Items are in the order of ranking: first those that would be shown without exploration,
	// as many as Listed, then what could take the place of the last of them.
	Items  []Item `json:"items"`
	Listed int    `json:"listed"`
	// Responded is when somebody last said what was done with it; zero = never,
	// and then nothing can be learned from it.
	Responded time.Time `json:"responded,omitzero"`
}

// Response is what was done with one item.
type Response struct {
	System, Code string
	Outcome      Outcome
	Reason       string // of Reasons, for Overridden only
}

var (
	// ErrNotShown means that a response is about an order that the answer did not show.
	ErrNotShown = errors.New("feedback: the answer did not show this order")
	// ErrResponse means that a response is not understood.
	ErrResponse = errors.New("feedback: the response is not understood")
)

// Respond notes what was done with the items, all or nothing. What is said later
// replaces what was said before.
func (a *Answer) Respond(at time.Time, responses []Response) error {
	items := slices.Clone(a.Items)
	for i, r := range responses {
		if err := r.check(); err != nil {
			return fmt.Errorf("items[%d]: %w", i, err)
		}
		k := slices.IndexFunc(items, func(x Item) bool { return x.Shown && x.System == r.System && x.Code == r.Code })
		if k < 0 {
			return fmt.Errorf("items[%d]: %w", i, ErrNotShown)
		}
		items[k].Outcome, items[k].Reason = r.Outcome, r.Reason
	}
	for i := range items {
		if items[i].Shown && items[i].Outcome == "" {
			items[i].Outcome = Ignored
		}
	}
	a.Items, a.Responded = items, at
	return nil
}

func (r Response) check() error {
	switch {
	case r.Outcome != Accepted && r.Outcome != Overridden && r.Outcome != Ignored:
		return fmt.Errorf("%w: outcome is accepted, overridden or ignored", ErrResponse)
	case r.Reason != "" && r.Outcome != Overridden:
		return fmt.Errorf("%w: a reason is given for what is overridden", ErrResponse)
	case r.Reason != "" && !slices.Contains(Reasons, r.Reason):
		return fmt.Errorf("%w: reason is one of %v", ErrResponse, Reasons)
	}
	return nil
}

// Marshal is the answer as it is kept.
func (a *Answer) Marshal() ([]byte, error) { return json.Marshal(a) }

// Parse reads what Marshal wrote.
func Parse(b []byte) (a Answer, err error) {
	if err = json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("feedback: reading an answer: %w", err)
	}
	return a, nil
}
