package ingest

import (
	"bytes"
	"errors"
	"net/http"

	"ember/fhir"
	"ember/search"
	"ember/store"
)

// mostTries bounds how often a guarded write is looked at anew because somebody else
// wrote at the same time.
const mostTries = 5

// allowed reports whether a guard lets a write happen; else it refuses it in out. It ties
// the write to what it looked at, so that nothing else can come between.
func (in *Ingest) allowed(g *search.Guard, w *store.Write, path string, created bool, out *Outcome) bool {
	if g == nil {
		return true
	}
	old, err := in.opt.Store.Get(w.Type, w.ID)
	exists := err == nil
	ok := true
	switch {
	case err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrGone):
		ok = false
	case w.Delete:
		ok = !exists || in.seen(g.Delete, &old)
	case exists:
		ok = in.seen(g.Update, &old) && in.becomes(g.Update, w)
	case created:
		ok = in.becomes(g.Create, w)
	default:
		ok = in.becomes(g.Create, w) || in.becomes(g.Update, w)
	}
	if !ok && exists && w.IfVersion != 0 && !in.seen(g.Read, &old) {
		exists = false // what is hidden has the versions of what is not there: none
		ok = w.Delete || in.becomes(g.Create, w) || in.becomes(g.Update, w)
	}
	if !ok {
		out.refuse(http.StatusForbidden, "forbidden", path, "what the token allows does not cover this write")
		return false
	}
	now := uint64(store.Absent)
	if exists {
		now = old.Version
	}
	if w.IfVersion == 0 {
		w.IfVersion = now
	}
	if w.IfVersion != now {
		out.refuse(http.StatusPreconditionFailed, "conflict", path, "the current version is another")
		return false
	}
	return true
}

// seen reports whether a scope sees a stored resource as it is.
func (in *Ingest) seen(scope *search.Scope, r *store.Resource) bool {
	body, err := current(*r)
	return err == nil && in.opt.Search != nil && in.opt.Search.Sees(scope, r, body)
}

// becomes reports whether a scope will see what is written. A Patient that another record
// replaces takes all that is known along: that one must be seen, too.
func (in *Ingest) becomes(scope *search.Scope, w *store.Write) bool {
	for _, key := range w.Keys {
		if id, ok := bytes.CutPrefix(key, replacedKey("")); ok && !in.visible(scope, "Patient/"+string(id)) {
			return false
		}
	}
	splices, err := fhir.DecodeSplices(w.Aside)
	if err != nil || in.opt.Search == nil {
		return false
	}
	return in.opt.Search.Sees(scope, &store.Resource{Type: w.Type, ID: w.ID, Patient: w.Patient, Raw: w.Raw}, fhir.Apply(w.Raw, splices))
}

// visible reports whether a guard lets a reference be looked at.
func (in *Ingest) visible(scope *search.Scope, ref string) bool {
	typ, id, ok := splitRef(ref)
	if !ok {
		return false
	}
	r, err := in.opt.Store.Get(typ, id)
	return err == nil && in.seen(scope, &r)
}

// found is the one resource with a key, as far as who writes may know of it.
func (r *resolver) found(key []byte) (ref string, n int) {
	ref, n = r.in.find(key)
	if r.guard != nil && (n != 1 || !r.in.visible(r.guard.Find, ref)) {
		return "", 0
	}
	return ref, n
}

// conditionScope is what a condition may find.
func conditionScope(g *search.Guard) *search.Scope {
	if g == nil {
		return nil
	}
	return g.Find
}
