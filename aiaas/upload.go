package aiaas

import (
	"encoding/json"
	"errors"
	"io"
	"time"
)

// What callers tell apart with errors.Is. The texts hold no values of samples and
// are safe to show.
var (
	// ErrNotFound: there is no such dataset, job, model or version.
	ErrNotFound = errors.New("there is no such")
	// ErrExists: the name is taken.
	ErrExists = errors.New("the name is taken")
	// ErrBusy: the state does not allow it now.
	ErrBusy = errors.New("not now")
	// ErrInvalid: the request, or the data in it, cannot be used.
	ErrInvalid = errors.New("cannot be used")
	// ErrRefused: the gate refuses it; force goes before it.
	ErrRefused = errors.New("refused")
)

// File is one file of an upload.
type File struct {
	Name string
	Body io.Reader
}

// DatasetInfo is what is known of a dataset without reading it.
type DatasetInfo struct {
	Name     string         `json:"name"`
	Task     string         `json:"task"`
	Created  time.Time      `json:"created"`
	Bytes    int64          `json:"bytes"`
	Files    []string       `json:"files"`
	Samples  int            `json:"samples"`
	Subjects int            `json:"subjects"`
	Classes  []Count        `json:"classes,omitempty"`
	Columns  []ColumnReport `json:"columns"`
	Findings int            `json:"findings"` // of the report
	Schema   Schema         `json:"schema"`
	// Origin is how the samples were drawn, where they are moments of patients of a
	// cohort; nil for an upload.
	Origin json.RawMessage `json:"origin,omitempty"`
}
