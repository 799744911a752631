package search

import (
	"context"

	"ember/fhir"
	"ember/store"
)

// Bounds of what is included in one page.
const (
	mostIncluded = 2000
	mostRounds   = 8
)

// includer adds to a page what belongs to it. Each resource comes once, so that
// circles end.
type includer struct {
	e     *Engine
	ctx   context.Context
	q     *Query
	scope *Scope
	page  *Page
	seen  map[string]bool
	x     fhir.Extractor
	fresh []store.Resource // of the round at hand
}

func (e *Engine) include(ctx context.Context, q *Query, scope *Scope, page *Page) error {
	if len(q.Includes)+len(q.RevIncludes) == 0 {
		return nil
	}
	in := &includer{e: e, ctx: ctx, q: q, scope: scope, page: page, seen: map[string]bool{}}
	for _, r := range page.Matches {
		in.seen[r.Type+"/"+r.ID] = true
	}
	from := page.Matches
	for round := 0; len(from) > 0 && round < mostRounds; round++ {
		in.fresh = nil
		for i := range from {
			if err := in.of(&from[i], round > 0); err != nil {
				return err
			}
		}
		page.Included = append(page.Included, in.fresh...)
		from = in.fresh
	}
	return ctx.Err()
}

// of includes what belongs to one resource; in later rounds only by what iterates.
func (in *includer) of(r *store.Resource, again bool) error {
	for i := range in.q.Includes {
		if inc := &in.q.Includes[i]; (inc.Iterate || !again) && inc.Source == r.Type {
			if err := in.targets(r, inc); err != nil {
				return err
			}
		}
	}
	for i := range in.q.RevIncludes {
		if inc := &in.q.RevIncludes[i]; inc.Iterate || !again {
			if err := in.sources(r, inc); err != nil {
				return err
			}
		}
	}
	return nil
}

// targets includes what the resource refers to.
func (in *includer) targets(r *store.Resource, inc *Include) error {
	splices, err := fhir.DecodeSplices(r.Aside)
	if err != nil {
		return nil
	}
	var params []*fhir.Param
	if inc.Param != nil {
		params = []*fhir.Param{inc.Param}
	}
	var targets []fhir.Reference
	for _, v := range in.x.Values(r.Type, fhir.Apply(r.Raw, splices), params...) {
		if v.Form != fhir.Pointer {
			continue
		}
		if ref := fhir.ParseReference(in.q.local(string(v.Code))); ref.Kind == fhir.Relative && (inc.Target == "" || inc.Target == ref.Type) {
			targets = append(targets, ref)
		}
	}
	for _, ref := range targets {
		if err := in.add(in.e.at(ref.Type, ref.ID), ref.String()); err != nil {
			return err
		}
	}
	return nil
}

// add takes a resource in, once.
func (in *includer) add(at store.Position, name string) error {
	if in.seen[name] {
		return nil
	}
	in.seen[name] = true
	f, ok, err := in.e.open(at, &in.x)
	if err != nil || !ok || !in.e.sees(in.scope, f) {
		return err
	}
	if len(in.page.Included)+len(in.fresh) >= mostIncluded {
		in.page.Cut = true
		return nil
	}
	in.fresh = append(in.fresh, f.Resource)
	return nil
}

// sources includes what refers to the resource.
func (in *includer) sources(r *store.Resource, inc *Include) error {
	if inc.Param == nil || inc.Target != "" && inc.Target != r.Type {
		return nil
	}
	t := term{param: inc.Param, tests: []test{{targets: []string{r.Type + "/" + r.ID}}}}
	q := &Query{Type: inc.Source, Base: in.q.Base, terms: []term{t}}
	return in.e.each(in.ctx, q, in.scope, nil, func(f *found) bool {
		name := f.Type + "/" + f.ID
		if in.seen[name] {
			return true
		}
		if len(in.page.Included)+len(in.fresh) >= mostIncluded {
			in.page.Cut = true
			return false
		}
		in.seen[name] = true
		in.fresh = append(in.fresh, f.Resource)
		return true
	})
}
