package cds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"ember/record"
)

// situation is what an answer rests on: the patient's past, and what is being done.
type situation struct {
	past         record.Past
	facts        []record.Event  // being done or entered
	key, version string          // of the chart, when nothing else was used
	unchecked    []string        // drafts that no rule can see
	notes        []string        // what is missing
	nameless     map[string]bool // drafts whose id is none of the client's
	resources    int
}

// situation reads what was sent, adds what can be read elsewhere, and maps it.
func (s *Service) situation(ctx context.Context, r *Request, turn *turn) (*situation, error) {
	c, err := s.collect(r)
	if err != nil {
		return nil, err
	}
	if todo := s.queries(r, c); len(todo) > 0 {
		turn.leave()
		s.fetch(ctx, r, c, todo)
		if err := turn.enter(ctx); err != nil {
			return nil, err
		}
	}
	missing := c.missing(r)
	var own *Chart
	if len(missing) > 0 || len(c.refs) > 0 || c.poor || len(c.notes) > 0 {
		chart, err := s.deps.Charts.Chart(ctx, r.Patient)
		switch {
		case err == nil:
			own = &chart
		case !errors.Is(err, ErrNoPatient):
			return nil, err
		}
	}
	if own == nil && len(c.answered) == 0 && c.count() == 0 {
		return nil, &Problem{Status: http.StatusPreconditionFailed, Code: "required", Path: "prefetch",
			Detail: "nothing is known of the patient: there was no prefetch, no FHIR server that could be read, and there is no record here",
			Hint:   "send the prefetch that GET /cds-services asks for, or fhirServer with fhirAuthorization for a server that this site allows"}
	}
	if own == nil {
		c.lacks(missing)
	}
	return s.mapped(ctx, r, c, own)
}

// lacks notes prefetch keys that nothing was found for.
func (c *collection) lacks(keys []string) {
	for _, key := range keys {
		c.note(key + ": not sent, and could not be read")
	}
}

// collect takes what the request holds.
func (s *Service) collect(r *Request) (*collection, error) {
	c := newCollection(r.Patient)
	if len(r.prefetch) > 0 {
		// The Patient first: its identifiers tell whose the rest is.
		c.prefetched("patient", r.prefetch["patient"])
		if _, sent := r.prefetch["patient"]; !sent {
			delete(c.answered, "patient")
		}
	}
	if present(r.doing) {
		if err := c.doing(r.hook.field, r.doing); err != nil {
			return nil, err
		}
	}
	for _, key := range slices.Sorted(maps.Keys(r.prefetch)) {
		if key != "patient" {
			c.prefetched(key, r.prefetch[key])
		}
	}
	c.resolve()
	return c, nil
}

// resolve makes drafts of the orders that are referred to and that the prefetch holds.
func (c *collection) resolve() {
	asked := make(map[string]bool, len(c.refs))
	for _, ref := range c.refs {
		asked[ref] = true
	}
	found := map[string]bool{}
	others := c.others
	c.others = nil
	for _, o := range others {
		ref := o.typ + "/" + o.id
		if !asked[ref] || found[ref] {
			c.others = append(c.others, o)
			continue
		}
		found[ref] = true
		c.draft("the order", o)
	}
	c.refs = slices.DeleteFunc(c.refs, func(ref string) bool { return found[ref] })
}

// mapped makes the situation of what was collected.
func (s *Service) mapped(ctx context.Context, r *Request, c *collection, own *Chart) (*situation, error) {
	now := s.deps.Now()
	sit := &situation{resources: c.count(), nameless: c.nameless}
	var posted record.Timeline
	if c.count() > 0 || len(c.drafts) > 0 || own == nil {
		var err error
		if posted, _, err = s.deps.Reader.Bundle(ctx, bytes.NewReader(c.posted())); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("cds: mapping what was sent: %w", err)
		}
	}
	if own != nil && c.self != nil && !samePerson(own.Timeline.Person, posted.Person, own.Identifiers, c.identifiers) {
		c.note("the record here under this id is of somebody else and was not used")
		c.lacks(c.missing(r))
		own = nil
	}
	all := posted
	if own != nil {
		all = own.Timeline
		if c.count() > 0 || len(c.drafts) > 0 {
			all = merged(own.Timeline, posted, c.self != nil)
		}
	}
	drafts := map[string]bool{}
	for _, d := range c.drafts {
		drafts[d.typ+"/"+d.id] = true
	}
	for _, ref := range c.refs {
		drafts[ref] = true
	}
	all, sit.facts = apart(all, drafts, now)
	c.unmapped(sit.facts)
	if own != nil && c.count() == 0 && len(sit.facts) == 0 {
		sit.key, sit.version = own.Key, own.Version
	}
	sit.past, sit.notes, sit.unchecked = all.Live(now), c.notes, c.unchecked
	return sit, nil
}

