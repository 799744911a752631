package aiaas

import (
	"encoding/json"
	"time"
)

// JobRequest says what to make a version of a model from, and how.
type JobRequest struct {
	Model    string          `json:"model"`              // to make a version of
	Dataset  string          `json:"dataset"`            // to learn from
	Families []string        `json:"families,omitempty"` // to try; empty = all that suit
	Best     bool            `json:"best,omitempty"`     // the best, not the simplest within one standard error of it
	Spec     json.RawMessage `json:"spec,omitempty"`     // a network of one's own, as nn.Spec
	Options  json.RawMessage `json:"options,omitempty"`  // its training, as nn.Options
	Seconds  float64         `json:"seconds,omitempty"`  // to be done in, default 600
	Folds    int             `json:"folds,omitempty"`    // default 5
	Seed     uint64          `json:"seed,omitempty"`
	Threads  int             `json:"threads,omitempty"` // default: all, or half of them beside a server
	Hold     bool            `json:"hold,omitempty"`    // do not serve it, whatever the gate says
	Groups   []string        `json:"groups,omitempty"`  // columns whose values are subgroups in the evaluation
}

// JobState is where a job stands.
type JobState string

// The states. The last three are final.
const (
	Queued    JobState = "queued"
	Running   JobState = "running"
	Done      JobState = "done"
	Failed    JobState = "failed"
	Cancelled JobState = "cancelled"
)

// Final reports whether a job will not change any more.
func (s JobState) Final() bool { return s == Done || s == Failed || s == Cancelled }

// Job is one training, from the moment it was asked for.
type Job struct {
	ID      string     `json:"id"`
	Request JobRequest `json:"request"`
	State   JobState   `json:"state"`
	Created time.Time  `json:"created"`
	Started time.Time  `json:"started,omitzero"`
	Ended   time.Time  `json:"ended,omitzero"`

	Stage string  `json:"stage,omitempty"` // what is being fitted
	Share float64 `json:"done"`            // 0 to 1, of the stage
	Note  string  `json:"note,omitempty"`  // such as loss and metric
	Left  float64 `json:"left,omitempty"`  // seconds the stage will take still; 0 = unknown

	Version  string  `json:"version,omitempty"` // that came of it
	Family   string  `json:"family,omitempty"`
	Decision string  `json:"decision,omitempty"` // of the gate, in words
	Error    string  `json:"error,omitempty"`
	Measure  string  `json:"measure,omitempty"` // what the board compares by
	Board    []Entry `json:"board,omitempty"`
}
