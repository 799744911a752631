package search

import (
	"context"
	"math"

	"ember/fhir"
	"ember/store"
)

// plan is how the candidates of a query are found.
type plan struct {
	ids        []store.Ref // when they can be named; nil: by spans
	named      bool
	spans      []store.Span
	descending bool
	sorted     bool // the walk is in another order than the answer's
	marks      [][]uint16
}

const (
	probe       = 2000 // entries that are counted to compare lists
	mostDrivers = 256  // lists that are walked together
	mostInner   = 4000 // targets that a chain or _has is resolved to beforehand
)

// plan chooses the shortest list among those that hold everything that matches.
func (e *Engine) plan(ctx context.Context, q *Query, scope *Scope) (*plan, error) {
	if err := e.answerable(q); err != nil {
		return nil, err
	}
	p := &plan{descending: true}
	p.order(q)
	for i := range q.terms {
		if m := q.marksOf(&q.terms[i]); m != nil {
			p.marks = append(p.marks, m)
		}
		if t := &q.terms[i]; t.param == nil && t.has == nil && t.modifier == "" {
			p.name(q.Type, t)
		}
	}
	if only := scope.only("Patient"); only != nil && q.Type == "Patient" && !p.named {
		p.named, p.ids = true, []store.Ref{}
		for _, id := range only {
			p.ids = append(p.ids, store.Ref{Type: "Patient", ID: id})
		}
	}
	if p.named {
		return p, nil
	}
	window := windowOf(q)
	best, fewest := [][]byte(nil), math.MaxInt
	for i := range q.terms {
		lists, ids, ok, err := e.lists(ctx, q, &q.terms[i], scope)
		if err != nil {
			return nil, err
		}
		if ids != nil && (len(ids) <= probe || fewest == math.MaxInt) {
			p.ids, p.named = ids, true
			return p, nil
		}
		if !ok || len(lists) > mostDrivers {
			continue
		}
		if n := e.size(window.spans(lists), fewest); n < fewest {
			best, fewest = lists, n
		}
	}
	if lists := scope.lists(q.Type); lists != nil && len(lists) <= mostDrivers {
		if n := e.size(window.spans(lists), fewest); n < fewest {
			best, fewest = lists, n
		}
	}
	if best == nil {
		best = [][]byte{fhir.TypeList(q.Type, false), fhir.TypeList(q.Type, true)}
	}
	p.spans = window.spans(best)
	return p, nil
}

// order says whether lists are in the order that was asked for.
func (p *plan) order(q *Query) {
	switch {
	case len(q.Sort) == 0:
	case len(q.Sort) == 1 && q.Sort[0].Param != nil && q.Sort[0].Param.Ordered:
		p.descending = q.Sort[0].Descending
	default:
		p.sorted = true
	}
}

// name takes the ids of _id; of two such parameters both must hold.
func (p *plan) name(typ string, t *term) {
	if p.named {
		return
	}
	p.named, p.ids = true, []store.Ref{}
	seen := map[string]bool{}
	for _, one := range t.tests {
		if !seen[one.code] {
			seen[one.code] = true
			p.ids = append(p.ids, store.Ref{Type: typ, ID: one.code})
		}
	}
}

// size counts the entries of spans, to the most that is of interest.
func (e *Engine) size(spans []store.Span, most int) int {
	n, most := 0, min(most, probe)
	for _, err := range e.Store.Scan(spans, true, nil) {
		if n++; err != nil || n >= most {
			break
		}
	}
	return n
}

// lists are those that together hold everything that meets a term; ok is false
// where there are none such. ids are the resources themselves, where these can be
// told beforehand.
func (e *Engine) lists(ctx context.Context, q *Query, t *term, scope *Scope) (lists [][]byte, ids []store.Ref, ok bool, err error) {
	switch {
	case t.chain != nil:
		lists, ok, err = e.chainLists(ctx, q, t, scope)
		return lists, nil, ok, err
	case t.has != nil:
		ids, err = e.hasIDs(ctx, q, t, scope)
		return nil, ids, false, err
	case t.param != nil && t.param.Type == fhir.StringParam && t.param.Listed && (t.modifier == "" || t.modifier == "exact"):
		for _, one := range t.tests {
			folded := fhir.Fold([]byte(one.text))
			list, ok := fhir.LineList(q.Type, t.param.Name, folded, false)
			if !ok {
				return nil, nil, false, nil
			}
			long, _ := fhir.LineList(q.Type, t.param.Name, folded, true)
			lists = append(lists, list, long)
		}
	case t.modifier != "" || t.param == nil:
		return nil, nil, false, nil
	case t.param.Type == fhir.CompositeParam:
		led, codes := t.leading(q.Type)
		if led == nil || !led.Listed {
			return nil, nil, false, nil
		}
		for _, code := range codes {
			lists = append(lists, fhir.ValueList(q.Type, led.Name, code, false), fhir.ValueList(q.Type, led.Name, code, true))
		}
	case t.param.Type == fhir.TokenParam && t.param.Listed:
		for _, one := range t.tests {
			if one.code == "" {
				return nil, nil, false, nil
			}
			lists = append(lists, fhir.ValueList(q.Type, t.param.Name, one.code, false), fhir.ValueList(q.Type, t.param.Name, one.code, true))
		}
	case t.param.Type == fhir.ReferenceParam:
		for _, one := range t.tests {
			targets := q.spellings(one.targets)
			if one.code != "" && len(t.param.Targets) == 0 {
				return nil, nil, false, nil
			}
			for _, target := range targets {
				lists = append(lists, fhir.TargetList(q.Type, target, false), fhir.TargetList(q.Type, target, true))
			}
		}
	default:
		return nil, nil, false, nil
	}
	return crowded(q.Type, lists), nil, true, nil
}

