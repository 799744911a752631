package search

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"ember/fhir"
	"ember/store"
)

// Scope says what a caller may see. The zero Scope sees everything.
type Scope struct {
	// Patients, if not nil, are the only ones whose compartments are seen.
	Patients []string
	// Shared reports, where patients are set, whether resources of a type that are in
	// no compartment are seen.
	Shared func(typ string) bool
	// Hidden, if any, reports patients who are left out.
	Hidden func(patient string) bool
	// Only, if not nil, gives the parts of a type that are seen, of which none may be.
	Only func(typ string) []Part
	// Name tells scopes apart that see different things: what a page says of the whole is
	// not carried over to a page of another scope.
	Name string
}

// Part is a part of the resources of one type.
type Part struct {
	// Patients, if not nil, are the only ones of whom it is.
	Patients []string
	// Where, if not nil, is met by all of it; see [ParseWhere].
	Where *Query
}

// ParseWhere reads search parameters as a condition that a resource meets by itself; ok is
// false for what cannot be read, is not known for the type, or looks beyond the resource.
func ParseWhere(typ, query string) (q *Query, ok bool) {
	if len(query) > mostWhere || strings.Count(query, "&") >= mostTerms {
		return nil, false
	}
	asked := 0
	for part := range strings.SplitSeq(query, "&") {
		name, value, err := unescape(part)
		if err != nil || name == "" || value == "" {
			return nil, false
		}
		asked++
	}
	q, err := parse(typ, query, 0)
	if err != nil || len(q.Ignored) > 0 || len(q.terms) != asked {
		return nil, false
	}
	for i := range q.terms {
		if q.terms[i].chain != nil || q.terms[i].has != nil {
			return nil, false
		}
	}
	q.Used = url.Values{}
	return q, true
}

// mostWhere bounds a condition, in bytes.
const mostWhere = 4096

// admits reports whether patients may be seen; no patient is seen where the type is shared.
func (s *Scope) admits(patients []string, typ, patient string) bool {
	switch {
	case patients == nil:
		return true
	case patient == "":
		return s.Shared != nil && s.Shared(typ)
	}
	return slices.Contains(patients, patient)
}

func (e *Engine) sees(s *Scope, f *found) bool {
	if s == nil {
		return true
	}
	patient := f.Patient
	if f.Type == "Patient" {
		patient = f.ID
	}
	if s.Hidden != nil && patient != "" && s.Hidden(patient) || !s.admits(s.Patients, f.Type, patient) {
		return false
	}
	if s.Only == nil {
		return true
	}
	return slices.ContainsFunc(s.Only(f.Type), func(p Part) bool {
		return s.admits(p.Patients, f.Type, patient) && (p.Where == nil || e.meets(f, p.Where))
	})
}

// meets decides a condition by the resource alone.
func (e *Engine) meets(f *found, where *Query) bool {
	s := &search{e: e, q: where}
	for i := range where.terms {
		if p := where.terms[i].param; p != nil && p.Type != fhir.CompositeParam {
			s.params = append(s.params, p)
		}
	}
	ok, err := s.matches(f)
	return ok && err == nil
}

// Sees reports whether a scope sees a resource, whose bytes are as answers show them.
func (e *Engine) Sees(s *Scope, r *store.Resource, body []byte) bool {
	return e.sees(s, &found{Resource: *r, body: body, x: &fhir.Extractor{}})
}

// only are the patients of whom a type is seen, nil for all.
func (s *Scope) only(typ string) []string {
	if s == nil {
		return nil
	}
	if s.Only == nil {
		return s.Patients
	}
	all := []string{}
	for _, p := range s.Only(typ) {
		if p.Patients == nil {
			return s.Patients
		}
		all = append(all, p.Patients...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lists hold everything of a type that the scope sees, nil where that is unknown.
func (s *Scope) lists(typ string) (lists [][]byte) {
	patients := s.only(typ)
	if patients == nil || typ == "Patient" || s.Shared != nil && s.Shared(typ) {
		return nil
	}
	lists = [][]byte{}
	for _, p := range patients {
		lists = append(lists, fhir.TargetList(typ, "Patient/"+p, false), fhir.TargetList(typ, "Patient/"+p, true))
	}
	return lists
}

func (s *Scope) name() string {
	if s == nil {
		return ""
	}
	return s.Name
}

// Guard says what may be written, and what of what is stored a write may look at. A nil
// Scope allows everything.
type Guard struct {
	// Create, Update and Delete are what may be written so: the resource as it was, where
	// there was one, and as it will be.
	Create, Update, Delete *Scope
	// Read is what may be read by its id, Find what a condition may find and a reference
	// be resolved to.
	Read, Find *Scope
}

type guardKey struct{}

// WithGuard holds all writes under the context to a guard.
func WithGuard(ctx context.Context, g *Guard) context.Context {
	return context.WithValue(ctx, guardKey{}, g)
}

// GuardOf is the guard of a context, nil where there is none.
func GuardOf(ctx context.Context) *Guard {
	g, _ := ctx.Value(guardKey{}).(*Guard)
	return g
}

type baseKey struct{}

// WithBase says by which FHIR base address whoever asks reached this server.
func WithBase(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, baseKey{}, base)
}

// BaseOf is the base address of a context, "" where it is not known.
func BaseOf(ctx context.Context) string {
	base, _ := ctx.Value(baseKey{}).(string)
	return base
}
