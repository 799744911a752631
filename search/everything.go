package search

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"ember/fhir"
	"ember/store"
)

// Everything asks for what is in a patient's compartment.
type Everything struct {
	Types      []string  // empty for all
	Since      time.Time // stored at this time or later; zero for all
	Start, End int64     // care within these times, in milliseconds of Unix time
	Count      int       // most resources of the compartment in a page; 0 for all, within bounds
	Cursor     string    // of the page before
	// Shared reports of which types what belongs to nobody comes with it.
	Shared func(typ string) bool
	// Only, if not nil, gives the parts of a type that are seen; see [Scope].
	Only func(typ string) []Part
}

// mostEverything is how much of a compartment a page has at most.
const mostEverything = 2000

// Everything is a page of a patient's compartment, the patient first, and what the
// page refers to outside of it. It fails with store.ErrNotFound or store.ErrGone
// where there is no such patient.
func (e *Engine) Everything(ctx context.Context, patient string, ask Everything) (*Page, error) {
	if _, err := e.Store.Get("Patient", patient); err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	after, err := e.resumeEverything(patient, ask.Cursor)
	if err != nil {
		return nil, err
	}
	count := ask.Count
	if count == 0 || count > mostEverything {
		count = mostEverything
	}
	page := &Page{Total: 0}
	var x fhir.Extractor
	// What belongs to others stays out; what belongs to nobody comes with it.
	scope := &Scope{Patients: []string{patient}, Shared: ask.Shared, Only: ask.Only}
	size, whole := 0, true
	for r, err := range e.compartment(patient) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if errors.Is(err, store.ErrCorrupt) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		if !e.asked(&r, &ask, &x) || ask.Only != nil && !e.shows(scope, &r) {
			continue
		}
		page.Total++
		switch {
		case page.Total <= after:
		case len(page.Matches) < count && size < pageBytes:
			size += len(r.Raw)
			page.Matches = append(page.Matches, r)
		default:
			whole = false
		}
	}
	if !whole {
		at := fmt.Sprint(after + len(page.Matches))
		page.Next = base64.RawURLEncoding.EncodeToString(e.Store.Seal([]byte(at), []byte("everything "+patient)))
	}
	q := &Query{Type: "Patient"}
	for _, typ := range typesOf(page.Matches) {
		q.Includes = append(q.Includes, Include{Source: typ})
	}
	if len(ask.Types) == 0 {
		err = e.include(ctx, q, scope, page)
		page.Included = slices.DeleteFunc(page.Included, func(r store.Resource) bool { return r.Patient == patient })
	}
	return page, err
}

// shows is sees for what was not opened yet.
func (e *Engine) shows(scope *Scope, r *store.Resource) bool {
	splices, err := fhir.DecodeSplices(r.Aside)
	return err == nil && e.Sees(scope, r, fhir.Apply(r.Raw, splices))
}

func typesOf(list []store.Resource) (types []string) {
	for _, r := range list {
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
	}
	return types
}

// compartment yields the patient's own record, then the others.
func (e *Engine) compartment(patient string) func(yield func(store.Resource, error) bool) {
	return func(yield func(store.Resource, error) bool) {
		own, err := e.Store.Get("Patient", patient)
		if !yield(own, err) {
			return
		}
		for r, err := range e.Store.Patient(patient) {
			if err == nil && r.Type == "Patient" && r.ID == patient {
				continue
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func (e *Engine) resumeEverything(patient, cursor string) (after int, err error) {
	if cursor == "" {
		return 0, nil
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		var b []byte
		if b, err = e.Store.Unseal(sealed, []byte("everything "+patient)); err == nil {
			_, err = fmt.Sscan(string(b), &after)
		}
	}
	if err != nil {
		return 0, &Error{Code: "value", Param: "_cursor", Detail: "this is no cursor of this server", Hint: "follow the links of a page as they are"}
	}
	return after, nil
}

// asked reports whether a resource is among what was asked for. What has no date
// of care is.
func (e *Engine) asked(r *store.Resource, ask *Everything, x *fhir.Extractor) bool {
	if len(ask.Types) > 0 && !slices.Contains(ask.Types, r.Type) || r.Updated.Before(ask.Since) {
		return false
	}
	if ask.Start == fhir.Earliest && ask.End == fhir.Latest || r.Type == "Patient" {
		return true
	}
	dated, within := false, false
	for _, p := range fhir.Params(r.Type) {
		if !p.Ordered {
			continue
		}
		for _, v := range x.Values(r.Type, r.Raw, p) {
			dated = true
			within = within || v.First <= ask.End && v.Last >= ask.Start
		}
	}
	return !dated || within
}