// samePerson refuses to take two records for one person's because they have the same id:
// the client's server and this one may count differently. Where both have an identifier of
// one system, that decides; else what both know of sex and birth must not differ.
func samePerson(own, posted record.Person, ours, theirs []string) bool {
	common := false
	for _, a := range ours {
		system, _, _ := strings.Cut(a, "|")
		for _, b := range theirs {
			if other, _, _ := strings.Cut(b, "|"); system == "" || system != other {
				continue
			}
			if common = true; a == b {
				return true
			}
		}
	}
	return !common && (own.Sex == 0 || posted.Sex == 0 || own.Sex == posted.Sex) && bornAlike(own.Born, posted.Born)
}

// bornAlike compares dates as far as both are known.
func bornAlike(a, b record.Date) bool {
	switch {
	case a.Zero() || b.Zero():
		return true
	case a.Year != b.Year:
		return false
	case a.Month == 0 || b.Month == 0:
		return true
	}
	return a.Month == b.Month && (a.Day == 0 || b.Day == 0 || a.Day == b.Day)
}

// unmapped names drafts that became no event.
func (c *collection) unmapped(facts []record.Event) {
	found := map[string]bool{}
	for i := range facts {
		found[facts[i].Source] = true
	}
	for _, d := range c.drafts {
		if !found[d.typ+"/"+d.id] {
			c.unchecked = append(c.unchecked, "a "+d.typ+" says nothing that can be checked (no code, or entered in error)")
		}
	}
	for _, ref := range c.refs {
		if !found[ref] {
			c.unchecked = append(c.unchecked, "an order that is referred to could not be found and was not checked")
		}
	}
}

// apart takes the events of the drafts out of a timeline. They are no drafts for the
// rules, but orders as of now.
func apart(t record.Timeline, drafts map[string]bool, now time.Time) (rest record.Timeline, facts []record.Event) {
	if len(drafts) == 0 {
		return t, nil
	}
	split := func(events []record.Event) (kept []record.Event) {
		for _, e := range events {
			if !drafts[e.Source] {
				kept = append(kept, e)
				continue
			}
			e.Cancelled, e.Known = false, now
			if e.Start.IsZero() {
				e.Start = now
			}
			facts = append(facts, e)
		}
		return kept
	}
	t.Events, t.Undated = split(t.Events), split(t.Undated)
	return t, facts
}

// merged is the stored timeline with what was sent: what was sent goes before what is
// stored of the same resource.
func merged(stored, posted record.Timeline, person bool) record.Timeline {
	sent := map[string]bool{}
	for _, events := range [][]record.Event{posted.Events, posted.Undated} {
		for i := range events {
			sent[base(events[i].Source)] = true
		}
	}
	for i := range posted.Encounters {
		sent[posted.Encounters[i].ID] = true
	}
	kept := func(events []record.Event) []record.Event {
		return slices.DeleteFunc(slices.Clone(events), func(e record.Event) bool { return sent[base(e.Source)] })
	}
	t := stored
	t.Events = append(kept(stored.Events), posted.Events...)
	t.Undated = append(kept(stored.Undated), posted.Undated...)
	t.Encounters = append(slices.DeleteFunc(slices.Clone(stored.Encounters), func(e record.Encounter) bool { return sent[e.ID] }), posted.Encounters...)
	if person {
		t.Person = posted.Person
	}
	t.Sort()
	return t
}
