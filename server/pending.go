package server

import (
	"time"

	"ember/record"
)

// Want is what is asked for.
type Want uint8

// The two questions.
const (
	Treatments Want = iota + 1
	Tests
)

// String is the name used in requests, "invalid" for anything else.
func (w Want) String() string {
	switch w {
	case Treatments:
		return "treatments"
	case Tests:
		return "tests"
	}
	return "invalid"
}

// Query is one question.
type Query struct {
	Past             record.Past
	Want             Want
	Context          []record.Event
	Limit            int
	Explain          record.Code
	Key, DataVersion string
}

// ModelRef names the model that ranked.
type ModelRef struct{ Name, Version string }

// Answer is what the chart, the model and the rules say together.
type Answer struct {
	At                          time.Time
	Want                        Want
	Model                       ModelRef
	Items                       []Item
	Blocked                     []Blocked
	Checks, Unchecked, Degraded []string
	Abstained                   bool
	AbstainReason               string
	IntendedUse                 string
	Rules                       string
	Explained                   *Explanation
}

// Item is one recommendation.
type Item struct {
	Code        record.Code
	Kind        record.Kind
	Status      string
	Probability float64
	Reasons     []Reason
	Similar     Similar
	Warnings    []Finding
}

// Reason is one summand of an item's log odds.
type Reason struct {
	Text    string
	Weight  float64
	Sources []string
}

// Similar says how many of the N most similar patients received something.
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
	Findings    []Finding
}

// Explanation is why an order is recommended, or why not.
type Explanation struct {
	Item    Item
	Rank    int
	Outcome string
	Blocked []Finding
}

// Finding is what a rule says.
type Finding struct {
	Rule, Tier   string
	Text, Source string
	References   []string
	Severity     string
	Assumption   string
}