func crowded(typ string, lists [][]byte) [][]byte {
	return append(lists, fhir.CrowdList(typ, false), fhir.CrowdList(typ, true))
}

// spellings are the forms in which resources may write references to targets.
func (q *Query) spellings(targets []string) []string {
	if q.Base == "" {
		return targets
	}
	var all []string
	for _, t := range targets {
		local := q.local(t)
		all = append(all, local)
		if fhir.ParseReference(local).Kind == fhir.Relative {
			all = append(all, q.Base+local)
		}
	}
	return all
}

// chainLists searches the targets first, where they are few.
func (e *Engine) chainLists(ctx context.Context, q *Query, t *term, scope *Scope) (lists [][]byte, ok bool, err error) {
	for typ, inner := range t.chain {
		found, all, err := e.refs(ctx, inner, scope, (mostDrivers-2)/2)
		if err != nil || !all {
			return nil, false, err
		}
		for _, r := range found {
			for _, target := range q.spellings([]string{typ + "/" + r.ID}) {
				lists = append(lists, fhir.TargetList(q.Type, target, false), fhir.TargetList(q.Type, target, true))
			}
		}
	}
	return crowded(q.Type, lists), true, nil
}

// hasIDs searches what refers to resources first, where that is not too much.
func (e *Engine) hasIDs(ctx context.Context, q *Query, t *term, scope *Scope) ([]store.Ref, error) {
	ids := []store.Ref{}
	seen := map[string]bool{}
	n := 0
	err := e.each(ctx, t.has, scope, nil, func(f *found) bool {
		n++
		for _, v := range f.values(t.via) {
			r := fhir.ParseReference(q.local(string(v.Code)))
			if r.Type == q.Type && r.Kind == fhir.Relative && !seen[r.ID] {
				seen[r.ID] = true
				ids = append(ids, store.Ref{Type: r.Type, ID: r.ID})
			}
		}
		return n < mostInner
	})
	if err != nil || n >= mostInner {
		return nil, err
	}
	return ids, nil
}

// refs are the resources that match, up to a number; all is false when there are
// more.
func (e *Engine) refs(ctx context.Context, q *Query, scope *Scope, most int) (refs []store.Ref, all bool, err error) {
	all = true
	err = e.each(ctx, q, scope, nil, func(f *found) bool {
		if len(refs) == most {
			all = false
			return false
		}
		refs = append(refs, store.Ref{Type: f.Type, ID: f.ID})
		return true
	})
	return refs, all, err
}

// marksOf are the marks of which one must be there for a term to be met; nil where
// marks say nothing.
func (q *Query) marksOf(t *term) []uint16 {
	if t.modifier != "" || t.param == nil || t.chain != nil {
		return nil
	}
	var marks []uint16
	if led, codes := t.leading(q.Type); led != nil {
		for _, code := range codes {
			marks = append(marks, fhir.MarkOf(led, code))
		}
		return marks
	}
	for i := range t.tests {
		one := &t.tests[i]
		switch t.param.Type {
		case fhir.TokenParam:
			if one.code == "" {
				return nil
			}
			marks = append(marks, fhir.MarkOf(t.param, one.code))
		case fhir.ReferenceParam:
			if len(one.targets) == 0 {
				return nil
			}
			for _, target := range q.spellings(one.targets) {
				if fhir.ParseReference(q.local(target)).Kind != fhir.Relative {
					return nil
				}
				marks = append(marks, fhir.MarkOf(t.param, target))
			}
		case fhir.StringParam:
			head, ok := fhir.LineMark([]byte(one.text))
			if !ok {
				return nil
			}
			marks = append(marks, fhir.MarkOf(t.param, head))
		default:
			return nil
		}
	}
	return marks
}

// window are the places where what meets a query's dates can stand: among the
// short things and among the long ones.
type window struct{ from, to int64 }

// windowOf intersects what the query says of the date that orders its type.
func windowOf(q *Query) window {
	w := window{0, store.MaxPlace}
	for i := range q.terms {
		t := &q.terms[i]
		if t.param == nil || !t.param.Ordered || t.modifier != "" || t.chain != nil {
			continue
		}
		from, to := int64(store.MaxPlace), int64(0)
		for j := range t.tests {
			f, l := placesOf(&t.tests[j])
			from, to = min(from, f), max(to, l)
		}
		w.from, w.to = max(w.from, from), min(w.to, to)
	}
	return w
}

// placesOf are the places of what can meet a test, among the short things.
func placesOf(one *test) (from, to int64) {
	from, to = 0, store.MaxPlace
	back := fhir.PlaceOf(one.first) - fhir.LongTime
	switch one.prefix {
	case "eq":
		from, to = back, fhir.PlaceOf(one.last)
	case "gt", "ge", "sa":
		from = back
	case "lt", "le", "eb":
		to = fhir.PlaceOf(one.last)
	}
	return max(from, 0), to
}

// spans are the parts of lists within the window. Every second list has the long
// things, which may have begun at any time before.
func (w window) spans(lists [][]byte) []store.Span {
	var spans []store.Span
	for _, l := range lists {
		s := store.Span{List: l, From: w.from, To: w.to}
		if l[0] < 'a' {
			s.From = 0
		}
		spans = append(spans, s)
	}
	return spans
}
