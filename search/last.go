package search

import (
	"context"

	"ember/fhir"
	"ember/store"
)

// lastOfEach are the latest matches of each code: codes are the same when a resource
// has both, or when one of its codings is.
func (e *Engine) lastOfEach(ctx context.Context, q *Query, scope *Scope, p *plan) (*Page, error) {
	code := fhir.FindParam(q.Type, "code")
	groups := map[string]*int{}
	page := &Page{Query: q, Total: -1}
	p.descending = true
	err := e.walk(ctx, q, scope, p, nil, func(f *found) bool {
		var names []string
		for _, v := range f.values(code) {
			names = append(names, string(v.System)+"|"+string(v.Code)+"|"+sayWithoutCode(&v))
		}
		if group(groups, names) <= q.LastOfEach {
			page.Matches = append(page.Matches, f.Resource)
		}
		return len(page.Matches) < mostIncluded
	})
	page.Cut = len(page.Matches) >= mostIncluded
	return page, err
}

func sayWithoutCode(v *fhir.Value) string {
	if v.Form == fhir.Said {
		return string(fhir.Fold(v.Text))
	}
	return ""
}

// group counts one more of the group that any of the names belongs to.
func group(groups map[string]*int, names []string) int {
	var n *int
	for _, name := range names {
		if known := groups[name]; known != nil && n == nil {
			n = known
		}
	}
	if n == nil {
		n = new(int)
	}
	for _, name := range names {
		if groups[name] == nil {
			groups[name] = n
		}
	}
	*n++
	return *n
}

// Patients are those that the query names, each by an id, so that nothing of others
// can match; nil where it does not.
func (q *Query) Patients() []string {
	for i := range q.terms {
		t := &q.terms[i]
		if t.modifier != "" || t.chain != nil || t.has != nil {
			continue
		}
		if t.param == nil && q.Type == "Patient" {
			var ids []string
			for _, one := range t.tests {
				ids = append(ids, one.code)
			}
			return ids
		}
		if t.param != nil && t.param.Type == fhir.ReferenceParam && (t.param.Name == "patient" || t.param.Name == "subject" || t.param.Name == "beneficiary") {
			if ids := t.patients(q.Base); ids != nil {
				return ids
			}
		}
	}
	return nil
}

// patients are the ids of the term's values, nil unless all are patients.
func (t *term) patients(base string) (ids []string) {
	for _, one := range t.tests {
		if one.code != "" {
			ids = append(ids, one.code)
			continue
		}
		r := fhir.ParseReference(trimBase(base, one.targets[0]))
		if r.Type != "Patient" {
			return nil
		}
		ids = append(ids, r.ID)
	}
	return ids
}

// at is the position of a resource that is looked up by its name.
func (e *Engine) at(typ, id string) store.Position {
	return store.Position{Ref: e.Store.RefHash(typ, id)}
}
