package search

import (
	"context"

	"ember/store"
)

// Filter decides of one resource after the other whether it meets a query. It is used
// by one goroutine at a time.
type Filter struct {
	e     *Engine
	q     *Query
	scope *Scope
	s     *search
}

// Filter makes a filter; what chains and _has lead to is looked up as the scope sees it.
func (e *Engine) Filter(q *Query, scope *Scope) *Filter {
	return &Filter{e, q, scope, nil}
}

// Match reports whether a resource of the query's type meets it; body is the resource as
// answers show it.
func (f *Filter) Match(ctx context.Context, r *store.Resource, body []byte) (bool, error) {
	if f.s == nil || f.s.ctx != ctx {
		f.s = f.e.newSearch(ctx, f.q, f.scope)
	}
	return f.s.matches(&found{Resource: *r, body: body, x: &f.s.x})
}
