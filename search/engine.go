package search

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ember/fhir"
	"ember/store"
)

// Engine answers searches. It is safe for concurrent use; its fields are set once.
type Engine struct {
	Store *store.Store
	// Units converts a value between units of UCUM; ok is false where it cannot.
	Units func(v float64, from, to string) (float64, bool)
	// Terms, if any, knows value sets and hierarchies of codes.
	Terms Terms
	Now   func() time.Time
}

// found is a resource that matches.
type found struct {
	store.Resource
	at   store.Position
	body []byte // as answers show it, without version and time
	x    *fhir.Extractor
}

// values are those of one parameter. They are overwritten by the next call.
func (f *found) values(p *fhir.Param) []fhir.Value { return f.x.Values(f.Type, f.body, p) }

// search is one query under way.
type search struct {
	e      *Engine
	ctx    context.Context
	q      *Query
	scope  *Scope
	params []*fhir.Param // of the terms that are decided by values
	x      fhir.Extractor
	chains map[link]bool // what was looked at already
	read   int
}

// link is a target that one chained term was asked of.
type link struct {
	t      *term
	target string
}

func (e *Engine) newSearch(ctx context.Context, q *Query, scope *Scope) *search {
	s := &search{e: e, ctx: ctx, q: q, scope: scope, chains: map[link]bool{}}
	for i := range q.terms {
		if p := q.terms[i].param; p != nil && p.Type != fhir.CompositeParam {
			s.params = append(s.params, p)
		}
	}
	return s
}

// each calls yield for what matches, in the order of the lists, behind a position
// if one is given, until it returns false.
func (e *Engine) each(ctx context.Context, q *Query, scope *Scope, after *store.Position, yield func(*found) bool) error {
	p, err := e.plan(ctx, q, scope)
	if err != nil {
		return err
	}
	return e.walk(ctx, q, scope, p, after, yield)
}

func (e *Engine) walk(ctx context.Context, q *Query, scope *Scope, p *plan, after *store.Position, yield func(*found) bool) error {
	s := e.newSearch(ctx, q, scope)
	if p.named {
		return s.named(p, yield)
	}
	for entry, err := range e.Store.Scan(p.spans, p.descending, after) {
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		if !marked(entry, p.marks) {
			continue
		}
		f, ok, err := s.look(entry.Position)
		if err != nil {
			return err
		}
		if ok && !yield(f) {
			return nil
		}
	}
	return ctx.Err()
}

// named looks at the resources of a plan whose ids are known, in its order.
func (s *search) named(p *plan, yield func(*found) bool) error {
	for _, ref := range p.ids {
		f, ok, err := s.look(s.e.at(ref.Type, ref.ID))
		if err != nil {
			return err
		}
		if ok && !yield(f) {
			return nil
		}
	}
	return s.ctx.Err()
}

func marked(entry *store.ListEntry, marks [][]uint16) bool {
	for _, any := range marks {
		if !slices.ContainsFunc(any, entry.Marked) {
			return false
		}
	}
	return true
}

// look reads a candidate and decides whether it matches. What has been deleted or
// damaged meanwhile does not.
func (s *search) look(at store.Position) (*found, bool, error) {
	if s.read++; s.read%64 == 0 && s.ctx.Err() != nil {
		return nil, false, s.ctx.Err()
	}
	f, ok, err := s.e.open(at, &s.x)
	if !ok || err != nil || f.Type != s.q.Type || !s.e.sees(s.scope, f) {
		return nil, false, err
	}
	ok, err = s.matches(f)
	return f, ok, err
}

// open reads the resource at a position; ok is false when there is none any more.
func (e *Engine) open(at store.Position, x *fhir.Extractor) (*found, bool, error) {
	r, err := e.Store.At(at)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrCorrupt) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("search: %w", err)
	}
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return nil, false, nil
	}
	return &found{Resource: r, at: at, body: fhir.Apply(r.Raw, splices), x: x}, true, nil
}

// matches decides all terms: those by the resource's own values first.
func (s *search) matches(f *found) (bool, error) {
	if len(s.params) > 0 {
		values := s.x.Values(f.Type, f.body, s.params...)
		for i := range s.q.terms {
			if t := &s.q.terms[i]; t.param != nil && t.chain == nil && t.param.Type != fhir.CompositeParam && !s.own(t, f, values) {
				return false, nil
			}
		}
	}
	for i := range s.q.terms {
		t := &s.q.terms[i]
		ok, err := true, error(nil)
		switch {
		case t.has != nil:
			ok, err = s.has(t, f)
		case t.chain != nil:
			ok, err = s.chained(t, f)
		case t.param == nil:
			ok = t.named(f.ID)
		case t.param.Type == fhir.CompositeParam:
			ok = s.composite(t, f)
		}
		if !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

func (s *search) own(t *term, f *found, values []fhir.Value) bool {
	if t.param.Name == "_lastUpdated" {
		at := f.Updated.UnixMilli()
		values = []fhir.Value{{Param: t.param, Form: fhir.Time, First: at, Last: at}}
	}
	return s.e.matchValues(s.q, t, values)
}

func (t *term) named(id string) bool {
	has := slices.ContainsFunc(t.tests, func(one test) bool { return one.code == id })
	return has != (t.modifier == "not")
}

// has looks for something that refers to the resource and matches.
func (s *search) has(t *term, f *found) (bool, error) {
	var lists [][]byte
	for _, target := range s.q.spellings([]string{f.Type + "/" + f.ID}) {
		lists = append(lists, fhir.TargetList(t.has.Type, target, false), fhir.TargetList(t.has.Type, target, true))
	}
	p := plan{spans: window{0, store.MaxPlace}.spans(crowded(t.has.Type, lists))}
	me := test{targets: []string{f.Type + "/" + f.ID}}
	yes := false
	err := s.e.walk(s.ctx, t.has, s.scope, &p, nil, func(other *found) bool {
		via := term{param: t.via, tests: []test{me}}
		yes = s.e.matchValues(s.q, &via, other.values(t.via))
		return !yes
	})
	return yes, err
}

// chained looks at what the resource refers to.
func (s *search) chained(t *term, f *found) (bool, error) {
	var targets []string
	for _, v := range f.values(t.param) {
		if v.Form == fhir.Pointer {
			targets = append(targets, s.q.local(string(v.Code)))
		}
	}
	for _, target := range targets {
		r := fhir.ParseReference(target)
		inner := t.chain[r.Type]
		if inner == nil || r.Kind != fhir.Relative {
			continue
		}
		key := link{t, r.String()}
		yes, known := s.chains[key]
		if !known {
			n := s.e.newSearch(s.ctx, inner, s.scope)
			_, ok, err := n.look(s.e.at(r.Type, r.ID))
			if err != nil {
				return false, err
			}
			yes = ok
			if len(s.chains) < 10_000 {
				s.chains[key] = yes
			}
		}
		if yes {
			return true, nil
		}
	}
	return false, nil
}

// Selective reports whether the query asks for anything but the type.
func (q *Query) Selective() bool { return len(q.terms) > 0 }

// Find is up to n resources that match, of those that a scope sees.
func (e *Engine) Find(ctx context.Context, q *Query, scope *Scope, n int) ([]store.Ref, error) {
	refs, _, err := e.refs(ctx, q, scope, n)
	return refs, err
}
