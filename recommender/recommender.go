// Package recommender answers what would be ordered next for a patient:
// treatments and tests, ranked, each with a calibrated probability, reasons that
// add up to it, what similar patients received, and every safety rule that was
// checked or could not be.
//
// [Train] fits an [Artifact] to timelines; an [Engine] answers from it. Inside,
// sources propose candidates, a ranker scores them, rules have the last word.
//
// Its invariants: nothing here looks at anything but a [record.Past] and the
// artifact, reads a clock, or knows a patient by name; a source or a cache that
// fails degrades the answer and is named in it; a rule that fails fails it.
package recommender

import (
	"context"
	"time"

	"ember/recommender/feedback"
	"ember/recommender/safety"
	"ember/record"
)

// Cache keeps candidate sets. A value is only ever read under the key it was set
// with; keys hold no identifiers. Implementations are safe for concurrent use
// and may lose anything at any time.
type Cache interface {
	// Get returns the value, and false when there is none. The value is not
	// modified.
	Get(ctx context.Context, key string) ([]byte, bool, error)
	// Set keeps a value for a while; the slice is the cache's from then on.
	Set(ctx context.Context, key string, value []byte, lifetime time.Duration) error
}

// Query is one question.
type Query struct {
	Past record.Past
	Want Want
	// Context is what is being done at the moment and not on record: draft
	// orders, the hook's context. It is heeded and never cached.
	Context []record.Event
	Limit   int // items; 0 = 10
	// Explain is an order to explain whether or not it is recommended.
	Explain record.Code
	// Explore, when set, asks for what was shown and could have been, for feedback.
	Explore *Exploration
	// Key stands for the patient in cache keys; the caller has hashed it with
	// a secret. DataVersion changes whenever the patient's data does. Without
	// a key nothing is cached, which is right for questions about the past.
	Key, DataVersion string
}

// ModelRef names the model that ranked.
type ModelRef struct{ Name, Version string }

// Answer is what the patient's chart, the model and the rules say together.
type Answer struct {
	At      time.Time
	Want    Want
	Model   ModelRef
	Items   []Item    // best first
	Blocked []Blocked // what would have been an item, and must not be
	// Sets say how many candidates it takes to hold a stated share of the orders
	// that follow: how sure the model is. None where it can promise nothing.
	Sets []Set
	// Checks are the rules that were checked, none when abstained; Unchecked says what could not
	// be, Degraded which sources (or "cache") failed to take part.
	Checks, Unchecked, Degraded []string
	Abstained                   bool
	AbstainReason               string
	IntendedUse                 string
	Rules                       string       // version of the safety rules
	Explained                   *Explanation // for Query.Explain
	// Shown is the list for feedback, for Query.Explore; without id and patient.
	Shown *feedback.Answer
}

// Item is one recommendation.
type Item struct {
	Code   record.Code
	Kind   record.Kind
	Status string // "continue": active or ordered within the window, else "new"
	// Probability that it is ordered now, calibrated on patients the model had
	// not seen.
	Probability float64
	Reasons     []Reason // strongest first; their weights sum to the log odds
	Similar     Similar
	Warnings    []safety.Finding
	// Preference is what feedback on earlier answers adds to the log odds that items
	// are put in order by; it is no part of the probability. Explored: shown in the place of
	// another to learn what is made of it.
	Preference float64
	Explored   bool
}

// Reason is one summand of an item's log odds.
type Reason struct {
	Text    string
	Weight  float64
	Sources []string // references of what it rests on: "Condition/123"
}

// Similar says how many of the N most similar patients received something.
// Counts below 11 are withheld: then Received is nil and Below is 11.
type Similar struct {
	N        int
	Received *int
	Below    int
}

// Blocked is a candidate that the rules forbid.
type Blocked struct {
	Code        record.Code
	Kind        record.Kind
	Status      string
	Probability float64
	Findings    []safety.Finding
}

// Explanation is why an order is recommended, or why not.
type Explanation struct {
	Item    Item
	Rank    int // among all candidates, 1 is best; 0 when it was never ordered to anyone
	Outcome string
	Blocked []safety.Finding
}

// IntendedUse is what every answer is for.
const IntendedUse = "Supports, and does not replace, the judgement of a clinician who knows the patient; not for emergencies or for use without review."

// disclosed is the smallest count that is told.
const disclosed = 11

func similarOf(received, of int) Similar {
	if received < disclosed {
		return Similar{N: of, Below: disclosed}
	}
	return Similar{N: of, Received: &received}
}
