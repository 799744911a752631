package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"ember/fhir"
	"ember/index"
	"ember/ingest"
	"ember/record"
	"ember/store"
	"ember/terms"
	"ember/timelines"
)

// counts are frequencies by name.
type counts map[string]int

// share is how many of all.
type share struct{ of, all int }

func (s *share) add(yes bool) {
	s.all++
	if yes {
		s.of++
	}
}

// survey is what one source came to.
type survey struct {
	source
	read, stored, refused int
	bare                  int    // entries of Bundles without a resource
	same                  share  // stored byte for byte
	types                 counts // resources stored
	issues                counts // of reading and storing
	doubts                counts // of making timelines
	patients, notes       int
	events                counts
	mapped                map[string]*share
	unmapped              map[string]counts
	judged                judged
}

// survey loads a source into a store of its own and reads it back from there.
func (s *surveyor) survey(ctx context.Context, src source, data string) (*survey, error) {
	v := &survey{source: src, types: counts{}, issues: counts{}, doubts: counts{}, events: counts{}, mapped: map[string]*share{}, unmapped: map[string]counts{}}
	v.judged.rules = map[string]*ruled{}
	dir, err := os.MkdirTemp("", "ember-data")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	st, err := store.Open(store.Options{Dir: filepath.Join(dir, "store"), Now: s.now})
	if err != nil {
		return nil, err
	}
	defer func() { _ = st.Close() }()
	mapper := fhir.NewMapper(s.terms)
	if err := v.load(ctx, s, st, mapper, src.in(data)); err != nil {
		return nil, err
	}
	if err := v.compare(ctx, st, src.in(data)); err != nil {
		return nil, err
	}
	for id, err := range st.Patients() {
		if err != nil {
			return nil, err
		}
		if err := v.patient(s, st, mapper, id); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// never is longer than any load: the follower stays at rest, as the timelines are
// made here, with their issues.
const never = 1000 * time.Hour

func (v *survey) load(ctx context.Context, s *surveyor, st *store.Store, mapper *fhir.Mapper, paths []string) (err error) {
	x, err := index.Open(index.Options{})
	if err != nil {
		return err
	}
	in, err := ingest.Open(ctx, ingest.Options{Store: st, Mapper: mapper, Timelines: timelines.New(nowhere{}, 1), Index: x, Quiet: never, Patience: never, Now: s.now})
	if err != nil {
		return err
	}
	_, err = in.LoadPaths(ctx, paths, func(o ingest.Outcome) {
		switch {
		case o.Status >= 400 && o.Type == "" && len(o.Issues) == 0:
			v.bare++
			return
		case o.Status >= 400:
			v.refused++
		}
		v.read++
		for _, i := range o.Issues {
			v.issues[fmt.Sprintf("%s, %s: %s", i.Severity, i.Code, i.Detail)]++
		}
	})
	if closed := in.Close(); err == nil {
		err = closed
	}
	for typ, n := range st.Counts() {
		v.types[typ] += int(n)
		v.stored += int(n)
	}
	return err
}

// nowhere is where no timeline is ever written.
type nowhere struct{}

func (nowhere) Get([]byte) ([]byte, bool, error) { return nil, false, nil }
func (nowhere) Put([]timelines.Pair) error       { return nil }
func (nowhere) Delete([][]byte) error            { return nil }
func (nowhere) All() iter.Seq2[timelines.Pair, error] {
	return func(func(timelines.Pair, error) bool) {}
}

// compare reads the source once more, beside what is stored: every resource that
// could be read must be there with the very bytes, in one of its versions.
func (v *survey) compare(ctx context.Context, st *store.Store, paths []string) error {
	kept := map[[sha256.Size]byte]bool{}
	for c, err := range st.Changes(0) {
		if err != nil {
			return err
		}
		versions, err := st.History(c.Type, c.ID)
		if err != nil {
			return err
		}
		for _, r := range versions {
			kept[sha256.Sum256(r.Raw)] = true
		}
	}
	return fhir.Walk(ctx, paths, fhir.Limits{}, func(e fhir.Entry, issues []fhir.Issue) error {
		if e.Raw != nil && !fhir.Refused(issues) {
			v.same.add(kept[sha256.Sum256(e.Raw)])
		}
		return nil
	}, func(fhir.Summary) error { return nil })
}

// patient makes the timeline of one patient and counts what it holds.
func (v *survey) patient(s *surveyor, st *store.Store, mapper *fhir.Mapper, id string) error {
	var failed error
	resources := func(yield func(fhir.Resource) bool) {
		for r, err := range st.Patient(id) {
			if err != nil {
				failed = err
				return
			}
			raw, err := current(r)
			if err != nil {
				failed = err
				return
			}
			if !r.Deleted && !yield(fhir.Resource{Ref: r.Type + "/" + r.ID, Raw: raw}) {
				return
			}
		}
	}
	t, notes, issues := mapper.Timeline(id, resources, func(ref string) ([]byte, bool) {
		p := fhir.ParseReference(ref)
		r, err := st.Get(p.Type, p.ID)
		if err != nil {
			return nil, false
		}
		raw, err := current(r)
		return raw, err == nil
	})
	if failed != nil {
		return failed
	}
	v.patients++
	v.notes += len(notes)
	for _, i := range issues {
		v.doubts[fmt.Sprintf("%s, %s: %s", i.Severity, i.Code, i.Detail)]++
	}
	for _, part := range [][]record.Event{t.Events, t.Undated} {
		for i := range part {
			v.event(s.terms, &part[i])
		}
	}
	if v.orders {
		v.judged.timeline(s, t)
	}
	return nil
}

func current(r store.Resource) ([]byte, error) {
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return nil, fmt.Errorf("%s/%s: %w", r.Type, r.ID, err)
	}
	return fhir.Apply(r.Raw, splices), nil
}

// The things that are mapped.
const (
	drugs       = "drugs"
	drugWords   = "drugs with words"
	allergens   = "allergens"
	conditions  = "conditions and findings"
	tests       = "tests"
	procedures  = "procedures"
	unitsMapped = "units"
)

// address is the LOINC code of an address, which Synthea writes as a quantity:
// the house number, in units of the street.
const address = "56799-0"

// event counts an event and whether it means something beyond its site.
func (v *survey) event(t *terms.Terms, e *record.Event) {
	v.events[e.Kind.String()]++
	known := t.Mapped(e.Kind, e.Concept)
	words := e.Text
	for _, c := range e.Codes {
		if words == "" {
			words = c.Display
		}
	}
	switch e.Kind {
	case record.Medication:
		v.rate(drugs, known, words, e.Concept)
		if words != "" {
			v.rate(drugWords, known, "", record.Code{})
		}
	case record.Allergy:
		v.rate(allergens, known, words, e.Concept)
	case record.Condition, record.Finding:
		if !e.HasValue {
			v.rate(conditions, known, words, e.Concept)
		}
	case record.Test:
		v.rate(tests, known, words, e.Concept)
	case record.Procedure:
		v.rate(procedures, known, words, e.Concept)
	}
	if e.HasValue && e.Unit != "" {
		_, ok := t.Convert(e.Value, e.Unit, e.Unit, e.Concept.Value)
		unit := e.Unit
		if e.Concept.Value == address {
			unit = "a street, as the unit of an address (LOINC " + address + ")"
		}
		v.rate(unitsMapped, ok, unit, record.Code{})
	}
}

// rate counts one thing; what is not mapped is named by its words, else its code.
func (v *survey) rate(what string, known bool, words string, code record.Code) {
	if v.mapped[what] == nil {
		v.mapped[what] = &share{}
	}
	v.mapped[what].add(known)
	if words == "" && code.Value != "" {
		words = "code " + code.Value
	}
	if known || words == "" {
		return
	}
	if v.unmapped[what] == nil {
		v.unmapped[what] = counts{}
	}
	v.unmapped[what][words]++
}
