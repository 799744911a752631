package server

import (
	"context"
	"time"

	"ember/record"
)

// Recommender answers what would be done next.
type Recommender interface {
	Recommend(ctx context.Context, q Query) (Answer, error)
}

// Issue …
type Issue struct{ Severity, Code, Path, Detail string }

type Want uint8

const (
	Treatments Want = iota + 1
	Tests
)

type Query struct {
	Past             record.Past
	Want             Want
	Context          []record.Event
	Limit            int
	Explain          record.Code
	Key, DataVersion string
}
type ModelRef struct{ Name, Version string }
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
}
type Item struct {
	Code        record.Code
	Kind        record.Kind
	Status      string
	Probability float64
	Reasons     []Reason
	Similar     Similar
	Warnings    []Finding
}
type Reason struct {
	Text    string
	Weight  float64
	Sources []string
}
type Similar struct {
	N, Received int
	Below       int
}
type Blocked struct {
	Code     record.Code
	Kind     record.Kind
	Findings []Finding
}
type Finding struct {
	Rule, Tier   string
	Text, Source string
	References   []string
	Severity     string
	Assumption   string
}
