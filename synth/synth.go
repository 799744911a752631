// Package synth makes a synthetic hospital: invented people whose courses
// follow public clinical guidelines, as FHIR R4 resources in the manner of US
// Core. It is for demonstrations, load tests and for evaluation against known
// probabilities: every decision to order is drawn from a probability the
// generator knows and can write down (the oracle).
//
// [Generate] streams resources to a function, [Write] writes one NDJSON file
// per type. testdata/README.md in the repository's root names the guideline
// each course follows and how the data is made.
//
// Its one invariant: the same Options give the same bytes, on any number of
// cores, and patient i of a seed is the same whatever the number of patients.
package synth

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The profiles of [Options]: how much of a life is written down.
const (
	// Full is about 120 resources a patient: three and a half years of care, notes,
	// reports, panels, imaging.
	Full = "full"
	// Lean is about 25 resources a patient: a year and a half, few notes and
	// reports.
	Lean = "lean"
)

// OracleType is the Type of the lines that carry true probabilities. They are
// not FHIR and must not be loaded.
const OracleType = "oracle"

// Options say which hospital to make. The zero value is a valid empty hospital
// of profile full.
type Options struct {
	// Patients is the number of people. Merged duplicates come on top (about
	// one in 200 people has a second, replaced Patient resource).
	Patients int
	// Seed chooses the hospital: its clinicians, its habits and its people.
	Seed uint64
	// Profile is Full or Lean; "" is Full.
	Profile string
	// Until is the end of history; nothing is dated later. Zero is 2025-01-01 UTC.
	Until time.Time
	// Gzip makes Write compress its files (.ndjson.gz). Generate ignores it.
	Gzip bool
	// Oracle adds one line of type OracleType per encounter with orders.
	Oracle bool
}

// Validate reports all faults of the options together, each with its field.
func (o Options) Validate() error {
	var faults []error
	if o.Patients < 0 {
		faults = append(faults, fmt.Errorf("synth: Patients: %d is negative", o.Patients))
	}
	if o.Profile != "" && o.Profile != Full && o.Profile != Lean {
		faults = append(faults, fmt.Errorf("synth: Profile: %q is neither %q nor %q", o.Profile, Full, Lean))
	}
	if !o.Until.IsZero() && (o.Until.Year() < 1980 || o.Until.Year() > 2200) {
		faults = append(faults, fmt.Errorf("synth: Until: year %d is outside 1980 to 2200", o.Until.Year()))
	}
	return errors.Join(faults...)
}

func (o Options) withDefaults() Options {
	if o.Profile == "" {
		o.Profile = Full
	}
	if o.Until.IsZero() {
		o.Until = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	o.Until = o.Until.UTC().Truncate(time.Second)
	return o
}

// Resource is one generated resource. JSON holds no line break and is valid
// only until the function it was handed to returns.
type Resource struct {
	Type string
	JSON []byte
}

// Generate hands the hospital to sink: shared resources first (Organization,
// Location, Practitioner, Medication), then patient by patient, each Patient
// before what refers to it. Patients are made on all cores, but sink is called
// from the calling goroutine only, in order. It stops at the first error of
// sink or at the end of ctx and returns that error.
func Generate(ctx context.Context, opt Options, sink func(Resource) error) error {
	if err := opt.Validate(); err != nil {
		return err
	}
	opt = opt.withDefaults()
	h := newHospital(opt.Seed)
	var shared page
	h.write(&shared)
	if err := shared.each(sink); err != nil {
		return err
	}
	return pages(ctx, opt, h, func(p *page) error { return p.each(sink) })
}
