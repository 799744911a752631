// Package models keeps the versions of models: what they were made of, what they
// measured, which of them serves, and how that came to be.
//
// A [Registry] is a directory owned by one process. A version is a folder with
// files nobody changes any more and a [Manifest] with their checksums;
// [Registry.Create] makes it whole or not at all. Which version serves is the end
// of the list of promotions, one file that is replaced in one step. [Gate] is the
// rule by which a new version may serve.
//
// Invariants: a version that is listed was written completely and synced; what
// [Registry.Path] hands out has the checksums of its manifest; whatever happens
// to other versions, the served one stays served until another is promoted.
// The package does not know what a model computes.
//
//	DIR/NAME/promotions.json       who served when, the last one serves now
//	DIR/NAME/VERSION/manifest.json
//	DIR/NAME/VERSION/…             the files of the artifact
package models

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"time"
)

// What callers tell apart with errors.Is; the texts name model and version.
var (
	// ErrNotFound: there is no such model, version, or nothing that serves.
	ErrNotFound = errors.New("no such model")
	// ErrExists: a version of that name is there already; versions never change.
	ErrExists = errors.New("version exists")
	// ErrCorrupt: files are missing, more, or not what the manifest says.
	ErrCorrupt = errors.New("corrupt")
	// ErrServed: the version serves and cannot be deleted.
	ErrServed = errors.New("version serves")
	// ErrInvalid: a name, version or manifest that cannot be kept.
	ErrInvalid = errors.New("invalid")
)

// Estimate is a measured value with its 95 % interval and the number of units
// (patients, stays) it rests on.
type Estimate struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	N     int     `json:"n"`
}

// Data names what a version was fitted on.
type Data struct {
	Version  string `json:"version"` // of the data, as its owner counts it
	Patients int    `json:"patients"`
}

// Manifest is what is known of a version. Create fills Name, Created, Files and,
// if it is empty, Version.
type Manifest struct {
	Name    string              `json:"name"`
	Version string              `json:"version"`
	Kind    string              `json:"kind"` // what the artifact is, in its maker's words
	Created time.Time           `json:"created"`
	Data    Data                `json:"data"`
	Seed    uint64              `json:"seed"`
	Code    string              `json:"code"`             // version of the program that made it
	Parent  string              `json:"parent,omitempty"` // version it was compared with or continued from
	Metrics map[string]Estimate `json:"metrics,omitempty"`
	Against string              `json:"against,omitempty"` // version that served when this one was made
	Gate    string              `json:"gate,omitempty"`    // what it was compared with and what came of it, in words
	Forced  bool                `json:"forced,omitempty"`  // made to be served against the gate's word
	Files   map[string]string   `json:"files"`             // SHA-256 in hexadecimal, by slash-separated path
}

// Promotion is one change of what serves.
type Promotion struct {
	Version  string    `json:"version"` // serves since At
	From     string    `json:"from,omitempty"`
	At       time.Time `json:"at"`
	Forced   bool      `json:"forced,omitempty"`
	Rollback bool      `json:"rollback,omitempty"`
}

// Decision is the gate's, with its reason in words for people.
type Decision struct {
	Serve bool   `json:"serve"`
	Why   string `json:"why"`
}

// tolerance is how far below the served version the new one may lie in the worst
// case that its interval allows.
const tolerance = 0.005

// Gate decides by the difference new − other, measured on the same patients,
// whether the new version may serve in the place of the other: the difference must be above 0 and the lower end of
// its interval above −0.005. Anything that is not a number is refused.
func Gate(diff Estimate) Decision {
	switch {
	case math.IsNaN(diff.Value+diff.Low+diff.High) || math.IsInf(diff.Value, 0) || diff.Low > diff.Value || diff.Value > diff.High:
		return Decision{Why: "the difference was not measured"}
	case diff.Value <= 0:
		return Decision{Why: fmt.Sprintf("not better: difference %+.4f [%+.4f, %+.4f]", diff.Value, diff.Low, diff.High)}
	case diff.Low <= -tolerance:
		return Decision{Why: fmt.Sprintf("may be worse by more than %.3f: difference %+.4f [%+.4f, %+.4f]", tolerance, diff.Value, diff.Low, diff.High)}
	}
	return Decision{Serve: true, Why: fmt.Sprintf("better: difference %+.4f [%+.4f, %+.4f]", diff.Value, diff.Low, diff.High)}
}

// safeName holds for names of models and versions: they are names of folders.
var safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func checkName(what, s string) error {
	if !safeName.MatchString(s) {
		return fmt.Errorf("%s %q must be letters, digits, dots, dashes: %w", what, s, ErrInvalid)
	}
	return nil
}

// validate reports all that keeps a manifest from being written.
func (m Manifest) validate() error {
	errs := []error{checkName("name", m.Name), checkName("version", m.Version)}
	for name, e := range m.Metrics {
		for _, v := range []float64{e.Value, e.Low, e.High} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				errs = append(errs, fmt.Errorf("metric %q is not a number: %w", name, ErrInvalid))
				break
			}
		}
	}
	return errors.Join(errs...)
}
